"""Short words for tests of the core: begin a pass, feed results, see what `run` asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.core import Event, Key, Kind, Limits, Pass, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import Step


def begin(
    run: Callable[[Event, Step], Any], *history: Result, payload: Any = None, at: float = 0.0, max_steps: int = 10_000
) -> Pass:
    """A pass of `run` that was fed a history."""
    event = Event(payload=payload, instanceId="r-17", workflowName="report")
    started = Pass(run, event, at=at, limits=Limits(steps=max_steps))
    started.feed(*history)
    return started


def done(
    name: str,
    value: Any = None,
    *,
    count: int = 1,
    kind: Kind = Kind.DO,
    at: float = 1.0,
    error: BaseException | None = None,
) -> Result:
    """The journaled end of a step, by default that of a `do`."""
    return Result(Key(kind, name, count), at, value, error)


def fired(count: int = 1, *, at: float = 1.0) -> Result:
    """The journaled end of a timer of asyncio."""
    return Result(Key(Kind.TIMER, "timer", count), at)


def asked(suspended: Pass) -> list[str]:
    """What `run` waits for, such as `do:upload-1`, in the order in which it asked."""
    return [f"{request.key.kind}:{request.key}" for request in suspended.requests()]


def work() -> None:
    """The callback of a step that nobody runs here."""


async def three_in_a_row(_event: Event, step: Step) -> Any:
    """Three steps of one name, one after the other."""
    return [await step.do("same", work) for _ in range(3)]
