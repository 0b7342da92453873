"""The step context: what a callback may know about its attempt."""

from __future__ import annotations

import hashlib
import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from wf.core import Request
    from wf.facts import InstanceRow, StepRow


class StepName(dict[str, Any]):
    """Name and occurrence of a step, as items and as attributes."""

    @property
    def name(self) -> str:
        """The name as the author gave it."""
        return str(self["name"])

    @property
    def count(self) -> int:
        """Which occurrence of this name it is, from 1."""
        return int(self["count"])


class StepContext(dict[str, Any]):
    """Handed to a callback that has a parameter `ctx`. `step`, `attempt` and `config` are items too.

    Attributes:
        idempotency_key: The same text for every attempt of one step of one generation; safe in an HTTP header.
        cancelled: An event that is set when the attempt has lost its lease or its time; sync callbacks may look at it.
        log: A logger that says instance, step and attempt on every line.
    """

    def __init__(self, instance: InstanceRow, row: StepRow, config: dict[str, Any], cancelled: threading.Event) -> None:
        step = StepName(name=row.key.name, count=row.key.count)
        super().__init__(step=step, attempt=row.attempt, config=config)
        self.cancelled = cancelled
        self._instance, self._row = instance, row

    @property
    def step(self) -> StepName:
        """Name and occurrence of the step."""
        return self["step"]  # type: ignore[no-any-return]

    @property
    def attempt(self) -> int:
        """Number of this attempt, from 1; lost ones count."""
        return int(self["attempt"])

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration; durations are seconds. A copy: changing it changes nothing."""
        return self["config"]  # type: ignore[no-any-return]

    @property
    def idempotency_key(self) -> str:
        """A key for APIs that apply a request once."""
        instance = self._instance
        parts = (instance.workflow, instance.id, instance.generation, self._row.key.name, self._row.key.count)
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:40]

    @property
    def log(self) -> Any:
        """A structlog logger bound to this attempt."""
        return structlog.get_logger("wf.step").bind(
            workflow=self._instance.workflow,
            instance=self._instance.id,
            step=str(self._row.key),
            attempt=self._row.attempt,
        )


def call(request: Request, context: Callable[[], StepContext]) -> Any:
    """Call an author's callback with what its parameters ask for.

    A parameter `ctx` gets the context, in any position; so does the first parameter that has neither a default nor a
    dependency. Parameters that are dependencies get their results by name.
    """
    function = request.callback
    assert function is not None, "only `do` requests are called"
    if type(function) is FunctionType and not function.__code__.co_argcount and not request.arguments:
        return function()
    arguments: dict[str, Any] = dict(request.arguments)
    positional: list[Any] = []
    for name, parameter in _parameters(function).items():
        if name == "ctx" and parameter.kind is not parameter.POSITIONAL_ONLY:
            arguments["ctx"] = context()
        elif (
            not positional
            and name not in arguments
            and parameter.default is parameter.empty
            and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
            and "ctx" not in arguments
        ):
            positional.append(context())
    return function(*positional, **arguments)


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}  # some functions written in C have no signature
