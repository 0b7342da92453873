"""The removal of a workflow: all its instances, then the workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import wait_until
from tests.support.errands import Errand, versions
from tests.support.jobs import audited, break_at, fill, statuses, work, zoo
from tests.support.standing import held_at
from wf import crashpoints
from wf.meter import SPANS
from wf.status import Status
from wf.steering import Steering
from wf_reaper.jobs import ROUNDS

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.jobs import Jobs


STUCK = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


@pytest.fixture
def jobs(rig: Rig) -> Jobs:
    rig.workers[0].catalog.register(Errand)
    return rig.client.jobs


def test_a_removed_workflow_leaves_nothing(rig: Rig, jobs: Jobs) -> None:
    """Neither instances nor name, versions, schedules, slots and counts; other workflows have theirs."""
    for cls in versions("kept", "1", "2"):
        rig.workers[0].catalog.register(cls)
    zoo(rig)
    for workflow in ("errand", "kept"):
        rig.sql("insert into wf.schedule (workflow, cron, next_at) values (%s, '* * * * *', now())", workflow)
        rig.sql("insert into wf.slot (workflow, number) values (%s, 1)", workflow)
        rig.sql(
            "insert into wf.metric (span, workflow, at) select span, %s, now() from unnest(%s) span", workflow, [*SPANS]
        )
        rig.sql(
            "insert into wf.version (workflow, version, class_name, module, settings)"
            " values (%s, '1', 'C', 'm', '{}') on conflict do nothing",
            workflow,
        )
    job = jobs.start("errand", "delete_workflow")
    work(rig)
    assert jobs.get(job.id).status == "complete"
    assert statuses(rig) == {}
    for table, column in (
        ("workflow", "name"),
        ("version", "workflow"),
        ("schedule", "workflow"),
        ("slot", "workflow"),
        ("metric", "workflow"),
    ):
        assert rig.sql(f"select distinct {column} from wf.{table}") == [("kept",)], table
    assert audited(rig, "delete_workflow") == [(f"job:{job.id}:client", "")]
    assert statuses(rig, "other").total() == len(Status)


def test_a_removal_and_a_worker_that_counts_wait_for_each_other(rig: Rig, jobs: Jobs) -> None:
    """Both take rows of counts in the order of their keys, wherever these lie: never is it a deadlock."""
    counts = "insert into wf.metric (span, workflow, at) values (%s, 'errand', 'epoch')"
    for span in reversed(SPANS):
        rig.sql(counts, span)
    rig.sql("analyze wf.metric")  # so few are read in the order in which they lie
    jobs.start("errand", "delete_workflow")
    with psycopg.connect(rig.settings.database_url) as counting:
        counted = "update wf.metric set steps = steps + 1 where span = %s"
        counting.execute(counted, [SPANS[0]])
        runner = rig.in_thread(work, rig)
        wait_until(lambda: rig.sql(STUCK) != [], what="the removal waits")
        counting.execute(counted, [SPANS[-1]])
        counting.commit()
        runner.result(20)
    assert rig.sql("select span from wf.metric") == []


def test_what_is_created_meanwhile_goes_too(rig: Rig, jobs: Jobs) -> None:
    """The workflow goes when it has no instance any more."""
    fill(rig, "waiting", 2)
    job = jobs.start("errand", "delete_workflow")
    fill(rig, "queued", 3)
    work(rig)
    assert (jobs.get(job.id).status, statuses(rig), jobs.get(job.id).done) == ("complete", {}, 5)
    assert rig.sql("select name from wf.workflow") == []


def test_an_id_that_is_used_again_meanwhile_goes_too(rig: Rig, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the job has deleted an instance of this id before."""
    fill(rig, "waiting", 2)
    job, real = jobs.start("errand", "delete_workflow"), Steering._delete

    def delete(self: Any, standing: Any, to: Any) -> Any:
        if standing.key == 2:
            rig.create(Errand, "waiting-1")
        return real(self, standing, to)

    monkeypatch.setattr(Steering, "_delete", delete)
    work(rig)
    assert (jobs.get(job.id).status, jobs.get(job.id).done, statuses(rig)) == ("complete", 3, {})
    assert rig.sql("select name from wf.workflow") == []


def test_what_is_committed_late_goes_too(rig: Rig, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance that was created in a transaction, under a key that the job had passed."""
    with psycopg.connect(rig.settings.database_url) as connection:
        rig.client.workflow(Errand).create("late", connection=connection)
        fill(rig, "waiting", 2)
        job = jobs.start("errand", "delete_workflow")
        with held_at(crashpoints.BEFORE_NOTE, monkeypatch) as door:
            runner = rig.in_thread(work, rig)
            door.wait_for()
            connection.commit()
            door.open()
            assert runner.result(20) == 3
    done = jobs.get(job.id)
    assert (done.status, done.failed, done.options, statuses(rig)) == ("complete", 0, {"round": 2}, {})
    assert rig.sql("select name from wf.workflow") == []


def test_it_gives_up_where_there_are_always_new_ones(rig: Rig, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few rounds, however many runners they take; then it says so, and the workflow stays."""
    fill(rig, "waiting", 2)
    job, real = jobs.start("errand", "delete_workflow"), Steering._delete

    def delete(self: Any, standing: Any, to: Any) -> Any:
        fill(rig, "queued", 1, prefix=f"new-{standing.key}")
        return real(self, standing, to)

    monkeypatch.setattr(Steering, "_delete", delete)
    while jobs.get(job.id).status != "complete":
        assert work(rig, seconds=0) == 1
    done = jobs.get(job.id)
    assert (done.done, done.failed, [error["code"] for error in done.errors]) == (
        2 * ROUNDS, 1, ["workflow.not_removed"],
    )  # fmt: skip
    assert statuses(rig) == {"queued": 2}
    assert rig.sql("select name from wf.workflow") == [("errand",)]


def test_a_worker_that_starts_later_makes_it_known_again(rig: Rig, jobs: Jobs) -> None:
    """The code is still there; only what the journal knew is gone."""
    jobs.start("errand", "delete_workflow")
    work(rig)
    rig.workers[0].catalog.register(Errand)
    assert rig.sql("select name from wf.workflow") == [("errand",)]


def test_a_workflow_with_an_instance_that_cannot_go_stays(
    rig: Rig, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job ends, and says which instance it is."""
    fill(rig, "waiting", 3)
    job = jobs.start("errand", "delete_workflow")
    broken = break_at(monkeypatch, "waiting-2", ZeroDivisionError(), times=99)
    work(rig)
    done = jobs.get(job.id)
    assert (broken(), done.status, done.failed, [error["id"] for error in done.errors]) == (
        1, "complete", 1, ["waiting-2"],
    )  # fmt: skip
    assert rig.sql("select name from wf.workflow") == [("errand",)]
