"""The `step` object: what authors call in `run`.

Every call registers at once and returns a future of the core's loop, so steps can be started now and awaited later,
gathered, raced, or put into a TaskGroup.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from datetime import UTC, datetime, timedelta
from types import FunctionType
from typing import TYPE_CHECKING, Any, overload

from wf.core.history import Kind
from wf.core.retry import StepConfig
from wf.durations import seconds
from wf.errors import InvalidEventType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wf.core.history import ReceivedEvent
    from wf.core.replay import Pass

NAME_MAX = 256
WAIT_MAX = timedelta(days=365).total_seconds()

_BAD_NAME = re.compile(r"[\x00-\x1f\ud800-\udfff]")
_EVENT_TYPE = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]{0,99}")


def check_event_type(type: object) -> str:
    """The event type, if it is a legal one.

    Raises:
        InvalidEventType: It is not 1 to 100 letters, digits, '-' or '_'.
    """
    if not isinstance(type, str) or not _EVENT_TYPE.fullmatch(type):
        raise InvalidEventType(type)
    return type


class Step:
    """Steps of one pass. Authors get it as the second argument of `run`."""

    def __init__(self, owner: Pass) -> None:
        self._pass = owner
        self._decorated: dict[str, DecoratedStep] = {}

    @overload
    def do(self, name: Callable[..., Any], /) -> DecoratedStep: ...
    @overload
    def do(
        self,
        name: str | None = None,
        callback: None = None,
        /,
        *,
        depends: Sequence[DecoratedStep] | None = None,
        concurrent: bool = False,
        config: Mapping[str, Any] | None = None,
    ) -> Callable[[Callable[..., Any]], DecoratedStep]: ...
    @overload
    def do(
        self, name: str, callback: Callable[..., Any], /, *, config: Mapping[str, Any] | None = None
    ) -> asyncio.Future[Any]: ...
    def do(
        self,
        name: str | Callable[..., Any] | None = None,
        callback: Callable[..., Any] | None = None,
        /,
        *,
        depends: Sequence[DecoratedStep] | None = None,
        concurrent: bool = False,
        config: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run a callback once, retried by itself, its result journaled.

        Three forms: `await step.do("name", callback)`; the decorator `@step.do("name")`, whose function becomes a
        callable without arguments that runs the step; and the same with parameters, each filled with the result of
        the step of that name (or of `depends`, in order). A parameter `ctx` gets the step's context.

        Args:
            name: Name of the step; the function's own name if absent.
            callback: Sync or async function. With it the step starts at once.
            depends: Decorated steps whose results fill the parameters in order.
            concurrent: Resolve the dependencies together instead of one after the other.
            config: `{"retries": {"limit", "delay", "backoff", ...}, "timeout"}`; durations in seconds or as text.

        Returns:
            A future of the result, or the decorated step.

        Raises:
            ValueError: The name or the configuration is not valid.
            TypeError: The callback cannot be called, or a parameter has no dependency.
        """
        if callback is not None:
            return self._start(_check_name(name), callback, {}, config)
        if callable(name):
            return DecoratedStep(self, name, None)

        def decorate(function: Callable[..., Any]) -> DecoratedStep:
            return DecoratedStep(self, function, name, depends, concurrent, config)

        return decorate

    def sleep(self, name: str, duration: float | str | timedelta) -> asyncio.Future[None]:
        """Sleep durably, without using a worker.

        Args:
            name: Name of the sleep.
            duration: Seconds, a timedelta, or text such as `"3 days"`; at most 365 days.
        """
        delay = _check_wait(seconds(duration, what=f"Sleep {name!r}"), f"Sleep {name!r}")
        return self._pass.request(Kind.SLEEP, _check_name(name), delay=delay)

    def sleep_until(self, name: str, timestamp: datetime | float) -> asyncio.Future[None]:
        """Sleep until a moment; one that is past returns at once.

        Args:
            name: Name of the sleep.
            timestamp: A datetime (naive means local time) or seconds since the epoch; at most 365 days from now.
        """
        if isinstance(timestamp, bool) or not isinstance(timestamp, datetime | int | float):
            raise TypeError(f"Sleep {name!r}: timestamp must be a datetime or a number, not {timestamp!r}.")
        try:
            until = timestamp if isinstance(timestamp, datetime) else datetime.fromtimestamp(timestamp, UTC)
            until = until.astimezone()
            delay = until.timestamp() - self._pass.loop.time()
        except (OverflowError, ValueError, OSError):
            raise ValueError(f"Sleep {name!r}: {timestamp!r} is not a moment in time (seconds since 1970).") from None
        _check_wait(delay, f"Sleep {name!r}")
        return self._pass.request(Kind.SLEEP, _check_name(name), until=until)

    def wait_for_event(
        self, name: str, event_type: str, /, timeout: float | str | timedelta = "24 hours"
    ) -> asyncio.Future[ReceivedEvent]:
        """Wait for an event of a type, without using a worker. Events sent earlier are buffered.

        Args:
            name: Name of the wait.
            event_type: 1 to 100 letters, digits, '-' or '_'.
            timeout: Seconds, a timedelta or text; at most 365 days.

        Returns:
            A future of `{payload, timestamp, type}`. Late, it raises WorkflowTimeoutError.
        """
        delay = _check_wait(seconds(timeout, what=f"Wait {name!r}: timeout"), f"Wait {name!r}: timeout")
        return self._pass.request(Kind.WAIT, _check_name(name), event_type=check_event_type(event_type), delay=delay)

    def _start(
        self, name: str, function: Callable[..., Any], arguments: dict[str, Any], config: Mapping[str, Any] | None
    ) -> asyncio.Future[Any]:
        if not callable(function):
            raise TypeError(f"Step {name!r} requires a callback function, not {function!r}.")
        parsed = StepConfig.parse(name, config)
        return self._pass.request(Kind.DO, name, function, arguments, parsed)


