"""Rollback handlers: the functions that undo steps, and how they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.calling import call_named
from wf.core.history import Fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.context import StepContext


class RollbackContext(Fields):
    """What a handler is told: `ctx`, `error`, `output` and `stepName`, as items and as attributes.

    `ctx` is the context of the step that is undone, `error` what made the instance fail, `output` the step's result or
    None, `stepName` (also `step_name`) the step with its occurrence, `"<name>-<count>"`.
    """

    __slots__ = ()
    _other_names = {"step_name": "stepName"}  # noqa: RUF012  # constant of the class


def call_rollback(handler: Callable[..., Any], context: StepContext, error: BaseException, output: Any) -> Any:
    """Call a rollback handler with what its parameters ask for, and give what it returns, which may be awaitable.

    Parameters named `ctx`, `error`, `output` and `step_name` (or `stepName`) get these by name; else the first
    positional one gets a `RollbackContext`. A handler without parameters is called with none.

    Args:
        handler: The author's function.
        context: The context of the step that is undone.
        error: What made the instance fail.
        output: The step's result; None if it failed or never finished.
    """
    name = f"{context.step.name}-{context.step.count}"
    whole = RollbackContext(ctx=context, error=error, output=output, stepName=name)
    return call_named(handler, {**whole, "step_name": name}, whole)
