"""Jobs: what they mean, and what becomes of the instances."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand, moment
from tests.support.jobs import audited, fill, statuses, work, zoo
from wf import InstanceNotFound
from wf.job_actions import JobAction
from wf.status import TERMINAL, Status

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.jobs import Jobs


@pytest.fixture
def jobs(rig: Rig) -> Jobs:
    rig.workers[0].catalog.register(Errand)
    return rig.client.jobs


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


def test_a_job_on_nothing_is_complete_at_once(rig: Rig, jobs: Jobs) -> None:
    """There is nothing to do; but it was asked for, and the list shows it."""
    job = jobs.start("errand", "pause")
    assert (job.status, job.total, job.percent) == ("queued", 0, 0)
    work(rig)
    assert [(job.status, job.percent) for job in jobs.list()] == [("complete", 100)]
