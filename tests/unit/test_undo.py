"""How handlers of authors are called: by the names of their parameters, or with one thing that has it all."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from wf.attempt import Attempt
from wf.calling import call_named
from wf.context import StepContext
from wf.core import Key, Kind, StepConfig
from wf.facts import InstanceRow, StepRow
from wf.status import StepStatus
from wf.undo import call_rollback

if TYPE_CHECKING:
    from collections.abc import Callable


def context() -> StepContext:
    """The context of the second occurrence of a step, at its third attempt."""
    row = StepRow(1, Key(Kind.DO, "charge", 2), StepStatus.COMPLETE, attempt=3)
    values: dict[str, Any] = dict.fromkeys(InstanceRow._fields) | {"workflow": "shop", "id": "i-1", "generation": 1}
    return StepContext(Attempt(InstanceRow(**values), row, StepConfig(limit=2), 0.0, 0.0, 1_000))


class Handler:
    """Handlers need not be functions."""

    def __call__(self, output: Any) -> Any:
        return output

    def method(self, error: BaseException, *, stepName: str) -> Any:  # noqa: N803  # as the baseline names it
        return error, stepName


ERROR = OSError("down")


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        (lambda: "nothing", "nothing"),
        (lambda output: output, "paid"),
        (lambda error: error, ERROR),
        (lambda output, error: (output, error), ("paid", ERROR)),
        (lambda step_name: step_name, "charge-2"),
        (lambda stepName: stepName, "charge-2"),  # noqa: N803  # as the baseline names it
        (lambda ctx: (ctx.step.name, ctx.step.count, ctx.attempt, ctx.config["retries"]["limit"]), ("charge", 2, 3, 2)),
        (lambda *, output, ctx: (output, ctx.attempt), ("paid", 3)),
        (lambda output, amount=5: (output, amount), ("paid", 5)),
        (lambda amount=5: amount, 5),
        (Handler(), "paid"),
        (Handler().method, (ERROR, "charge-2")),
        (functools.partial(lambda kind, output: (kind, output), "refund"), ("refund", "paid")),
        (lambda told: (told.output, told["output"], told.error, told.ctx.attempt), ("paid", "paid", ERROR, 3)),
        (lambda told: (told.stepName, told.step_name, told["stepName"]), ("charge-2",) * 3),
        (lambda told, /: sorted(told), ["ctx", "error", "output", "stepName"]),
        (lambda told, output: (told.output, output), ("paid", "paid")),
        (lambda *told: [one.output for one in told], ["paid"]),
        (lambda **told: (told["output"], told["step_name"]), ("paid", "charge-2")),
    ],
)
def test_a_rollback_handler_gets_what_its_parameters_ask_for(handler: Callable[..., Any], answer: Any) -> None:
    """Names are filled in any order; another first parameter gets all in one; defaults of the author's stay."""
    assert call_rollback(handler, context(), ERROR, "paid") == answer


def test_an_async_handler_gives_what_is_to_be_awaited() -> None:
    """Whoever calls it runs it where async callbacks run."""

    async def handler(output: Any) -> Any:
        return output

    answer = call_rollback(handler, context(), ERROR, "paid")
    assert inspect.iscoroutine(answer)
    assert asyncio.run(answer) == "paid"


def test_a_step_that_gave_nothing_has_no_output() -> None:
    """The output of a failed step is None, and an unknown name is an error of the handler's own."""
    assert call_rollback(lambda told: told.output, context(), ERROR, None) is None
    with pytest.raises(AttributeError):
        call_rollback(lambda told: told.result, context(), ERROR, None)


OFFERED = {"ctx": 1, "error": 2}


@pytest.mark.parametrize(
    ("function", "answer"),
    [
        (str, "whole"),
        (lambda ctx, /, error: (ctx, error), (1, 2)),
        (lambda first=5, ctx=0, /: (first, ctx), (5, 1)),
        (lambda ctx, other: (ctx, other), (1, "whole")),
        (lambda error, **more: (error, more), (2, {"ctx": 1})),
        (lambda other, **more: (other, more), ("whole", {})),
        (lambda *all, **more: (all, more), (("whole",), {})),
        (lambda ctx, *all: (ctx, all), (1, ())),
        (lambda ctx=None, own=3: (ctx, own), (1, 3)),
    ],
)
def test_parameters_of_every_kind_are_filled(function: Callable[..., Any], answer: Any) -> None:
    """Positional-only, keyword-only, with defaults, and those that collect: each gets its own, and nothing twice."""
    assert call_named(function, OFFERED, "whole") == answer


@pytest.mark.parametrize("function", [lambda a, b: None, lambda *, other: None])
def test_what_cannot_be_filled_is_an_error(function: Callable[..., Any]) -> None:
    """A second thing, or a keyword of an unknown name, is missing, as Python says it."""
    with pytest.raises(TypeError, match="missing"):
        call_named(function, OFFERED, "whole")
