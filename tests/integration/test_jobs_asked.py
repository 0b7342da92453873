"""Jobs as they are asked for: started, refused, listed, called off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand
from tests.support.jobs import audited, fill, statuses, work
from wf import JobActive, JobNotFound, WorkflowNotFound
from wf.errors import InvalidBatch, InvalidInstanceId
from wf.jobs import TASK
from wf.listing import InvalidQuery

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.jobs import Jobs


@pytest.fixture
def jobs(rig: Rig) -> Jobs:
    rig.workers[0].catalog.register(Errand)
    return rig.client.jobs


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


def test_a_queued_job_is_cancelled_before_it_begins(rig: Rig) -> None:
    """Nothing is moved."""
    fill(rig, "waiting", 2)
    job = rig.client.jobs.start("errand", "pause")
    assert rig.client.jobs.cancel(job.id).status == "cancelled"
    assert work(rig) == 0
    assert statuses(rig) == {"waiting": 2}
