"""The step context: what a callback may know about its attempt."""

from __future__ import annotations

import hashlib
import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any

import structlog

from wf.core.history import Fields

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from wf.attempt import Attempt
    from wf.core import Request


class StepName(Fields):
    """Name and occurrence of a step, as items and as attributes."""

    @property
    def name(self) -> str:
        """The name as the author gave it."""
        return str(self["name"])

    @property
    def count(self) -> int:
        """Which occurrence of this name it is, from 1."""
        return int(self["count"])


class StepContext(Fields):
    """Handed to a callback that has a parameter `ctx`. `step`, `attempt` and `config` are items too.

    Attributes:
        idempotency_key: The same text for every attempt of one step of one generation; safe in an HTTP header.
        cancelled: An event that is set when the attempt has been stopped, or has lost its lease or its time; sync
            callbacks may look at it.
        details: What the heartbeats of earlier attempts told last.
        log: A logger that says instance, step and attempt on every line.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt, self._instance, self._row = attempt, attempt.instance, attempt.row
        step = StepName(name=self._row.key.name, count=self._row.key.count)
        super().__init__(step=step, attempt=self._row.attempt, config=attempt.config.as_dict())
        self.cancelled = attempt.cancelled

    def heartbeat(self, details: Any = None) -> Awaitable[None]:
        """Say that the callback is alive, and how far it has come; await it or not.

        The lease of a running attempt is extended anyway. What is told is kept with the step, written every
        `WF_LEASE` / 3 seconds and when the attempt fails, and is the next attempt's `ctx.details`: an attempt whose
        worker is lost can be taken up where it was.

        Args:
            details: Any value that a step may return. None leaves what was told before.

        Raises:
            AttemptStopped: Nobody wants the result any more. It is no `Exception`: let it pass, and the callback ends.
            PayloadTooLarge: The details are larger than WF_MAX_PAYLOAD.
            SerializationError: They cannot be stored.
        """
        self._attempt.tell(details)
        return _Turn()

    @property
    def details(self) -> Any:
        """What the heartbeats of earlier attempts of this step told last, also of lost ones; None at first."""
        from wf.codec import decode  # noqa: PLC0415  (slow, and whoever only imports `wf` needs it not)

        return None if self._attempt.before is None else decode(self._attempt.before)

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
        """A structlog logger bound to this attempt. What it says is kept with the step, from INFO on."""
        logger = structlog.get_logger("wf.step")
        if self._attempt.lines is not None:
            processors = [self._attempt.lines.keep, *structlog.get_config()["processors"]]
            logger = structlog.wrap_logger(None, processors, logger_factory_args=("wf.step",))
        return logger.bind(
            workflow=self._instance.workflow,
            instance=self._instance.id,
            step=str(self._row.key),
            attempt=self._row.attempt,
        )


class _Turn:
    """May be awaited, or not: then the other coroutines have a turn, and a cancellation is noticed."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def call(request: Request, context: Callable[[], StepContext]) -> Any:
    """Call an author's callback with what its parameters ask for.

    A parameter `ctx` gets the context, in any position; so does the first parameter that has neither a default nor a
    dependency. Parameters that are dependencies get their results by name.
    """
    function = request.callback
    assert function is not None, "only `do` requests are called"
    if type(function) is FunctionType and not request.arguments:
        code = function.__code__
        if not code.co_argcount and not code.co_kwonlyargcount:
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


def call_with(connection: object, request: Request, context: Callable[[], StepContext]) -> Any:
    """Call the callback of a transaction: its one parameter gets the connection, a parameter `ctx` the context."""
    function = request.callback
    assert function is not None, "only `do` requests are called"
    parameters = _parameters(function)
    if "ctx" not in parameters:
        return function(connection)
    if next(iter(parameters)) == "ctx":  # it stands before the connection, so that goes by its name
        name = list(parameters)[1]
        return function(**{name: connection, "ctx": context()})
    return function(connection, ctx=context())


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}  # some functions written in C have no signature
