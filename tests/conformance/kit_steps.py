"""Lifetimes, attempts and delays: what the conformance tests of steps share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conformance.kit_events import HOUR, flow, new_lifetime, output, started
from wf.status import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from tests.support import Rig
    from wf.answers import Answer
    from wf.instance import Instance

    Body = Callable[[Any], Awaitable[Any]]


def once(retries: int = 0, **retry: Any) -> dict[str, Any]:
    """A configuration with that many retries, without waiting between them unless told so."""
    return {"retries": {"limit": retries, "delay": 0, **retry}}


def wake(rig: Rig, seconds: float = HOUR) -> None:
    """Another worker finds the instance after so many seconds: a new lifetime."""
    new_lifetime(rig)
    rig.pass_time(seconds)


def lives(rig: Rig, body: Body, **keywords: Any) -> list[Any]:
    """What `body(step)` gave in the first lifetime, where it ran, and in the second, where it was replayed."""
    seen: list[Any] = []

    async def two_lives(_: Any, step: Any) -> None:
        seen.append(await body(step))
        await step.sleep("between two lives", HOUR)

    instance = started(rig, two_lives, **keywords)
    assert instance.status().status == "waiting", instance.status()
    wake(rig)
    output(instance)
    return seen


def result_of(rig: Rig, body: Body, **keywords: Any) -> Any:
    """What `body(step)` gives, with all the time in the world."""

    async def one_life(_: Any, step: Any) -> Any:
        return await body(step)

    instance = started(rig, one_life, **keywords)
    to_the_end(rig, instance)
    return output(instance)


def to_the_end(rig: Rig, instance: Instance, lifetimes: bool = False) -> Answer:
    """Go from wake to wake until the instance has ended; its description.

    Args:
        rig: Where it runs.
        instance: Which.
        lifetimes: Whether each wake is a new lifetime.
    """
    for _ in range(100):
        found = instance.describe()
        if found.status in TERMINAL:
            return found
        assert found.next_wake is not None, found
        if lifetimes:
            new_lifetime(rig)
        rig.pass_time(max(0.0, found.next_wake.timestamp() - rig.clock.now()))
    raise AssertionError(f"This instance does not come to its end: {instance.describe()}")


async def caught(call: Callable[..., Awaitable[Any]], *arguments: Any, **keywords: Any) -> Any:
    """The error with which a call ends, for `run`; not its result."""
    try:
        found = await call(*arguments, **keywords)
    except Exception as error:
        return error
    raise AssertionError(f"It was not refused, but gave {found!r}.")


def delays(step: Answer) -> list[float]:
    """The seconds between each failed attempt of a described step and the moment of its retry."""
    return [
        (attempt.retry_at - attempt.end).total_seconds() for attempt in step.attempts if attempt.retry_at is not None
    ]


def seconds_until(rig: Rig, moment: datetime) -> float:
    """How far a moment is from now, by the rig's clock."""
    return round(moment.timestamp() - rig.clock.now(), 6)


class Failing:
    """A callback that fails a number of times, by default always, and then gives how often it was called.

    Args:
        times: How often.
        error: With what; by default with `ValueError("failure <number of the call>")`.
    """

    def __init__(self, times: float = float("inf"), error: BaseException | None = None) -> None:
        self.times, self.calls, self.error = times, 0, error

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error or ValueError(f"failure {self.calls}")
        return self.calls


__all__ = ["HOUR", "Failing", "caught", "delays", "flow", "lives", "new_lifetime", "once", "output", "result_of",
           "seconds_until", "started", "to_the_end", "wake"]  # fmt: skip
