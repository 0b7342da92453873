"""Arranged races: statements queue up behind a row lock in a chosen order, callbacks stand at gates. No sleeps."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig, RowLock
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf import Event, Step
    from wf.settings import Settings

GATE = 20.0
"""Seconds after which a gate that nobody opens fails the test."""


class Gates:
    """Doors at which callbacks stand until the test lets them through."""

    def __init__(self) -> None:
        self.arrived: dict[str, threading.Event] = {}
        self.opened: dict[str, threading.Event] = {}
        self.passed: list[str] = []

    def add(self, *names: str) -> None:
        """Put up doors."""
        for name in names:
            self.arrived[name], self.opened[name] = threading.Event(), threading.Event()

    def stand(self, name: str) -> str:
        """Called in a step: say that we are here and wait."""
        self.arrived[name].set()
        assert self.opened[name].wait(GATE), f"nobody opened {name}"
        self.passed.append(name)
        return name

    def wait_for(self, name: str) -> None:
        """Wait until a step stands at the door."""
        assert self.arrived[name].wait(GATE), f"nobody came to {name}"

    def open(self, name: str) -> None:
        """Let it through."""
        self.opened[name].set()


@pytest.fixture
def two(settings: Settings) -> Iterator[Rig]:
    """Two workers, each with a cache of its own."""
    with Rig(settings, workers=2) as rig:
        yield rig


@pytest.fixture
def gates() -> Gates:
    """No doors yet."""
    return Gates()


@pytest.mark.parametrize("order", [("left", "right"), ("right", "left")])
def test_two_parallel_steps_finish_at_the_same_moment(two: Rig, gates: Gates, order: tuple[str, str]) -> None:
    """Whoever commits first, exactly one of the two workers goes on, and the join runs once."""
    gates.add("left", "right")
    joined: list[int] = []

    class Pair(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            both = await asyncio.gather(*[step.do(n, lambda n=n: gates.stand(n)) for n in ("left", "right")])
            await step.do("join", lambda: joined.append(1))
            return both

    instance = two.create(Pair)
    first = two.in_thread(two.advance, two.take()[0], 0)
    gates.wait_for("left")
    second = two.in_thread(two.advance, two.take()[0], 1)
    gates.wait_for("right")
    with RowLock(two.settings.database_url) as lock:
        for number, name in enumerate(order, 1):
            gates.open(name)
            lock.wait_for(number)
    first.result(GATE)
    second.result(GATE)
    two.settle()
    assert instance.status().output == ["left", "right"]
    assert joined == [1]
    assert [(s.attempt, s.lost) for s in instance.describe().steps] == [(1, 0)] * 3


@pytest.mark.parametrize("first", ["park", "event"])
def test_an_event_arrives_exactly_while_advance_parks(two: Rig, gates: Gates, first: str) -> None:
    """Whether the park or the event commits first, the wait gets the event, even if the event's nudge is lost."""
    gates.add("before")

    class Parks(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            await step.do("before", lambda: gates.stand("before"))
            return (await step.wait_for_event("w", "go")).payload

    instance = two.create(Parks)
    parking = two.in_thread(two.advance, two.take()[0], 0)
    gates.wait_for("before")
    with RowLock(two.settings.database_url) as lock:
        if first == "park":
            gates.open("before")
            lock.wait_for(1)
        sending = two.in_thread(instance.send_event, "go", "payload")
        lock.wait_for(2 if first == "park" else 1)
        if first == "event":
            gates.open("before")
            lock.wait_for(2)
    parking.result(GATE)
    sending.result(GATE)
    if first == "park":
        two.lose_messages()
        two.pass_time(two.settings.alarm_tick)
    assert instance.status().output == "payload"
    assert gates.passed == ["before"]


def test_two_workers_claim_one_step(two: Rig) -> None:
    """Both believe that the step is theirs; the journal lets one of them run it."""
    ran: list[int] = []

    class One(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            await step.do("one", lambda: ran.append(1))

    instance = two.create(One)
    nudge = two.take()[0]
    with RowLock(two.settings.database_url) as lock:
        both = [two.in_thread(two.advance, nudge, worker) for worker in (0, 1)]
        lock.wait_for(2)
    assert sorted(future.result(GATE).steps for future in both) == [0, 1]
    two.settle()
    assert ran == [1]
    assert instance.status().status == "complete"


def test_a_zombie_changes_nothing_after_its_lease_was_taken_over(two: Rig, gates: Gates) -> None:
    """A worker that was stopped beyond its lease comes back late: its result is dropped, the other one stays."""
    gates.add("zombie")
    tokens = iter(["zombie", "second"])

    def attempt() -> str:
        token = next(tokens)
        return gates.stand("zombie") if token == "zombie" else token

    class Taken(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            return await step.do("work", attempt)

    instance = two.create(Taken)
    zombie = two.in_thread(two.advance, two.take()[0], 0)
    gates.wait_for("zombie")
    two.clock.advance(two.settings.lease + 1)
    two.workers[1].alarm.run_once()
    two.settle(worker=1)
    assert instance.status().output == "second"
    before = two.sql("select rev, output from wf.instance join wf.payload on instance = key")
    gates.open("zombie")
    zombie.result(GATE)
    assert two.sql("select rev, output from wf.instance join wf.payload on instance = key") == before
    step = instance.describe().steps[0]
    assert [(a.attempt, a.outcome) for a in step.attempts] == [(1, "lost"), (2, "complete")]


def test_a_zombie_that_wakes_while_the_second_attempt_runs(two: Rig, gates: Gates) -> None:
    """The first attempt's late result does not become the second one's."""
    gates.add("first", "second")
    names = iter(["first", "second"])

    class Taken(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            return await step.do("work", lambda: gates.stand(next(names)))

    instance = two.create(Taken)
    zombie = two.in_thread(two.advance, two.take()[0], 0)
    gates.wait_for("first")
    two.clock.advance(two.settings.lease + 1)
    two.workers[1].alarm.run_once()
    second = two.in_thread(two.advance, two.take()[0], 1)
    gates.wait_for("second")
    gates.open("first")
    zombie.result(GATE)
    assert instance.status().status == "running"
    gates.open("second")
    second.result(GATE)
    assert instance.status().output == "second"


def test_terminate_while_a_step_runs(two: Rig, gates: Gates) -> None:
    """The running attempt's result is dropped, and nothing of the instance moves again."""
    gates.add("work")
    after: list[int] = []

    class Stopped(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            await step.do("work", lambda: gates.stand("work"))
            await step.do("after", lambda: after.append(1))

    instance = two.create(Stopped)
    running = two.in_thread(two.advance, two.take()[0], 0)
    gates.wait_for("work")
    instance.terminate()
    gates.open("work")
    running.result(GATE)
    two.pass_time(1_000)
    assert instance.status().status == "terminated"
    assert after == []
    assert [s.status for s in instance.describe().steps if s.type == "step"] == ["cancelled"]


def test_a_heartbeat_cannot_revive_a_lease_that_is_over(two: Rig, gates: Gates) -> None:
    """Once the lease is over by the database's clock, the attempt is told to stop, taken over or not."""
    gates.add("work")

    class Slow(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            await step.do("work", lambda: gates.stand("work"))

    two.create(Slow)
    running = two.in_thread(two.advance, two.take()[0], 0)
    gates.wait_for("work")
    attempts = two.workers[0].engine.runner.attempts
    (attempt,) = attempts._running.values()
    attempts.beat()
    assert not attempt.cancelled.is_set()
    two.clock.advance(two.settings.lease + 1)
    attempts.beat()
    assert attempt.cancelled.is_set()
    gates.open("work")
    running.result(GATE)


def test_a_lease_that_was_extended_is_not_taken_over(two: Rig, gates: Gates) -> None:
    """A worker that believes a lease is over asks the journal, which knows of the heartbeat."""
    gates.add("work")

    class Slow(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            return await step.do("work", lambda: gates.stand("work"))

    instance = two.create(Slow)
    running = two.in_thread(two.advance, two.take()[0], 0)
    gates.wait_for("work")
    two.clock.advance(two.settings.lease - 1)
    two.workers[0].engine.runner.attempts.beat()
    two.clock.advance(5)
    two.workers[1].alarm.run_once()
    two.settle(worker=1)
    gates.open("work")
    running.result(GATE)
    assert instance.status().output == "work"
    assert gates.passed == ["work"]
    assert instance.describe().recoveries == 0
