"""Slots in hard cases: siblings, duplicates and rollbacks that come for one, limits that go, workers that know less."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import Rig, wait_until
from tests.support.standing import LIMIT, Door, held_at
from wf import WorkflowEntrypoint, crashpoints
from wf.dispatch import Nudge
from wf.sql import statements
from wf.workflow import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings


@pytest.fixture
def two(settings: Settings) -> Iterator[Rig]:
    """Two workers, each with a cache of its own."""
    with Rig(settings, workers=2) as rig:
        yield rig


def slots(rig: Rig) -> list[str | None]:
    """Who holds each slot, by id."""
    query = "select id from wf.slot left join wf.instance on key = slot.instance order by slot.workflow, number"
    return [row[0] for row in rig.sql(query)]


def work(door: Door, **keywords: Any) -> type[WorkflowEntrypoint]:
    """A workflow whose one step stands at a door if its payload says so."""

    class Works(WorkflowEntrypoint, **keywords):
        async def run(self, event: Any, step: Any) -> str:
            await step.do("work", door.stand if event.payload else lambda: None)
            return str(event.instance_id)

    return Works


def begin(rig: Rig, cls: type[WorkflowEntrypoint], id: str, door: Door) -> Any:
    """An instance that stands at its door; the future of the worker that runs it."""
    rig.create(cls, id, {"stand": True})
    running = rig.in_thread(rig.advance, rig.take()[0])
    door.wait_for()
    return running


def wait_for_lock(rig: Rig, number: int) -> None:
    """Wait until so many statements stand behind a lock."""
    query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    wait_until(lambda: rig.sql(query)[0][0] >= number, what=f"{number} statements wait for a lock")


def test_a_rollback_begins_without_a_slot_if_there_is_none(rig: Rig) -> None:
    """An instance terminated while it slept is undone although others have all slots; it is never queued again."""
    door, undone = Door(), []

    class Undone(WorkflowEntrypoint, name="slots-rollback", concurrency=1):
        async def run(self, event: Any, step: Any) -> None:
            if event.payload:
                await step.do("work", door.stand)
                return
            await step.do("book", lambda: "seat", rollback=lambda: undone.append("seat"))
            await step.sleep("long", "3 days")

    rig.workers[0].catalog.register(Undone)
    sleeper = rig.create(Undone, "sleeper")
    rig.settle()
    running = begin(rig, Undone, "worker", door)
    sleeper.terminate(rollback=True)
    rig.settle()
    assert (sleeper.status().status, undone) == ("terminated", ["seat"])
    door.open()
    running.result(LIMIT)
    rig.settle()
    assert slots(rig) == [None]


def test_an_instance_that_is_queued_while_a_duplicate_gets_a_slot_does_not_stay_in_the_queue(two: Rig) -> None:
    """Two nudges for one instance: the one queues it, the other has just taken the slot. All slots are given on."""
    door = Door()
    cls = work(door, name="slots-duplicate", concurrency=1)
    two.workers[0].catalog.register(cls)
    holder = begin(two, cls, "holder", door)
    queued = two.create(cls, "queued", None)
    nudge = two.take()[0]
    with psycopg.connect(two.settings.database_url) as lock:
        lock.execute("select 1 from wf.instance where id = 'queued' for update")
        first = two.in_thread(two.advance, nudge, 0)
        wait_for_lock(two, 1)
        door.open()
        holder.result(LIMIT)
        second = two.in_thread(two.advance, nudge, 1)
        wait_for_lock(two, 2)
        lock.rollback()
        first.result(LIMIT)
        second.result(LIMIT)
    two.settle()
    assert queued.status().status == "complete"
    two.create(cls, "next", None)
    two.settle()
    two.pass_time(1)
    assert two.client.workflow(cls).get("next").status().status == "complete"
    assert slots(two) == [None]


def test_a_limit_that_was_dropped_holds_back_no_older_version(rig: Rig) -> None:
    """When the newest version has no limit any more, instances of the older one run, too, whoever had been queued."""
    door = Door()
    old = work(door, name="slots-dropped", version="1", concurrency=1)
    rig.workers[0].catalog.register(old)
    running = begin(rig, old, "first", door)
    queued = rig.create(old, "queued", None)
    rig.settle()
    new = work(door, name="slots-dropped", version="2")
    rig.workers[0].catalog.register(new)
    rig.pass_time(1)
    assert queued.status().status == "complete"
    door.open()
    running.result(LIMIT)
    rig.settle()
    assert slots(rig) == [None]


def test_a_sibling_that_comes_late_does_not_run_without_a_slot(two: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its instance has parked and given the slot away between the look at it and the claim of the retry."""
    door, other = Door(), Door()
    ran: list[str] = []

    class Pair(WorkflowEntrypoint, name="slots-siblings", concurrency=1):
        async def run(self, event: Any, step: Any) -> None:
            def flaky() -> None:
                ran.append("flaky")
                if len(ran) == 1:
                    raise ValueError("again")

            if event.payload:
                await step.do("alone", other.stand)
                return
            config = {"retries": {"delay": 5}}
            await asyncio.gather(step.do("slow", door.stand), step.do("flaky", flaky, config=config))

    two.workers[0].catalog.register(Pair)
    pair = two.create(Pair, "pair")
    slow = two.in_thread(two.advance, two.take()[0], 0)
    door.wait_for()
    for nudge in two.take():
        two.advance(nudge, 1)
    two.clock.advance(6)
    with held_at(crashpoints.BEFORE_CLAIM, monkeypatch) as point:
        two.take()
        late = two.in_thread(two.workers[1].engine.advance, Nudge(nudge.key, 1, 0, 2))
        point.wait_for()
        door.open()
        slow.result(LIMIT)
        two.create(Pair, "other", {"stand": True})
        running = two.in_thread(two.advance, two.take()[-1], 0)
        other.wait_for()
        point.open()
        late.result(LIMIT)
    assert ran == ["flaky"]
    assert pair.status().status == "queued"
    other.open()
    running.result(LIMIT)
    two.settle()
    assert pair.status().status == "complete"
    assert slots(two) == [None]