class DecoratedStep:
    """A function decorated with `@step.do`. Calling it starts the step and returns a future of its result."""

    __name__: str

    def __init__(  # noqa: PLR0917  # only `Step.do` builds it
        self,
        step: Step,
        function: Callable[..., Any],
        name: str | None,
        depends: Sequence[DecoratedStep] | None = None,
        concurrent: bool = False,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"Step {name!r} requires a callback function, not {function!r}.")
        if name is None and (name := getattr(function, "__name__", None)) is None:
            raise TypeError(f"{function!r} has no name of its own: write step.do(name)(...).")
        functools.update_wrapper(self, function)
        self._step, self._function, self._name = step, function, _check_name(name)
        self._depends, self._concurrent, self._config = depends, concurrent, config
        self._calls: list[asyncio.Future[Any]] = []
        step._decorated[self._name] = self  # noqa: SLF001  # two halves of one thing

    def __call__(self) -> asyncio.Future[Any]:
        """Start the step, its dependencies first.

        Raises:
            TypeError: A parameter has no dependency.
        """
        self._step._pass.check_caller(self._name)  # noqa: SLF001  # as above
        dependencies = self._dependencies()
        if dependencies:
            loop = self._step._pass.loop  # noqa: SLF001  # as above
            call: asyncio.Future[Any] = loop.create_task(self._after(dependencies), name=self._name)
        else:
            call = self._step._start(self._name, self._function, {}, self._config)  # noqa: SLF001  # as above
        done = [known for known in self._calls if _succeeded(known)][-1:]
        self._calls = [*done, *(known for known in self._calls if not known.done()), call]
        return call

    async def _after(self, dependencies: dict[str, DecoratedStep]) -> Any:
        if self._concurrent:
            values = await asyncio.gather(*(dependency._result() for dependency in dependencies.values()))  # noqa: SLF001
        else:
            values = [await dependency._result() for dependency in dependencies.values()]  # noqa: SLF001
        arguments = dict(zip(dependencies, values, strict=True))
        return await self._step._start(self._name, self._function, arguments, self._config)  # noqa: SLF001  # as above

    def _result(self) -> asyncio.Future[Any]:
        """The result for a dependent: of a call that succeeded or is in flight, else of a new one."""
        succeeded = [call for call in self._calls if _succeeded(call)]
        in_flight = [call for call in self._calls if not call.done()]
        calls = succeeded or in_flight
        return asyncio.shield(calls[-1] if calls else self())

    def _dependencies(self) -> dict[str, DecoratedStep]:
        names = [name for name in _parameters(self._function) if name != "ctx"]
        if self._depends is not None:
            return dict(zip(names, self._declared(names), strict=True))
        known = self._step._decorated  # noqa: SLF001  # as above
        for name in names:
            if name not in known or known[name] is self:
                there = ", ".join(sorted(set(known) - {self._name})) or "none"
                raise TypeError(
                    f"Received unexpected parameter {name}: step {self._name!r} can take `ctx` and the names of "
                    f"decorated steps ({there})."
                )
        return {name: known[name] for name in names}

    def _declared(self, names: list[str]) -> list[DecoratedStep]:
        depends = list(self._depends or ())
        if len(depends) != len(names):
            raise TypeError(
                f"Step declares {len(names)} non-ctx parameter(s) but 'depends' has {len(depends)} item(s) "
                f"(step {self._name!r})."
            )
        for name, dependency in zip(names, depends, strict=True):
            if not isinstance(dependency, DecoratedStep):
                raise TypeError(f"'depends' entry for parameter '{name}' is not a function decorated with step.do.")
        return depends


def _succeeded(call: asyncio.Future[Any]) -> bool:
    return call.done() and not call.cancelled() and call.exception() is None


def _parameters(function: Callable[..., Any]) -> Iterable[str]:
    if type(function) is FunctionType and not function.__dict__:
        code = function.__code__
        if not code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]  # the same, much faster
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return ()  # some functions written in C have no signature


def _check_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"A step's name must be text, not {name!r}.")
    if len(name) > NAME_MAX or not (name.isprintable() or _BAD_NAME.search(name) is None):
        raise ValueError(
            f"Step name {name!r:.300} exceeds max length ({NAME_MAX} chars) or invalid characters found: "
            f"control characters and lone surrogates are not allowed."
        )
    return name


def _check_wait(delay: float, what: str) -> float:
    if delay > WAIT_MAX:
        raise ValueError(f"{what}: at most 365 days, not {delay / 86_400:,.1f} days.")
    return delay
