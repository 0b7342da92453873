"""What goes on now, in one look: right, cheap, and only of what the asker may see."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.support import wait_until
from tests.support.cli import Shell
from tests.support.errands import versions
from tests.support.plans import plan_of, scans
from wf import WorkflowEntrypoint
from wf.cli.topview import view
from wf.client import Client
from wf.clock import DatabaseClock
from wf.overview import CAP, GONE, Overview
from wf.sql import statements
from wf_tasks.presence import KEPT, Presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Processes, Rig
    from tests.support.api import Api
    from wf.settings import Settings


class Nap(WorkflowEntrypoint, name="overview-nap"):
    """Sleeps for as long as its params say."""

    async def run(self, event: Any, step: Any) -> None:
        await step.sleep("nap", event.payload)


@pytest.fixture
def overview(rig: Rig) -> Iterator[Overview]:
    made = Overview(rig.client.database, rig.clock, rig.settings)
    yield made
    made.close()


def sleepers(rig: Rig, **naps: float) -> None:
    rig.workers[0].catalog.register(Nap)
    for id, seconds in naps.items():
        rig.create(Nap, id, seconds)
    rig.settle()


def test_nothing_goes_on_at_first(overview: Overview) -> None:
    """Without workers, instances and ticks, everything is empty, and the alarm is late."""
    seen = overview.look()
    assert (seen.workers, seen.running, seen.instances) == ([], {"total": 0, "steps": []}, {})
    assert (seen.wake_ups.next, sum(seen.wake_ups.counts.values())) == ([], 0)
    assert seen.alarm == {"tickedAt": None, "late": True}


def test_wake_ups_are_counted_by_when_they_come(rig: Rig, overview: Overview) -> None:
    """The next ones are told of with the step that waits; the others are counted up to an hour, a day, and beyond."""
    sleepers(rig, soon=30, hour=1800, day=7200, later=200_000)
    seen = overview.look()
    assert seen.wake_ups.counts == {"late": 0, "minute": 1, "hour": 1, "day": 1, "later": 1}
    assert [wake.instance for wake in seen.wake_ups.next] == ["soon", "hour", "day", "later"]
    first = seen.wake_ups.next[0]
    assert first.due_at == seen.at + timedelta(seconds=30)
    assert first.waits_for == {"type": "sleep", "step": "nap-1", "wakeAt": first.due_at}
    assert seen.instances == {"waiting": 4}
    rig.clock.advance(31)
    assert overview.look().wake_ups.counts.late == 1


def test_the_alarm_is_late_after_a_few_ticks(rig: Rig, overview: Overview) -> None:
    """It is told when it last ran."""
    rig.workers[0].alarm.run_once()
    seen = overview.look()
    assert seen.alarm == {"tickedAt": seen.at, "late": False}
    rig.clock.advance(rig.settings.alarm_tick * 4)
    assert overview.look().alarm.late


def test_running_steps_are_told_with_their_worker(rig: Rig, overview: Overview) -> None:
    """A step that runs stands there with its attempt and its lease, and counts for its worker; then it is gone."""
    presence = Presence(rig.workers[0], "threads", 10)
    presence.tell()
    seen: list[Any] = []

    class Looks(WorkflowEntrypoint, name="overview-looks"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("look", lambda: seen.append(overview.look()))

    rig.workers[0].catalog.register(Looks)
    rig.create(Looks, "l-1")
    rig.settle()
    ((during,), after) = seen, overview.look()
    (step,) = during.running.steps
    assert (step.workflow, step.instance, step.step, step.attempt) == ("overview-looks", "l-1", "look-1", 1)
    assert (step.since, step.lease_until) == (during.at, during.at + timedelta(seconds=rig.settings.lease))
    (worker,) = during.workers
    assert (worker.name, worker.running, during.running.total) == (step.worker, 1, 1)
    assert (after.workers[0].running, after.running.total) == (0, 0)


def test_a_silent_worker_is_gone_and_then_forgotten(rig: Rig, overview: Overview) -> None:
    """After some seconds without a sign of life it is shown as gone; a day later the next worker removes it."""
    lost, other = Presence(rig.workers[0], "threads", 10), Presence(rig.workers[0], "prefork", 2)
    lost._told["name"] = "elsewhere:1"
    lost.tell()
    assert [worker.alive for worker in overview.look().workers] == [True]
    rig.clock.advance(GONE + 1)
    other.tell()
    shown = {worker.name: worker.alive for worker in overview.look().workers}
    assert shown == {"elsewhere:1": False, rig.workers[0].journal.worker: True}
    rig.clock.advance(KEPT)
    other.tell()
    assert [worker.pool for worker in overview.look().workers] == ["prefork"]
    other.stop()
    assert overview.look().workers == []


def test_a_worker_process_tells_of_itself(settings: Settings, processes: Processes) -> None:
    """Its row says what it runs; SIGTERM takes it away, SIGKILL leaves it to grow old."""
    with Client(settings=settings) as client:
        look = Overview(client.database, DatabaseClock(), settings).look
        first = processes.worker("tests.support.errands")
        second = processes.worker("tests.support.errands", concurrency=2, args=["--pool", "prefork"])
        wait_until(lambda: len(look().workers) == 2, 30, "both workers are seen")
        seen = look()
        told = {(int(w.name.rpartition(":")[2]), w.queue, w.pool, w.concurrency, w.alive) for w in seen.workers}
        assert told == {
            (first.pid, settings.queue, "threads", 1, True), (second.pid, settings.queue, "prefork", 2, True),
        }  # fmt: skip
        assert all(worker.workflows for worker in seen.workers)
        first.stop()
        wait_until(lambda: len(look().workers) == 1, 30, "the first one has said goodbye")
        second.kill()
        client.database.rows("update wf.worker set seen_at = seen_at - interval '15 seconds'")
        assert [worker.alive for worker in look().workers] == [False]


def test_a_forked_child_counts_for_its_parent(rig: Rig, overview: Overview) -> None:
    """What its steps say of their worker is `host:parent/child`."""
    Presence(rig.workers[0], "prefork", 2).tell()
    parent = rig.workers[0].journal.worker
    seen: list[Any] = []

    class Counts(WorkflowEntrypoint, name="overview-counts"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("look", lambda: seen.append(overview.look()))

    rig.workers[0].catalog.register(Counts)
    rig.workers[0].journal.worker = f"{parent}/17"
    rig.create(Counts)
    rig.settle()
    assert seen[0].running.steps[0].worker == f"{parent}/17"
    assert [(worker.name, worker.running) for worker in seen[0].workers] == [(parent, 1)]


def test_without_redis_the_queues_have_no_length(rig: Rig) -> None:
    """All else is told nevertheless."""
    settings = rig.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    seen = Overview(rig.client.database, rig.clock, settings).look()
    assert [queue.length for queue in seen.queues] == [None, None]


def test_messages_are_counted(rig: Rig, overview: Overview) -> None:
    """The length of the queue is that of Redis."""
    rig.create(versions("overview-queue", "1")[0])
    assert overview.look().queues[0] == {"name": rig.settings.queue, "length": 1}


def test_what_somebody_may_not_see_is_left_out(rig: Rig, overview: Overview) -> None:
    """Of other workflows there are no steps, wake-ups, counts or names, nor workers and queues of these alone."""
    sleepers(rig, soon=30)
    presence = Presence(rig.workers[0], "threads", 10)
    presence._told["queue"] = "secret"
    presence.tell()
    hidden = overview.look(["another"])
    assert (hidden.wake_ups.next, hidden.instances, hidden.workers) == ([], {}, [])
    assert [queue.name for queue in hidden.queues] == [rig.settings.queue, f"{rig.settings.queue}.alarm"]
    shown = overview.look([Nap.workflow_name])
    assert (len(shown.wake_ups.next), shown.instances, set(shown.workers[0].workflows)) == (
        1, {"waiting": 1}, {Nap.workflow_name},
    )  # fmt: skip


def test_a_look_reads_no_big_table(rig: Rig, overview: Overview) -> None:
    """With thousands of sleepers, counts stop at the cap, and the plans use the index by status and the one by time."""
    rig.sql("insert into wf.workflow (name, version) select 'w-' || n, '1' from generate_series(0, 4) n")
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, due_at) select 'w-' || mod(n, 5), 'i-' || n, '1',"
        " 'waiting', to_timestamp(%s + 100000 + n) from generate_series(1, 20000) n",
        rig.clock.now(),
    )
    rig.sql(
        "insert into wf.step (instance, generation, seq, kind, name, count, status, attempt, lost, started_rev, rev)"
        " select key, 1, 1, 'sleep', 's', 1, 'waiting', 0, 0, 1, 1 from wf.instance"
    )
    seen = overview.look()
    assert (seen.instances, seen.wake_ups.counts.later) == ({"waiting": CAP}, CAP)
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        for _ in range(2):
            plans = {name: plan_of(connection, statements()[f"overview_{name}"]) for name in NAMES}
            assert {table for plan in plans.values() for table in scans(plan)} <= {"workflow", "tick"}
            for name, index in NAMES.items():
                assert f"'Index Name': '{index}'" in str(plans[name]), name
            assert "instance_pkey" not in str(plans)
            rig.sql("vacuum analyze wf.instance")
            rig.sql("analyze wf.step")


NAMES = {"statuses": "instance_status", "due": "instance_due", "wakes": "instance_due", "steps": "instance_status"}


def test_top_shows_it(rig: Rig, settings: Settings) -> None:
    """`wf top` looks once in a pipe, for people or as JSON, without colours."""
    sleepers(rig, soon=30)
    Presence(rig.workers[0], "threads", 10).tell()
    shell = Shell(settings)
    text = shell.text("top")
    for part in ("Alarm:", "⏰ Waiting 1", "Next wake-up", "overview-nap/soon", "nap-1", "threads", "1 later"):
        assert part in text
    assert "\x1b" not in text
    assert shell.json("top")["instances"] == {"waiting": 1}
    assert "Postgres does not answer" in shell.refusal("top", WF_DATABASE_URL="postgresql://127.0.0.1:1/nowhere")


@pytest.mark.parametrize("height", [10, 24, 50])
def test_the_live_view_fits_the_terminal(rig: Rig, overview: Overview, height: int) -> None:
    """However much goes on, it is no higher and no wider than the terminal, unless that is tiny."""
    sleepers(rig, **{f"{'long' * 20}-{n}": 30 + n for n in range(20)})
    Presence(rig.workers[0], "threads", 10).tell()
    seen = overview.look()
    seen.workers[0]["workflows"] = {f"workflow-{n}": ["1"] for n in range(50)}
    seen["workers"] = seen.workers * 9
    console = Console(file=StringIO(), width=80, height=height, markup=False)
    console.print(view(seen, height, 80))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # it is the StringIO
    assert len(lines) <= max(height, 6 + 2 * 5)
    assert max(map(cell_len, lines)) <= 80
    assert any("✅ Alive" in line for line in lines)
    assert any("💤 Sleeping" in line and "nap-1" in line for line in lines)


def test_the_api_shows_it(rig: Rig, api: Api) -> None:
    """GET /api/overview gives the same, in the API's names; the documented example has the form of an answer."""
    sleepers(rig, soon=30)
    Presence(rig.workers[0], "threads", 10).tell()
    found = api.ok("GET", "/api/overview")
    assert found["wake_ups"]["next"][0]["waits_for"]["step"] == "nap-1"
    assert found["workers"][0]["workflows"]["overview-nap"] == ["1"]
    example = api("GET", "/api/openapi.json").json()["components"]["schemas"]["Seen"]["example"]
    assert example.keys() == found.keys()
    for name in ("running", "wake_ups", "alarm"):
        assert example[name].keys() == found[name].keys()
    assert example["workers"][0].keys() == found["workers"][0].keys()