def test_one_instance_holds_one_slot_however_many_nudges_it_gets(two: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers take a slot for the same instance at the same moment: the alarm frees the other one."""
    cls = work(Door(), name="slots-double", concurrency=2)
    two.workers[0].catalog.register(cls)
    two.create(cls, "one", None)
    nudge = two.take()[0]
    taken = {"key": nudge.key, "workflow": "slots-double", "now": two.clock.now()}
    with psycopg.connect(two.settings.database_url) as other:
        other.execute(statements()["slot_take"], taken)
        with held_at(crashpoints.BEFORE_CLAIM, monkeypatch) as point:
            running = two.in_thread(two.advance, nudge)
            point.wait_for()
            other.commit()
            assert slots(two) == ["one", "one"]
            two.workers[1].alarm.run_once()
            assert slots(two) == ["one", None]
    running.result(LIMIT)
    assert slots(two) == [None, None]


def test_an_instance_of_a_version_that_nobody_knows_does_not_keep_its_slot(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deploy was taken back: what waits for the newer code does not hold up the instances of the older one."""
    door = Door()
    old, new = (work(door, name="slots-unknown", version=version, concurrency=1) for version in ("1", "2"))
    for cls in (old, new):
        rig.workers[0].catalog.register(cls)
    running = begin(rig, old, "first", door)
    rig.create(new, "newer", None)
    rig.settle()
    monkeypatch.delitem(registry._classes["slots-unknown"], "2")
    door.open()
    running.result(LIMIT)
    rig.settle()
    older = rig.client.workflow(old).create("older", None)
    rig.settle()
    rig.pass_time(1)
    assert older.status().status == "complete"


@pytest.mark.parametrize("action", ["pause", "terminate", "delete"])
def test_an_instance_that_is_stopped_while_it_takes_a_slot_does_not_keep_it(rig: Rig, action: str) -> None:
    """The worker that took it then finds nothing to do; others need not wait for the end of a lease."""
    cls = work(Door(), name=f"slots-{action}", concurrency=1)
    rig.workers[0].catalog.register(cls)
    stopped = rig.create(cls, "stopped", None)
    if action == "pause":  # a queued one cannot be paused
        rig.sql("update wf.instance set status = 'waiting'")
    seen = rig.workers[0].journal.load(rig.take()[0].key)
    assert seen is not None
    getattr(stopped, action)()
    assert rig.workers[0].engine.mover.slots.take(seen.instance), "the worker comes too late to know better"
    other = rig.create(cls, "other", None)
    rig.settle()
    assert other.status().status == "queued"
    rig.pass_time(2)
    assert other.status().status == "complete"
    assert slots(rig) == [None]


def test_a_worker_that_comes_back_from_a_life_before_does_not_let_the_next_one_run_without_a_slot(rig: Rig) -> None:
    """Its instance was terminated and restarted while it ran a step, and others have the slot: it has to queue."""
    doors, ran = {"old": Door(), "other": Door()}, []

    class Again(WorkflowEntrypoint, name="slots-again", concurrency=1):
        async def run(self, event: Any, step: Any) -> None:
            def stand() -> None:
                ran.append(event.instance_id)
                if ran.count("old") < 2:
                    doors[event.instance_id].stand()

            await step.do("work", stand)

    rig.workers[0].catalog.register(Again)
    old = rig.create(Again, "old")
    first = rig.in_thread(rig.advance, rig.take()[0])
    doors["old"].wait_for()
    old.terminate()
    rig.create(Again, "other")
    running = rig.in_thread(rig.advance, rig.take()[0])
    doors["other"].wait_for()
    old.restart()
    doors["old"].open()
    first.result(LIMIT)
    rig.settle()
    assert (ran, old.status().status) == (["old", "other"], "queued")
    doors["other"].open()
    running.result(LIMIT)
    rig.settle()
    assert (old.status().status, slots(rig)) == ("complete", [None])
