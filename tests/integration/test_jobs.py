"""Jobs: what they mean, and what becomes of the instances."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support.errands import Errand, moment, versions
from tests.support.jobs import audited, fill, statuses, work
from tests.support.standing import held_at
from wf import InstanceNotFound, JobActive, JobNotFound, WorkflowNotFound, crashpoints
from wf.errors import InvalidBatch, InvalidInstanceId
from wf.jobs import TASK, JobAction
from wf.listing import InvalidQuery
from wf.status import TERMINAL, Status
from wf.steering import Steering
from wf_reaper.jobs import ROUNDS

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.jobs import Jobs


@pytest.fixture
def jobs(rig: Rig) -> Jobs:
    rig.workers[0].catalog.register(Errand)
    return rig.client.jobs


def zoo(rig: Rig) -> None:
    """Two instances in each status, and some of another workflow."""
    for status in Status:
        fill(rig, status, 2)
        fill(rig, status, 1, workflow="other")


@pytest.mark.parametrize("action", JobAction)
def test_a_preview_tells_what_is_moved_and_what_is_not(rig: Rig, jobs: Jobs, action: JobAction) -> None:
    """By the table of the life of an instance, exactly, and without touching anything."""
    zoo(rig)
    seen = jobs.preview("errand", action)
    assert seen.matching == dict.fromkeys(map(str, Status), 2)
    assert seen.affected == dict.fromkeys(map(str, action.moves), 2)
    assert seen.no_effect == dict.fromkeys(map(str, set(Status) - action.moves), 2)
    assert seen.total == 2 * len(action.moves)
    in_order = [f"{status}-{n}" for status in Status if status in action.moves for n in (1, 2)]
    assert seen.sample == in_order[:10]
    assert statuses(rig) == Counter(dict.fromkeys(map(str, Status), 2))


@pytest.mark.parametrize(
    ("filter", "ids"),
    [
        ({"status": "waiting"}, ["waiting-1", "waiting-2", "new-1", "cron-1"]),
        ({"status": ["paused", "queued"]}, ["paused-1", "queued-1"]),
        ({"version": "2"}, ["new-1"]),
        ({"trigger": "cron"}, ["cron-1"]),
        ({"since": moment(50)}, ["new-1", "cron-1"]),
        ({"until": moment(50)}, ["waiting-1", "waiting-2", "paused-1", "queued-1", "new-1"]),
        ({"since": moment(50), "until": moment(50)}, ["new-1"]),
        ({"ids": ["paused-1", "cron-1", "nobody"]}, ["paused-1", "cron-1"]),
        ({"ids": ["paused-1", "cron-1"], "status": "waiting"}, ["cron-1"]),
        ({"ids": ["paused-1", "cron-1"], "trigger": "binding"}, ["paused-1"]),
        ({"status": "complete"}, []),
    ],
    ids=str,
)
def test_a_filter_means_what_it_says(rig: Rig, jobs: Jobs, filter: dict[str, Any], ids: list[str]) -> None:
    """The preview shows, and the job moves, those that fit all that is given, oldest first, and no others."""
    fill(rig, "waiting", 2)
    fill(rig, "paused", 1)
    fill(rig, "queued", 1)
    fill(rig, "waiting", 1, prefix="new", version="2", created=50)
    fill(rig, "waiting", 1, prefix="cron", trigger="cron", created=60)
    fill(rig, "complete", 1)
    fill(rig, "waiting", 1, workflow="other", prefix="cron", trigger="cron", version="2")
    seen = jobs.preview("errand", "terminate", filter)
    assert (seen.sample, seen.total) == (ids, len(ids))
    job = jobs.start("errand", "terminate", filter)
    assert work(rig) == len(ids)
    assert [id for _, id in audited(rig, "terminate")] == ids
    done = jobs.get(job.id)
    assert (done.status, done.total, done.done, done.failed, done.percent) == ("complete", len(ids), len(ids), 0, 100)


def test_a_job_is_audited_with_its_number_and_who_started_it(rig: Rig, jobs: Jobs) -> None:
    """So that everybody who wonders why an instance is gone finds both."""
    fill(rig, "waiting", 2)
    job = rig.client.acting_as("api:ada").jobs.start("errand", "pause")
    work(rig)
    assert audited(rig, "pause") == [(f"job:{job.id}:api:ada", "waiting-1"), (f"job:{job.id}:api:ada", "waiting-2")]
    assert audited(rig, "job_start") == [("api:ada", "")]
    [[detail]] = rig.sql("select detail from wf.audit where action = 'job_start'")
    assert detail == {"job": job.id, "action": "pause", "filter": {}, "options": {}, "total": 2}
    assert jobs.get(job.id).actor == "api:ada"


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("pause", "waiting", "paused"),
        ("resume", "paused", "queued"),
        ("terminate", "waiting", "terminated"),
        ("restart", "errored", "queued"),
    ],
)
def test_each_action_does_what_it_does_to_one(rig: Rig, jobs: Jobs, action: str, before: str, after: str) -> None:
    """Instances that shall go on are nudged, too."""
    fill(rig, before, 3)
    jobs.start("errand", action)
    work(rig)
    assert statuses(rig) == {after: 3}
    assert len(rig.take()) == (3 if after == "queued" else 0)


def test_delete_frees_the_ids(rig: Rig, jobs: Jobs) -> None:
    """Whatever the status; nothing is left of the instances but the audit."""
    zoo(rig)
    jobs.start("errand", "delete", {"status": sorted(TERMINAL)})
    work(rig)
    assert statuses(rig).total() == 2 * (len(Status) - len(TERMINAL))
    with pytest.raises(InstanceNotFound):
        rig.client.workflow("errand").get("complete-1")
    assert len(audited(rig, "delete")) == 6
    assert statuses(rig, "other").total() == len(Status)


def test_terminate_may_roll_back(rig: Rig, jobs: Jobs) -> None:
    """The option reaches each instance; those that have nothing to undo are terminated at once."""
    rig.create(Errand, "i-1", {"do": "wait"})
    rig.settle()
    jobs.start("errand", "terminate", options={"rollback": True})
    work(rig)
    assert rig.sql("select detail from wf.audit where action = 'terminate'") == [({"rollback": True},)]


def test_restart_may_begin_at_a_step(rig: Rig, jobs: Jobs) -> None:
    """Instances whose history has no such step are counted as failed, and stay as they are."""
    rig.create(Errand, "sleeper", {"do": "sleep"})
    rig.settle()
    fill(rig, "errored", 1)
    job = jobs.start("errand", "restart", options={"from_step": ("nap", 1, "sleep")})
    assert job.options == {"from_step": {"name": "nap", "count": 1, "type": "sleep"}}
    work(rig)
    done = jobs.get(job.id)
    assert (done.status, done.done, done.failed) == ("complete", 1, 1)
    assert [(error["id"], error["code"]) for error in done.errors] == [("errored-1", "instance.cannot_restart")]
    assert statuses(rig) == {"queued": 1, "errored": 1}


def test_newer_instances_are_not_meant(rig: Rig, jobs: Jobs) -> None:
    """What is created after the job stays, even under the id of one that was meant and is gone."""
    fill(rig, "waiting", 3)
    jobs.start("errand", "delete")
    rig.client.workflow("errand").get("waiting-2").delete()
    fill(rig, "waiting", 1, prefix="new")
    rig.create(Errand, "waiting-2")
    work(rig)
    assert rig.sql("select id from wf.instance order by key") == [("new-1",), ("waiting-2",)]


def test_what_is_moved_meanwhile_is_no_failure(rig: Rig, jobs: Jobs) -> None:
    """Instances that ended, or that somebody removed, are passed by."""
    fill(rig, "waiting", 3)
    job = jobs.start("errand", "terminate")
    rig.client.workflow("errand").get("waiting-1").terminate()
    rig.client.workflow("errand").get("waiting-2").delete()
    work(rig)
    done = jobs.get(job.id)
    assert (done.status, done.total, done.failed, done.errors) == ("complete", 3, 0, [])
    assert statuses(rig) == {"terminated": 2}


def test_one_job_of_a_kind_at_a_time(rig: Rig, jobs: Jobs) -> None:
    """The second one is refused, and told which is in its way; other actions and other workflows are free."""
    fill(rig, "waiting", 1)
    fill(rig, "waiting", 1, workflow="other")
    first = jobs.start("errand", "terminate")
    with pytest.raises(JobActive, match=f"Job {first.id} is at work already") as caught:
        jobs.start("errand", "terminate", {"status": "paused"})
    assert (caught.value.job, caught.value.workflow, caught.value.action) == (first.id, "errand", "terminate")
    jobs.start("errand", "pause")
    jobs.start("other", "terminate")
    jobs.cancel(first.id)
    jobs.start("errand", "terminate")


def test_a_job_on_nothing_is_complete_at_once(rig: Rig, jobs: Jobs) -> None:
    """There is nothing to do; but it was asked for, and the list shows it."""
    job = jobs.start("errand", "pause")
    assert (job.status, job.total, job.percent) == ("queued", 0, 0)
    work(rig)
    assert [(job.status, job.percent) for job in jobs.list()] == [("complete", 100)]


@pytest.mark.parametrize(
    ("action", "filter", "options", "says"),
    [
        ("explode", {}, {}, "There is no action 'explode'"),
        ("pause", {"colour": "red"}, {}, "colour: Extra inputs are not permitted"),
        ("pause", {"status": "done"}, {}, "status.0: Input should be"),
        ("pause", {"status": []}, {}, "status: Tuple should have at least 1 item"),
        ("pause", {"ids": []}, {}, "ids: Tuple should have at least 1 item"),
        ("pause", {"ids": ["a"] * 101}, {}, "ids: Tuple should have at most 100 items"),
        ("pause", {"since": "2026-01-31T09:00"}, {}, "since: Input should have timezone info"),
        ("pause", {"version": "a\0"}, {}, "version: "),
        ("pause", {"version": "\ud800"}, {}, "version: "),
        ("pause", "waiting", {}, "The filter must be a mapping"),
        ("pause", {}, {"rollback": True}, "pause has no option 'rollback'"),
        ("terminate", {}, {"from_step": "a"}, "terminate has no option 'from_step'"),
        ("terminate", {}, {"rollback": "yes"}, "rollback must be true or false"),
        ("restart", {}, {"from_step": {"name": "a", "count": 0}}, "count must be a whole number"),
        ("restart", {}, {"from_step": "a\0"}, "zero byte"),
        ("restart", {}, {"from_step": "\ud800"}, "surrogates not allowed"),
        ("delete_workflow", {"status": "queued"}, {}, "takes no filter"),
    ],
)
def test_what_makes_no_sense_is_refused(
    rig: Rig, jobs: Jobs, action: str, filter: Any, options: dict[str, Any], says: str
) -> None:
    """Before anything is begun, with the place of the fault."""
    with pytest.raises(InvalidBatch, match=r"Nothing of the batch was done") as caught:
        jobs.start("errand", action, filter, options)
    assert says in str(caught.value)
    assert list(jobs.list()) == []


def test_unknown_workflows_ids_and_jobs_are_told(rig: Rig, jobs: Jobs) -> None:
    """Each by the error that other methods have for it."""
    for name in ("errnd", "no name\0"):
        for call in (jobs.preview, jobs.start):
            with pytest.raises(WorkflowNotFound):
                call(name, "pause")
    with pytest.raises(InvalidInstanceId):
        jobs.preview("errand", "pause", {"ids": ["a\0"]})
    for id in (1, 0, -5, 2**63):
        for look in (jobs.get, jobs.cancel):
            with pytest.raises(JobNotFound, match=f"There is no job {id}"):
                look(id)


def test_jobs_are_listed_newest_first_in_pages(rig: Rig, jobs: Jobs) -> None:
    """Of all workflows, of one, or of those that somebody may see."""
    fill(rig, "waiting", 1, workflow="other")
    made = [jobs.start(name, action).id for action in ("pause", "resume") for name in ("errand", "other")]
    first = jobs.list(limit=3)
    assert [job.id for job in first] == made[:0:-1]
    assert [job.id for job in jobs.list(cursor=first.cursor)] == made[:1]
    assert jobs.list(cursor=first.cursor).cursor is None
    assert [job.workflow for job in jobs.list("other")] == ["other", "other"]
    assert [job.workflow for job in jobs.list(only={"errand"})] == ["errand", "errand"]
    assert list(jobs.list("other", only={"errand"})) == list(jobs.list(only=[])) == []
    for bad in ({"limit": 0}, {"limit": 101}, {"cursor": "x"}):
        with pytest.raises(InvalidQuery):
            jobs.list(**bad)


def test_starting_asks_the_reaper_to_begin(rig: Rig, jobs: Jobs) -> None:
    """A message on the queue of the alarm, from a process that has no Celery."""
    jobs.start("errand", "pause")
    key = f"{rig.settings.key_prefix}{rig.settings.queue}.alarm"
    message: Any = rig.redis.rpop(key)
    message = json.loads(message)
    assert (message["headers"]["task"], json.loads(message["body"])) == (TASK, [[], {}, {}])
    assert message["properties"]["delivery_info"]["routing_key"] == f"{rig.settings.queue}.alarm"


class TestDeleteWorkflow:
    """All instances, then the workflow."""

    def test_nothing_is_left(self, rig: Rig, jobs: Jobs) -> None:
        """Neither instances nor name, versions, schedules and slots; other workflows have theirs."""
        for cls in versions("kept", "1", "2"):
            rig.workers[0].catalog.register(cls)
        zoo(rig)
        for workflow in ("errand", "kept"):
            rig.sql("insert into wf.schedule (workflow, cron, next_at) values (%s, '* * * * *', now())", workflow)
            rig.sql("insert into wf.slot (workflow, number) values (%s, 1)", workflow)
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
        ):
            assert rig.sql(f"select distinct {column} from wf.{table}") == [("kept",)], table
        assert audited(rig, "delete_workflow") == [(f"job:{job.id}:client", "")]
        assert statuses(rig, "other").total() == len(Status)

    def test_what_is_created_meanwhile_goes_too(self, rig: Rig, jobs: Jobs) -> None:
        """The workflow goes when it has no instance any more."""
        fill(rig, "waiting", 2)
        job = jobs.start("errand", "delete_workflow")
        fill(rig, "queued", 3)
        work(rig)
        assert (jobs.get(job.id).status, statuses(rig), jobs.get(job.id).done) == ("complete", {}, 5)
        assert rig.sql("select name from wf.workflow") == []

    def test_an_id_that_is_used_again_meanwhile_goes_too(
        self, rig: Rig, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
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

    def test_what_is_committed_late_goes_too(self, rig: Rig, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
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

    def test_it_gives_up_where_there_are_always_new_ones(
        self, rig: Rig, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
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

    def test_a_worker_that_starts_later_makes_it_known_again(self, rig: Rig, jobs: Jobs) -> None:
        """The code is still there; only what the journal knew is gone."""
        jobs.start("errand", "delete_workflow")
        work(rig)
        rig.workers[0].catalog.register(Errand)
        assert rig.sql("select name from wf.workflow") == [("errand",)]
