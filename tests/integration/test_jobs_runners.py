"""Runners of jobs: killed, doubled, late, called off. Each instance is moved once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig
from tests.support.errands import Errand
from tests.support.jobs import audited, break_at, fill, once_each, statuses, work
from tests.support.standing import Door, held_at
from wf import crashpoints
from wf.jobs import TASK
from wf.steering import Steering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings


@pytest.fixture
def rig(settings: Settings) -> Iterator[Rig]:
    """Two workers, and small batches."""
    with Rig(settings.model_copy(update={"job_batch": 10}), workers=2) as made:
        made.workers[0].catalog.register(Errand)
        yield made


def test_a_runner_hands_over_when_its_time_is_over(rig: Rig) -> None:
    """So that alarms get their turn; the next one goes on at once, where it was."""
    fill(rig, "waiting", 25)
    job = rig.client.jobs.start("errand", "pause")
    key = f"{rig.settings.key_prefix}{rig.settings.queue}.alarm"
    rig.redis.delete(key)
    assert work(rig, seconds=0) == 1
    assert (rig.client.jobs.get(job.id).status, rig.client.jobs.get(job.id).percent) == ("running", 4)
    assert TASK in str(rig.redis.lrange(key, 0, -1))
    assert work(rig, worker=1) == 24
    assert once_each(rig, "pause", 25)


def test_jobs_take_turns(rig: Rig) -> None:
    """A long job does not keep a later one from its first instances."""
    fill(rig, "waiting", 9)
    first, second = rig.client.jobs.start("errand", "terminate"), rig.client.jobs.start("errand", "restart")
    for expected in ((1, 0), (1, 1), (2, 1), (2, 2)):
        rig.clock.advance(1)
        work(rig, seconds=0)
        assert tuple(rig.client.jobs.get(job.id).done for job in (first, second)) == expected


def test_a_dead_runners_job_goes_on_when_its_lease_is_over(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had moved and not noted is not moved again: these instances are restarted once."""
    fill(rig, "errored", 25)
    job = rig.client.jobs.start("errand", "restart")
    break_at(monkeypatch, "errored-16", SystemExit())
    with pytest.raises(SystemExit):
        work(rig)
    assert (rig.client.jobs.get(job.id).done, len(audited(rig, "restart"))) == (10, 15)
    assert work(rig, worker=1) == 0
    rig.clock.advance(rig.settings.lease - 1)
    assert work(rig, worker=1) == 0
    rig.clock.advance(1)
    assert work(rig, worker=1) == 15
    done = rig.client.jobs.get(job.id)
    assert (done.status, done.done, done.failed) == ("complete", 25, 0)
    assert once_each(rig, "restart", 25)
    assert rig.sql("select distinct generation from wf.instance") == [(2,)]


def test_a_late_runner_changes_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was suspended with a look at an instance in its hand; the job was taken over and done meanwhile."""
    fill(rig, "errored", 25)
    job = rig.client.jobs.start("errand", "restart")
    held: list[int] = []
    door, real = Door(), Steering._restart

    def restart(self: Any, standing: Any, to: Any, **how: Any) -> Any:
        if not held and standing.key % 10 == 5:
            held.append(standing.key)
            door.stand()
        return real(self, standing, to, **how)

    monkeypatch.setattr(Steering, "_restart", restart)
    late = rig.in_thread(work, rig, 0)
    door.wait_for()
    rig.clock.advance(rig.settings.lease)
    work(rig, worker=1)
    after = rig.sql("select * from wf.job")
    assert rig.client.jobs.get(job.id).status == "complete"
    door.open()
    assert late.result(20) == 4, "it stopped at the first instance that it looked at again"
    assert rig.sql("select * from wf.job") == after
    assert once_each(rig, "restart", 25)
    assert rig.sql("select distinct generation from wf.instance") == [(2,)]


def test_a_late_runner_stops_while_another_one_is_at_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It moves nothing of what the other one has not come to yet, and its count is not the job's."""
    fill(rig, "errored", 25)
    job = rig.client.jobs.start("errand", "restart")
    held: list[int] = []
    door, real = Door(), Steering._restart

    def restart(self: Any, standing: Any, to: Any, **how: Any) -> Any:
        if not held and standing.key == 5:
            held.append(standing.key)
            door.stand()
        return real(self, standing, to, **how)

    monkeypatch.setattr(Steering, "_restart", restart)
    late = rig.in_thread(work, rig, 0)
    door.wait_for()
    rig.clock.advance(rig.settings.lease)
    with held_at(crashpoints.BEFORE_NOTE, monkeypatch) as noting:
        other = rig.in_thread(lambda: work(rig, worker=1, seconds=0))
        noting.wait_for()
        door.open()
        assert late.result(20) == 5
        assert (rig.client.jobs.get(job.id).done, once_each(rig, "restart", 5)) == (0, True)
        noting.open()
        assert other.result(20) == 1
    work(rig)
    assert (rig.client.jobs.get(job.id).done, once_each(rig, "restart", 25)) == (25, True)


