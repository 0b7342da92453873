"""The `step` object: what authors call in `run`.

Every call registers at once and returns a future of the core's loop, so steps can be started now and awaited later,
gathered, raced, or put into a TaskGroup.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, overload

from wf.core.decorated import DecoratedStep, Decorator
from wf.core.history import Kind, Rollback
from wf.core.names import check_event_type, check_name
from wf.core.retry import StepConfig
from wf.core.transaction import DecoratedTransaction, check_callback
from wf.durations import seconds

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    from wf.core.history import ReceivedEvent
    from wf.core.replay import Pass


class Step:
    """Steps of one pass. Authors get it as the second argument of `run`."""

    def __init__(self, owner: Pass) -> None:
        self._pass = owner
        self._plain = StepConfig.parse("", None, limit_max=owner.limits.retries)
        self._decorated: dict[str, DecoratedStep] = {}

    @overload
    def do(self, name: Callable[..., Any], /) -> DecoratedStep: ...
    @overload
    def do(
        self,
        name: str | None = None,
        callback: list[DecoratedStep] | None = None,
        *,
        depends: Sequence[DecoratedStep] | None = None,
        concurrent: bool = False,
        config: Mapping[str, Any] | None = None,
        rollback: Callable[..., Any] | None = None,
        rollback_config: Mapping[str, Any] | None = None,
    ) -> Callable[[Callable[..., Any]], DecoratedStep]: ...
    @overload
    def do(
        self,
        name: str,
        callback: Callable[..., Any],
        /,
        *,
        config: Mapping[str, Any] | None = None,
        rollback: Callable[..., Any] | None = None,
        rollback_config: Mapping[str, Any] | None = None,
    ) -> asyncio.Future[Any]: ...
    def do(
        self,
        name: str | Callable[..., Any] | None = None,
        callback: Callable[..., Any] | list[DecoratedStep] | None = None,
        *,
        depends: Sequence[DecoratedStep] | None = None,
        concurrent: bool = False,
        config: Mapping[str, Any] | None = None,
        rollback: Callable[..., Any] | None = None,
        rollback_config: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run a callback once, retried by itself, its result journaled.

        Three forms: `await step.do("name", callback)`; the decorator `@step.do("name")`, whose function becomes a
        callable without arguments that runs the step; and the same with parameters, each filled with the result of
        the step of that name (or of `depends`, in order). A parameter `ctx` gets the step's context.

        Args:
            name: Name of the step; the function's own name if absent.
            callback: Sync or async function. With it the step starts at once. A list is taken for `depends`.
            depends: Decorated steps whose results fill the parameters in order.
            concurrent: Resolve the dependencies together instead of one after the other.
            config: `{"retries": {"limit", "delay", "backoff", ...}, "timeout"}`; durations in seconds or as text. The
                delay may be a function of `ctx` and `error`, called after each failed attempt.
            rollback: Sync or async function that undoes the step if the instance fails, or is terminated with
                rollback; its parameters may be `ctx`, `error`, `output` and `step_name`.
            rollback_config: Retries and timeout of `rollback`, as in `config`.

        Returns:
            A future of the result, or the decorated step.

        Raises:
            ValueError: The name or the configuration is not valid.
            TypeError: The callback or the rollback cannot be called, or a parameter has no dependency.
        """
        if isinstance(callback, list):
            callback, depends = None, callback
        if callback is not None:
            name = check_name(name)
            if rollback is None and rollback_config is None:
                return self._start(name, callback, {}, config)
            return self._start(name, callback, {}, config, self._rollback(name, rollback, rollback_config))
        if callable(name):
            return DecoratedStep(self, name, None)

        def decorate(function: Callable[..., Any]) -> DecoratedStep:
            return DecoratedStep(self, function, name, depends, concurrent, config, rollback, rollback_config)

        return Decorator(name, decorate)

    @overload
    def transaction(self, name: Callable[..., Any], /) -> DecoratedTransaction: ...
    @overload
    def transaction(
        self, name: str | None = None, callback: None = None, /, *, config: Mapping[str, Any] | None = None
    ) -> Callable[[Callable[..., Any]], DecoratedTransaction]: ...
    @overload
    def transaction(
        self, name: str, callback: Callable[..., Any], /, *, config: Mapping[str, Any] | None = None
    ) -> asyncio.Future[Any]: ...
    def transaction(
        self,
        name: str | Callable[..., Any] | None = None,
        callback: Callable[..., Any] | None = None,
        /,
        *,
        config: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run a callback whose writes are committed in the same transaction as the step's result: exactly once.

        Two forms, as of `do`: `await step.transaction("name", callback)`, and the decorator
        `@step.transaction("name")`. The callback is sync and gets a SQLAlchemy `Connection` on the journal's database,
        in a transaction that has begun, and `ctx` if it has such a parameter. It must not commit: that is done when it
        returns. If it raises, all that it wrote is rolled back, and the step is retried like any other.

        Args:
            name: Name of the step; the function's own name if absent.
            callback: Sync function. With it the step starts at once.
            config: As of `do`.

        Returns:
            A future of the result, or the decorated step.

        Raises:
            ValueError: The name or the configuration is not valid.
            TypeError: The callback is async, or does not take a connection.
        """
        if callback is not None:
            name = check_name(name)
            check_callback(name, callback)
            parsed = StepConfig.parse(name, config, limit_max=self._pass.limits.retries)
            return self._pass.request(Kind.DO, name, callback, {}, parsed, transaction=True)
        if callable(name):
            return DecoratedTransaction(self, name, None, None)

        def decorate(function: Callable[..., Any]) -> DecoratedTransaction:
            return DecoratedTransaction(self, function, name, config)

        return decorate

    def sleep(self, name: str, duration: float | str | timedelta) -> asyncio.Future[None]:
        """Sleep durably, without using a worker.

        Args:
            name: Name of the sleep.
            duration: Seconds, a timedelta, or text such as `"3 days"`; at most 365 days (WF_MAX_WAIT).
        """
        delay = self._pass.limits.check_wait(seconds(duration, what=f"Sleep {name!r}"), f"Sleep {name!r}")
        return self._pass.request(Kind.SLEEP, check_name(name), delay=delay)

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
        self._pass.limits.check_wait(delay, f"Sleep {name!r}")
        return self._pass.request(Kind.SLEEP, check_name(name), until=until)

    def wait_for_event(
        self, name: str, event_type: str, /, timeout: float | str | timedelta = "24 hours"
    ) -> asyncio.Future[ReceivedEvent]:
        """Wait for an event of a type, without using a worker. Events sent earlier are buffered.

        Args:
            name: Name of the wait.
            event_type: 1 to 100 letters, digits, '-' or '_'.
            timeout: Seconds, a timedelta or text; at most 365 days (WF_MAX_WAIT).

        Returns:
            A future of `{payload, timestamp, type}`. Late, it raises WorkflowTimeoutError.
        """
        what = f"Wait {name!r}: timeout"
        delay = self._pass.limits.check_wait(seconds(timeout, what=what), what)
        return self._pass.request(Kind.WAIT, check_name(name), event_type=check_event_type(event_type), delay=delay)

    def now(self) -> datetime:
        """The time, in UTC, the same on every replay: when the last thing happened that `run` has seen."""
        self._pass.check_caller("now()")
        return datetime.fromtimestamp(self._pass.loop.time(), UTC)

    def random(self) -> float:
        """A random number from 0 up to, but not including, 1; the same on every replay. Not for secrets."""
        self._pass.check_caller("random()")
        return self._pass.chance.random()

    def uuid4(self) -> UUID:
        """A random UUID, the same on every replay."""
        self._pass.check_caller("uuid4()")
        return self._pass.chance.uuid4()

    def _start(
        self,
        name: str,
        function: Callable[..., Any],
        arguments: dict[str, Any],
        config: Mapping[str, Any] | None,
        undo: Rollback | None = None,
    ) -> asyncio.Future[Any]:
        if not callable(function):
            raise TypeError(f"Step {name!r} requires a callback function, not {function!r}.")
        parsed = self._plain if config is None else StepConfig.parse(name, config, limit_max=self._pass.limits.retries)
        if undo is None:
            return self._pass.request(Kind.DO, name, function, arguments, parsed)
        parsed, (handler, how) = replace(parsed, rollback=True), undo
        return self._pass.request(Kind.DO, name, function, arguments, parsed, rollback=handler, rollback_config=how)

    def _rollback(self, name: str, handler: object, config: Mapping[str, Any] | None) -> Rollback | None:
        if handler is None:
            if config is not None:
                raise ValueError(f'Rollback config for "{name}" was given, but no rollback: give both, or none.')
            return None
        if not callable(handler):
            raise TypeError(f'Rollback for "{name}" must be a function, not {handler!r}.')
        limit_max = self._pass.limits.retries
        return Rollback(handler, StepConfig.parse(name, config, limit_max=limit_max, of_rollback=True))
