"""The words between journal and replay: keys, requests and results. Plain data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from datetime import datetime

    from wf.core.retry import StepConfig


class Kind(StrEnum):
    """What a row of the journal is about."""

    DO = "do"
    """A callback that is run, retried and journaled."""
    SLEEP = "sleep"
    """A `step.sleep` or `step.sleep_until`."""
    WAIT = "waitForEvent"
    """A `step.wait_for_event`."""
    TIMER = "timer"
    """A timer of asyncio (`asyncio.sleep`, `timeout`, `wait_for`), made durable."""
    ROLLBACK = "rollback"
    """The handler that undoes a step; `run` never asks for it."""

    __hash__ = str.__hash__  # Enum's own is written in Python, and keys are looked up a lot


class Key(NamedTuple):
    """What a step is known by: never its position."""

    kind: Kind
    name: str
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls

    def __str__(self) -> str:
        """Show the key as every surface shows it: the name with its occurrence."""
        return f"{self.name}-{self.count}"


@dataclass(slots=True)
class Request:
    """Something `run` has asked for and not got yet.

    Attributes:
        key: Its key.
        future: The loop's future that `run` may await; None for a timer.
        callback: The author's function of a `do`.
        arguments: Results of its dependencies, by parameter name.
        config: Retries and timeout of a `do`.
        delay: Seconds from now until a sleep, timer or wait is over.
        until: The moment a `sleep_until` is over; wins over `delay`.
        event_type: What a wait waits for.
        times_out: Whether a timer ends something when it fires (`timeout`, `wait_for`), rather than a sleep.
        handle: What a timer calls.
        rollback: The author's function that undoes a `do`.
        rollback_config: Retries and timeout of it.
        transaction: Whether the callback writes in the transaction in which its result is journaled.
        at_once: Whether a sleep, timer or wait is over as soon as it is asked for; a test wants that.
    """

    key: Key
    future: asyncio.Future[Any] | None = None
    callback: Callable[..., Any] | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    config: StepConfig | None = None
    delay: float = 0.0
    until: datetime | None = None
    event_type: str = ""
    times_out: bool = False
    handle: asyncio.TimerHandle | None = None
    rollback: Callable[..., Any] | None = None
    rollback_config: StepConfig | None = None
    transaction: bool = False
    at_once: bool = False


class Rollback(NamedTuple):
    """How a step is undone.

    Attributes:
        handler: The author's function; `wf.undo.call_rollback` calls it.
        config: Its retries and timeout.
    """

    handler: Callable[..., Any]
    config: StepConfig


class Result(NamedTuple):
    """One journaled end of a step.

    Attributes:
        key: The step.
        at: When it ended, in seconds since the epoch on the journal's clock.
        value: What the step gave.
        error: What it failed with instead.
    """

    key: Key
    at: float
    value: Any = None
    error: BaseException | None = None


class Fields(dict[str, Any]):
    """A mapping whose entries are attributes too, under their own name and in snake_case."""

    __slots__ = ()
    _other_names: dict[str, str] = {}  # noqa: RUF012  # constant of each subclass

    def __getattr__(self, name: str) -> Any:
        try:
            return self[self._other_names.get(name, name)]
        except KeyError:
            known = ", ".join(str(key) for key in list(self)[:10])
            raise AttributeError(f"{type(self).__name__} has no {name!r}; its fields are {known:.300}") from None


class Event(Fields):
    """What `run` is handed: `payload`, `timestamp`, `instanceId`, `workflowName`, `schedule`.

    Attributes stand beside the items, also as `instance_id` and `workflow_name`. Changing it changes nothing.
    """

    __slots__ = ()
    _other_names = {"instance_id": "instanceId", "workflow_name": "workflowName"}  # noqa: RUF012


class Firing(Fields):
    """Which firing of a schedule created an instance: `cron`, and `scheduledTime` in milliseconds since the epoch."""

    __slots__ = ()
    _other_names = {"scheduled_time": "scheduledTime"}  # noqa: RUF012


class ReceivedEvent(Fields):
    """What `step.wait_for_event` gives: `payload`, `timestamp` (when it was accepted) and `type`."""

    __slots__ = ()
