"""Runners of jobs without Postgres, on poisoned and busy instances, against a rate."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig
from tests.support.errands import Errand
from tests.support.jobs import break_at, fill, once_each, statuses, work
from wf.errors import JournalBusy, JournalUnavailable
from wf.steering import Steering
from wf_reaper.jobs import ERRORS, JobRunner
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings


@pytest.fixture
def rig(settings: Settings) -> Iterator[Rig]:
    """Two workers, and small batches."""
    with Rig(settings.model_copy(update={"job_batch": 10}), workers=2) as made:
        made.workers[0].catalog.register(Errand)
        yield made


def test_a_poisoned_instance_stops_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted, the first few errors are kept, and they show nothing that is nobody's business."""
    fill(rig, "waiting", 25)
    job, real = rig.client.jobs.start("errand", "pause"), Steering._act

    def act(self: Any, action: Any, workflow: str, id: str, *args: Any, **how: Any) -> Any:
        if id != "waiting-25" and int(id.removeprefix("waiting-")) % 2:
            raise ZeroDivisionError("secret")
        return real(self, action, workflow, id, *args, **how)

    monkeypatch.setattr(Steering, "_act", act)
    work(rig)
    done = rig.client.jobs.get(job.id)
    assert (done.status, done.done, done.failed, done.percent) == ("complete", 13, 12, 100)
    assert [error["id"] for error in done.errors] == [f"waiting-{n}" for n in range(1, 2 * ERRORS, 2)]
    assert {error["code"] for error in done.errors} == {"internal_server"}
    assert "secret" not in str(done)


def test_without_postgres_the_job_stays_as_it_is(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the instance; the job goes on when the lease is over."""
    fill(rig, "waiting", 25)
    job = rig.client.jobs.start("errand", "pause")
    break_at(monkeypatch, "waiting-16", JournalUnavailable("away"))
    with pytest.raises(JournalUnavailable):
        work(rig)
    assert rig.client.jobs.get(job.id).status == "running"
    rig.clock.advance(rig.settings.lease)
    work(rig)
    done = rig.client.jobs.get(job.id)
    assert (done.status, done.done, done.failed, done.errors) == ("complete", 25, 0, [])
    assert once_each(rig, "pause", 25)


def test_a_busy_instance_is_tried_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody holds it for a while: by the same runner if there is time, else by the next one; it has not failed."""
    monkeypatch.setattr("wf_reaper.jobs.BUSY", 0.01)
    fill(rig, "waiting", 25)
    job = rig.client.jobs.start("errand", "pause")
    looks = break_at(monkeypatch, "waiting-16", JournalBusy("a row is locked"), times=3)
    assert work(rig, seconds=5) == 25
    assert looks() == 3
    done = rig.client.jobs.get(job.id)
    assert (done.status, done.done, done.failed, done.errors) == ("complete", 25, 0, [])
    assert once_each(rig, "pause", 25)


def test_a_job_stays_where_an_instance_is_busy(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the runner's time is over, it hands over; the next one begins with that instance."""
    fill(rig, "waiting", 2)
    job = rig.client.jobs.start("errand", "pause")
    break_at(monkeypatch, "waiting-1", JournalBusy("a row is locked"))
    assert work(rig, seconds=0) == 0
    assert rig.client.jobs.get(job.id).status == "running"
    assert work(rig, worker=1) == 2
    assert (rig.client.jobs.get(job.id).failed, statuses(rig)) == (0, {"paused": 2})


@pytest.mark.parametrize(("rate", "at_once", "wait"), [(2.0, 2, 0.5), (0.05, 1, 20.0)])
def test_restarts_keep_to_the_rate(settings: Settings, rate: float, at_once: int, wait: float) -> None:
    """A job waits as the limit says: it hands over, or sleeps if that takes long; nothing fails."""
    with Rig(settings.model_copy(update={"workflow_creation_rate": rate})) as rig:
        rig.workers[0].catalog.register(Errand)
        fill(rig, "errored", 5)
        job = rig.client.jobs.start("errand", "restart")
        key = f"{rig.settings.key_prefix}{rig.settings.queue}.alarm"
        rig.redis.delete(key)
        began = time.monotonic()
        assert work(rig, seconds=0.2 if wait < 1 else 10.0) == at_once
        assert time.monotonic() - began < 10, "it has not waited for what takes longer than its time"
        assert rig.redis.llen(key) == (1 if wait < 1 else 0)
        assert work(rig, seconds=0.2) == 0
        for _ in range(5 - at_once):
            rig.clock.advance(wait)
            assert work(rig, seconds=0.2) == 1
        rig.clock.advance(wait)
        work(rig, seconds=0.2)
        assert (rig.client.jobs.get(job.id).status, rig.client.jobs.get(job.id).failed) == ("complete", 0)


def test_a_rate_in_the_way_for_a_moment_is_waited_for(settings: Settings) -> None:
    """On the clock of the servers: the same runner goes on."""
    with Rig(quick := settings.model_copy(update={"workflow_creation_rate": 20.0})) as rig:
        rig.workers[0].catalog.register(Errand)
        fill(rig, "errored", 25)
        job = rig.client.jobs.start("errand", "restart")
        real = Runtime(quick)
        try:
            assert JobRunner(real).run_once(seconds=10) == 25
        finally:
            real.close()
        assert rig.client.jobs.get(job.id).status == "complete"
