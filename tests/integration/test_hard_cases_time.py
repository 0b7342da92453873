"""Time in hard cases: late looks at deadlines, races between events and timers, and the worker's clock."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import Rig, RowLock, wait_until
from wf import Client, WorkflowEntrypoint
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf import Event, Step
    from wf.settings import Settings

LIMIT = 20.0
"""Seconds after which something that does not happen fails the test."""

LATE = {"at the next tick": 1, "an hour later": 3_600}
"""How long after everything has happened a worker looks, in seconds."""


@pytest.fixture
def real(settings: Settings) -> Iterator[Rig]:
    """A worker and a client on the database's own clock."""
    with Rig(settings) as rig:
        rig.client.close()
        rig.workers[0].close()
        rig.client, rig.workers = Client(settings=settings), [Runtime(settings)]
        yield rig


def happen(rig: Rig, instance: Any, moments: dict[int, str]) -> None:
    """Send an event at each of these seconds from now, and lose every message, as if no worker were there."""
    begin = rig.clock.now()
    for moment, payload in sorted(moments.items()):
        rig.clock.advance(begin + moment - rig.clock.now())
        instance.send_event("go", payload)
    rig.lose_messages()


@pytest.mark.parametrize(("sent", "given"), [(1_800, "event"), (3_599, "event"), (3_601, "timed out")])
@pytest.mark.parametrize("late", LATE)
def test_a_deadline_counts_when_the_event_is_accepted_not_when_a_worker_looks(
    rig: Rig, sent: int, given: str, late: str
) -> None:
    """An event from before a wait's deadline is given to it, however late; one from after it never is."""

    class Waits(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            try:
                return (await step.wait_for_event("w", "go", timeout="1 hour")).payload
            except TimeoutError:
                return "timed out"

    instance = rig.create(Waits)
    rig.settle()
    happen(rig, instance, {sent: "event"})
    rig.pass_time(3_600 - sent + LATE[late] if sent < 3_600 else LATE[late])
    assert instance.status().output == given


@pytest.mark.parametrize(("sent", "given"), [(59, "event"), (61, "timer")])
@pytest.mark.parametrize("kind", ["step.sleep", "asyncio.timeout", "asyncio.wait_for"])
@pytest.mark.parametrize("late", LATE)
def test_the_earlier_of_event_and_timer_wins_a_race(rig: Rig, sent: int, given: str, kind: str, late: str) -> None:
    """What came first wins, though a worker finds both at once, and wins again when the journal is replayed."""
    winners: list[str] = []

    async def race(step: Step) -> str:
        wait = step.wait_for_event("w", "go")
        if kind == "step.sleep":
            timer: asyncio.Future[Any] = asyncio.ensure_future(step.sleep("timer", 60))
            done, _ = await asyncio.wait([asyncio.ensure_future(wait), timer], return_when=asyncio.FIRST_COMPLETED)
            return "timer" if timer in done else "event"
        try:
            if kind == "asyncio.wait_for":
                await asyncio.wait_for(wait, 60)
            else:
                async with asyncio.timeout(60):
                    await wait
        except TimeoutError:
            return "timer"
        return "event"

    class Race(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            winners.append(await race(step))
            await step.sleep("rest", 600)
            return winners[-1]

    instance = rig.create(Race)
    rig.settle()
    happen(rig, instance, {sent: "event"})
    rig.pass_time(max(60 - sent, 0) + LATE[late])
    rig.pass_time(601)
    assert instance.status().output == given
    assert winners == [given] * 2


def test_events_and_waits_that_a_worker_finds_late_are_paired_in_time(rig: Rig) -> None:
    """Two waits in a row, looked at after all is over, get what they would have got in time."""

    class Row(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> list[Any]:
            got: list[Any] = []
            for name in ("a", "b"):
                try:
                    got.append((await step.wait_for_event(name, "go", timeout=60)).payload)
                except TimeoutError:
                    got.append(None)
            return got

    instance = rig.create(Row)
    rig.settle()
    happen(rig, instance, {30: "first", 45: "second"})
    rig.pass_time(600)
    assert instance.status().output == ["first", "second"]


def test_waiting_for_a_lock_does_not_turn_the_workers_clock_back(real: Rig) -> None:
    """A sleep that begins after a commit had to wait is not shorter than asked."""
    url, waited = real.settings.database_url, 1.5
    begun: list[float] = []

    def now() -> float:
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute("select extract(epoch from clock_timestamp())::float8").fetchone()
        assert row is not None
        return float(row[0])

    class Naps(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            await step.do("before", lambda: begun.append(now()))
            await step.sleep("nap", 100)

    real.create(Naps)
    with RowLock(url) as lock:
        running = real.in_thread(real.advance, real.take()[0])
        lock.wait_for(1)
        locked = now()
        wait_until(lambda: now() >= locked + waited, what="the lock is held for a while")
    running.result(LIMIT)
    [[wake_at]] = real.sql("select extract(epoch from wake_at)::float8 from wf.step where name = 'nap'")
    assert begun[0] + 100 - 0.5 <= wake_at <= now() + 100 + 0.5


def test_the_loop_tells_the_same_time_live_and_replayed(real: Rig) -> None:
    """`loop.time()` is exactly the same in every pass, after steps, sleeps and events, to the last digit."""
    told: defaultdict[str, list[float]] = defaultdict(list)

    class Told(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            def note(point: str) -> None:
                told[point].append(asyncio.get_running_loop().time())

            note("begin")
            for number in range(6):
                await step.do("work", lambda: 1)
                note(f"step {number}")
                await step.sleep("none", 0)
                note(f"sleep {number}")
            await step.wait_for_event("w", "go")
            note("event")
            await step.do("last", lambda: 1)
            note("last")

    instance = real.create(Told)
    instance.send_event("go")
    while nudges := real.take():
        for nudge in nudges:
            real.advance(nudge)
            real.workers[0].engine.passes.clear()
    assert instance.status().status == "complete"
    assert len(told["begin"]) > 6
    assert {point: len(set(times)) for point, times in told.items()} == dict.fromkeys(told, 1)