def test_an_id_that_is_used_again_is_not_meant(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even if that happens between the look at a batch and the turn of the instance."""
    fill(rig, "waiting", 3)
    rig.client.jobs.start("errand", "delete")
    real = Steering._delete

    def delete(self: Any, standing: Any, to: Any) -> Any:
        if standing.key == 1:
            rig.sql("delete from wf.instance where id = 'waiting-2'")
            rig.create(Errand, "waiting-2")
        return real(self, standing, to)

    monkeypatch.setattr(Steering, "_delete", delete)
    work(rig)
    assert rig.sql("select id, key from wf.instance") == [("waiting-2", 4)]


def test_a_late_runners_note_changes_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It had moved a batch and not noted it; the one that took over counts these instances once."""
    fill(rig, "errored", 25)
    job = rig.client.jobs.start("errand", "restart")
    with held_at(crashpoints.BEFORE_NOTE, monkeypatch) as door:
        late = rig.in_thread(work, rig, 0)
        door.wait_for()
        rig.clock.advance(rig.settings.lease)
        work(rig, worker=1)
        door.open()
        assert late.result(20) == 10
    assert (rig.client.jobs.get(job.id).done, once_each(rig, "restart", 25)) == (25, True)


def test_two_runners_at_once_share_no_job(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one leaves alone what the first one holds, and takes the other job."""
    fill(rig, "waiting", 5)
    fill(rig, "waiting", 5, workflow="other")
    jobs = rig.client.jobs
    first, second = jobs.start("errand", "pause"), jobs.start("other", "pause")
    with held_at(crashpoints.BEFORE_NOTE, monkeypatch) as door:
        runner = rig.in_thread(work, rig, 0)
        door.wait_for()
        assert work(rig, worker=1) == 5
        assert (jobs.get(first.id).status, jobs.get(second.id).status) == ("running", "complete")
        door.open()
        assert runner.result(20) == 5
    assert len(set(audited(rig, "pause"))) == len(audited(rig, "pause")) == 10


def test_a_cancelled_job_stops_before_the_next_instance(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had done by then is counted; nobody goes on with it."""
    fill(rig, "waiting", 25)
    jobs = rig.client.jobs
    job, real = jobs.start("errand", "pause"), Steering._pause

    def pause(self: Any, standing: Any, to: Any) -> Any:
        if len(audited(rig, "pause")) == 13:
            rig.client.acting_as("api:ada").jobs.cancel(job.id)
        return real(self, standing, to)

    monkeypatch.setattr(Steering, "_pause", pause)
    work(rig)
    done = jobs.get(job.id)
    assert (done.status, done.done, done.percent) == ("cancelled", 14, 56)
    assert done.ended_on is not None
    assert statuses(rig) == {"paused": 14, "waiting": 11}
    assert audited(rig, "job_cancel") == [("api:ada", "")]
    rig.clock.advance(rig.settings.lease)
    assert work(rig) == 0
    assert jobs.cancel(job.id) == done
