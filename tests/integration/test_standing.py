"""Where instances stand: right, each counted once, and bounded however many there are."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support.errands import versions
from tests.support.plans import plan_of, scans
from wf import NonRetryableError, WorkflowEntrypoint
from wf.sql import statements
from wf.standing import BUDGET, CAP, DEPTH, GROUPS, Standing

if TYPE_CHECKING:
    from tests.support import Rig


class Order(WorkflowEntrypoint, name="standing-order"):
    """Does what its payload says."""

    async def run(self, event: Any, step: Any) -> None:
        doing = event.payload
        await step.do("begin", lambda: None)
        if doing == "sleep":
            await step.sleep("cool down", 600)
        elif doing == "retry":
            await step.do("charge", refuse, config={"retries": {"limit": 3, "delay": 60}})
        elif doing == "many":
            await asyncio.gather(*[step.wait_for_event("permit", f"go-{n}") for n in range(5)])
        elif doing == "timer":
            await asyncio.sleep(600)
        else:
            await step.wait_for_event("permit", "go")


def refuse() -> None:
    raise RuntimeError("no")


@pytest.fixture
def standing(rig: Rig) -> Standing:
    return Standing(rig.client.database, rig.clock)


def orders(rig: Rig, **doing: str) -> None:
    rig.workers[0].catalog.register(Order)
    for id, what in doing.items():
        rig.create(Order, id, what)
    rig.settle()


def fill(rig: Rig, number: int, steps: int, *, status: str = "waiting", names: str = "'s'") -> None:
    """Instances with so many steps each, of which the newest one waits."""
    rig.sql("insert into wf.workflow (name, version) values ('full', '1') on conflict do nothing")
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, due_at, seq) select 'full', %s || n, '1', %s,"
        " case when %s <> 'paused' then now() + interval '1 day' end, %s from generate_series(1, %s) n",
        status, status, status, steps, number,
    )  # fmt: skip
    rig.sql(
        "insert into wf.step (instance, generation, seq, kind, name, count, status, attempt, lost, started_rev, rev)"
        f" select key, 1, n, 'do', {names}, n, case when n = i.seq then 'waiting' else 'complete' end, 1, 0, 1, 1"
        " from wf.instance i cross join generate_series(1, i.seq) n on conflict do nothing"
    )


def steps(seen: Any) -> dict[tuple[str, str], tuple[int, dict[str, int]]]:
    return {(step.kind, step.name): (step.instances, step.statuses) for step in seen.steps}


def test_each_instance_stands_at_its_open_steps(rig: Rig, standing: Standing) -> None:
    """By kind and name, with the status of the step; steps that are over do not count."""
    orders(rig, one="sleep", two="sleep", three="retry", four="", five="timer")
    seen = standing.look("standing-order")
    assert steps(seen) == {
        ("sleep", "cool down"): (2, {"waiting": 2}), ("do", "charge"): (1, {"retrying": 1}),
        ("waitForEvent", "permit"): (1, {"waiting": 1}), ("timer", "timer"): (1, {"waiting": 1}),
    }  # fmt: skip
    assert seen.steps[0].name == "cool down", "the most populated comes first"
    assert (seen.instances, seen.at) == ({"waiting": 5}, datetime.fromtimestamp(rig.clock.now(), UTC))
    assert (seen.capped, seen.steps_capped, seen.truncated, seen.cap) == (False, False, False, CAP)


def test_a_fan_out_counts_once_for_each_name(rig: Rig, standing: Standing) -> None:
    """Five waits of one name are one instance there, and its status is the one that moves most."""
    orders(rig, one="many", two="")
    assert steps(standing.look("standing-order")) == {("waitForEvent", "permit"): (2, {"waiting": 2})}
    rig.sql("update wf.step set status = 'ready' where name = 'permit' and count = 2")
    rig.sql("update wf.step set status = 'running' where name = 'permit' and count = 3")
    assert steps(standing.look("standing-order")) == {("waitForEvent", "permit"): (2, {"running": 1, "waiting": 1})}


def test_a_step_that_runs_and_one_that_is_undone_are_seen(rig: Rig, standing: Standing) -> None:
    """While the callback runs, and while its handler does."""
    seen: list[Any] = []

    def look(*_: object) -> None:
        seen.append(standing.look("standing-undo"))

    class Undo(WorkflowEntrypoint, name="standing-undo"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("book", look, rollback=look)
            raise NonRetryableError("no")

    rig.workers[0].catalog.register(Undo)
    rig.create(Undo)
    rig.settle()
    assert [steps(found) for found in seen] == [
        {("do", "book"): (1, {"running": 1})}, {("rollback", "book"): (1, {"running": 1})},
    ]  # fmt: skip
    assert [found.instances for found in seen] == [{"running": 1}, {"rollingBack": 1}]
    assert standing.look("standing-undo").steps == []


def test_a_restart_leaves_the_old_steps_behind(rig: Rig, standing: Standing) -> None:
    """Only steps of the current generation count."""
    orders(rig, one="sleep")
    rig.client.workflow(Order).get("one").restart()
    assert (steps(standing.look("standing-order")), standing.look("standing-order").instances) == ({}, {"queued": 1})


def test_one_version_alone_can_be_looked_at(rig: Rig, standing: Standing) -> None:
    """Its instances and their steps only; of a version or a workflow that nobody knows there are none."""
    orders(rig, one="", two="")
    rig.sql("update wf.instance set version = '2' where id = 'two'")
    assert [standing.look("standing-order", version).instances for version in (None, "1", "2", "3")] == [
        {"waiting": 2}, {"waiting": 1}, {"waiting": 1}, {},
    ]  # fmt: skip
    assert steps(standing.look("standing-order", "2")) == {("waitForEvent", "permit"): (1, {"waiting": 1})}
    assert (standing.look("standing-order", "3").steps, standing.look("nobody").steps) == ([], [])
    assert standing.look("nobody").instances == {}


def test_other_workflows_do_not_count(rig: Rig, standing: Standing) -> None:
    """Not even those whose name begins alike."""
    orders(rig, one="")
    (other,) = versions("standing", "1")
    rig.create(other)
    assert standing.look("standing").instances == {"queued": 1}


@pytest.mark.parametrize("status", ["waiting", "paused"])
def test_instances_are_looked_at_up_to_the_cap(rig: Rig, standing: Standing, status: str) -> None:
    """The newest ones, and it is told; one fewer, and it is not."""
    fill(rig, CAP - 1, 1, status=status)
    assert not standing.look("full").capped
    rig.sql("update wf.step set name = 'old'")
    rig.sql("update wf.instance set id = 'old-' || id")
    fill(rig, CAP - 10, 1, status=status)
    seen = standing.look("full")
    assert (seen.capped, seen.instances) == (True, {status: CAP})
    assert steps(seen) == {("do", "s"): (CAP - 10, {"waiting": CAP - 10}), ("do", "old"): (10, {"waiting": 10})}


def test_of_an_instance_the_newest_steps_are_looked_at(rig: Rig, standing: Standing) -> None:
    """If there are more, it is told, and an older one that is open is not seen."""
    for length, more in (DEPTH, False), (DEPTH + 1, True):
        rig.sql("truncate wf.instance, wf.step")
        fill(rig, 1, length)
        rig.sql("update wf.step set status = 'waiting', name = 'oldest' where seq = 1")
        seen = standing.look("full")
        assert seen.steps_capped is more
        assert set(steps(seen)) == {("do", "s")} | (set() if more else {("do", "oldest")})


def test_names_are_told_up_to_a_point(rig: Rig, standing: Standing) -> None:
    """The most populated ones, and it is told that there are more."""
    fill(rig, GROUPS + 20, 1, names="case when mod(i.key, 10) = 0 then 'many' else 'item ' || i.key end")
    seen = standing.look("full")
    assert (seen.truncated, len(seen.steps)) == (False, GROUPS + 20 - 51)
    rig.sql("update wf.instance set id = 'old-' || id")
    fill(rig, 100, 1, names="'late ' || i.key")
    seen = standing.look("full")
    assert (seen.truncated, len(seen.steps), seen.steps[0].name, seen.steps[0].instances) == (True, GROUPS, "many", 52)


def test_a_look_reads_no_big_table_and_stops_at_its_budget(rig: Rig, standing: Standing) -> None:
    """With thousands of long instances, the plan goes through the indexes and reads so many rows."""
    for status in ("waiting", "running", "paused"):
        fill(rig, CAP + 100, 30, status=status)
    seen = standing.look("full")
    assert (seen.capped, seen.steps_capped, seen.instances.running) == (True, True, CAP)
    assert seen.steps[0].instances == BUDGET // 30
    assert set(seen.steps[0].statuses) == {"waiting"}
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        for _ in range(2):
            plan = plan_of(connection, statements()["standing_look"])
            assert set(scans(plan)) == set()
            assert "'Index Name': 'instance_status'" in str(plan)
            assert "'Index Name': 'step_pkey'" in str(plan)
            rig.sql("vacuum analyze wf.instance")
            rig.sql("analyze wf.step")
