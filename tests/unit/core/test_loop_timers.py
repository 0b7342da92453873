"""Time in a pass: asyncio's sleeps and timeouts are timers of the journal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.passes import asked, begin, done, fired, work
from wf.core import Completed, Kind

if TYPE_CHECKING:
    from wf.core import Event, Step


def test_wait_has_a_durable_timeout() -> None:
    """The timeout of `wait` is a timer of the journal."""

    async def run(_event: Event, step: Step) -> Any:
        finished, pending = await asyncio.wait([step.do("a", work)], timeout=5)
        return len(finished), len(pending)

    suspended = begin(run)
    assert asked(suspended) == ["do:a-1", "timer:timer-1"]
    suspended.feed(fired())
    assert suspended.outcome == Completed((0, 1))


def test_sleep_is_a_durable_timer() -> None:
    """`asyncio.sleep` asks for a timer with its delay and goes on when the journal says that it fired."""

    async def run(_event: Event, _step: Step) -> Any:
        return await asyncio.sleep(3600, "slept")

    suspended = begin(run, at=100.0)
    (timer,) = suspended.requests()
    assert (timer.key.kind, str(timer.key), timer.delay) == (Kind.TIMER, "timer-1", 3600.0)
    suspended.feed(fired(at=3700.0))
    assert suspended.outcome == Completed("slept")


def test_sleeps_of_no_length_ask_for_nothing() -> None:
    """`asyncio.sleep(0)` and timers that are due at once only let others run."""

    async def run(_event: Event, _step: Step) -> Any:
        await asyncio.sleep(0)
        await asyncio.sleep(-1)
        called = asyncio.Event()
        asyncio.get_running_loop().call_later(0, called.set)
        await called.wait()
        return "done"

    assert begin(run).outcome == Completed("done")


def test_timeout_cancels_a_step_when_its_timer_fires() -> None:
    """`asyncio.timeout` raises TimeoutError when the timer fires first, and the step is withdrawn."""

    async def run(_event: Event, step: Step) -> Any:
        try:
            async with asyncio.timeout(10):
                return await step.do("slow", work)
        except TimeoutError:
            return await step.do("instead", work)

    suspended = begin(run)
    assert asked(suspended) == ["do:slow-1", "timer:timer-1"] or asked(suspended) == ["timer:timer-1", "do:slow-1"]
    suspended.feed(fired(at=10.0))
    assert asked(suspended) == ["do:instead-1"]
    suspended.feed(done("slow", "ignored"), done("instead", "plan b"))
    assert suspended.outcome == Completed("plan b")


def test_a_timer_that_is_not_needed_any_more_vanishes() -> None:
    """A step that ends in time takes the timer of its timeout with it."""

    async def run(_event: Event, step: Step) -> Any:
        async with asyncio.timeout(10):
            await step.do("quick", work)
        first = await asyncio.wait_for(step.do("also quick", work), timeout=20)
        await step.do("last", work)
        return first

    suspended = begin(run, done("quick"))
    assert asked(suspended) == ["do:also quick-1", "timer:timer-2"]
    suspended.feed(done("also quick", 5))
    assert asked(suspended) == ["do:last-1"]
    suspended.feed(fired(2), done("last"))
    assert suspended.outcome == Completed(5)


def test_wait_for_raises_when_its_timer_fires() -> None:
    """`wait_for` is late exactly when the journal says so."""

    async def run(_event: Event, step: Step) -> Any:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(step.do("slow", work), timeout=20)
        return "late"

    suspended = begin(run, fired())
    assert suspended.outcome == Completed("late")


def test_a_timer_that_is_cancelled_while_it_fires_does_nothing() -> None:
    """Cancelling a timer whose callback is already due has no effect on anything else."""

    async def run(_event: Event, step: Step) -> Any:
        loop = asyncio.get_running_loop()
        called: list[str] = []
        late = loop.call_later(0, called.append, "cancelled in time")
        late.cancel()
        late.cancel()
        await step.do("a", work)
        return called

    assert begin(run, done("a")).outcome == Completed([])


def test_time_is_that_of_the_last_result() -> None:
    """`loop.time()` tells when the instance was created, then the journaled time of each result."""

    async def run(_event: Event, step: Step) -> Any:
        loop = asyncio.get_running_loop()
        times = [loop.time()]
        for name in "ab":
            await step.do(name, work)
            times.append(loop.time())
        return times

    suspended = begin(run, done("a", at=150.5), done("b", at=160.25), at=100.0)
    assert suspended.outcome == Completed([100.0, 150.5, 160.25])
