"""Outages in hard cases: unexpected errors, locks that last, a Redis that is away for long or takes no writes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import Rig, RowLock, wait_until
from wf import WorkflowEntrypoint
from wf.dispatch import Nudge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf import Event, Step
    from wf.dev.servers import Valkey
    from wf.settings import Settings

LIMIT = 20.0
"""Seconds after which something that does not happen fails the test."""

LEASE = 1.5
"""A short lease, in seconds: it is extended three times as often."""


@pytest.fixture
def brief(settings: Settings) -> Iterator[Rig]:
    """A worker with a short lease."""
    with Rig(settings.model_copy(update={"lease": LEASE})) as rig:
        yield rig


class Stands(WorkflowEntrypoint, name="hard-stands"):
    """One step that stands at a gate; the payload is its timeout in seconds."""

    begun: set[str] = set()  # noqa: RUF012  # ids of instances whose step runs, emptied by the tests
    gate = threading.Event()

    async def run(self, event: Event, step: Step) -> str:
        def stand() -> str:
            Stands.begun.add(event.instance_id)
            Stands.gate.wait(LIMIT)
            return "through"

        return str(await step.do("stand", stand, config={"timeout": event.payload, "retries": {"limit": 0}}))


@pytest.fixture
def stands() -> Iterator[type[Stands]]:
    """Instances whose step stands until the test opens the gate."""
    Stands.begun, Stands.gate = set(), threading.Event()
    yield Stands
    Stands.gate.set()


def lease_end(rig: Rig, id: str) -> float:
    """When the lease of an instance's only step ends, in seconds since the epoch."""
    [[at]] = rig.sql(
        "select extract(epoch from wake_at)::float8 from wf.step join wf.instance on key = instance where id = %s", id
    )
    return float(at)


def test_leases_are_extended_again_after_an_error_that_nobody_expected(brief: Rig, stands: type[Stands]) -> None:
    """A right that is missing for a moment is no end of the heartbeat."""
    brief.create(stands, "r-17", 60)
    running = brief.in_thread(brief.advance, brief.take()[0])
    wait_until(lambda: stands.begun, what="the step runs")
    brief.sql("create sequence wf.refused")
    brief.sql("""
        create function wf.refuse() returns trigger language plpgsql as $$ begin
            perform nextval('wf.refused');
            raise exception 'permission denied for table step' using errcode = 'insufficient_privilege';
        end $$
    """)
    brief.sql("create trigger refuse before update on wf.step for each statement execute function wf.refuse()")
    with psycopg.connect(brief.settings.database_url, autocommit=True) as admin:
        look = "select is_called from wf.refused"
        wait_until(lambda: admin.execute(look).fetchone() == (True,), what="a heartbeat is refused")
        admin.execute("drop trigger refuse on wf.step")
    brief.clock.advance(0.25)
    extended = brief.clock.now() + LEASE
    wait_until(lambda: lease_end(brief, "r-17") == extended, timeout=5, what="the lease is extended")
    stands.gate.set()
    running.result(LIMIT)
    assert brief.client.workflow(stands).get("r-17").status().output == "through"


def test_an_overdue_attempt_behind_a_lock_does_not_stop_the_heartbeat_of_others(
    brief: Rig, stands: type[Stands]
) -> None:
    """While the end of one attempt waits for its instance, the leases of all others are extended."""
    overdue, good = brief.create(stands, "overdue", 1), brief.create(stands, "good", 60)
    running = [brief.in_thread(brief.advance, nudge) for nudge in brief.take()]
    wait_until(lambda: len(stands.begun) == 2, what="both steps run")
    with RowLock(brief.settings.database_url) as lock:
        lock.wait_for(1)
        brief.clock.advance(0.25)
        extended = brief.clock.now() + LEASE
        wait_until(lambda: lease_end(brief, "good") == extended, timeout=3, what="the other lease is extended")
    wait_until(lambda: overdue.describe().steps[0].status == "errored", what="the timeout is recorded")
    wait_until(brief.queued, what="whoever records the timeout nudges the instance")
    stands.gate.set()
    for future in running:
        future.result(LIMIT)
    brief.settle()
    assert overdue.status().error.name == "WorkflowTimeoutError"
    assert good.status().output == "through"


def test_instances_wake_at_the_next_ticks_when_redis_is_back(own_redis_settings: Settings, own_redis: Valkey) -> None:
    """Ten minutes without Redis cost a sleeper those ten minutes, and no backoff on top."""

    class Sleeps(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            await step.sleep("nap", 60)
            return "awake"

    with Rig(own_redis_settings) as rig:
        instances = [rig.create(Sleeps, f"r-{n}") for n in range(3)]
        rig.settle()
        own_redis.stop()
        for _ in range(660):
            rig.clock.advance(rig.settings.alarm_tick)
            rig.workers[0].alarm.run_once()
        own_redis.start()
        for _ in range(3):
            rig.pass_time(rig.settings.alarm_tick)
        assert [instance.status().output for instance in instances] == ["awake"] * 3


REFUSALS = {
    "replica": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "too few replicas": (
        ("CONFIG", "SET", "min-replicas-to-write", "1"),
        ("CONFIG", "SET", "min-replicas-to-write", "0"),
    ),
}
"""How a Redis comes to refuse writes while it answers reads, and how that ends."""


@pytest.mark.parametrize("refusal", REFUSALS)
def test_events_are_consumed_while_redis_refuses_writes(
    own_redis_settings: Settings, own_redis: Valkey, refusal: str
) -> None:
    """A mailbox that can be read but not changed holds old events; Postgres knows which are still to be had."""

    class Takes(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> list[Any]:
            return [(await step.wait_for_event("w", "go")).payload for _ in range(3)]

    begin, end = REFUSALS[refusal]
    with Rig(own_redis_settings) as rig:
        redis: Any = rig.redis  # whose commands in words have no types
        instance = rig.create(Takes)
        rig.settle()
        instance.send_event("go", 1)
        nudges = rig.take()
        redis.execute_command(*begin)
        try:
            for nudge in nudges:
                rig.in_thread(rig.advance, nudge).result(LIMIT)
            for number in (2, 3):
                instance.send_event("go", number)
                again = Nudge(nudges[0].key, nudges[0].generation, 0)
                assert rig.in_thread(rig.advance, again).result(LIMIT).steps == 0
        finally:
            redis.execute_command(*end)
        assert instance.status().output == [1, 2, 3]
