"""Runners of jobs: killed, doubled, late, without Postgres, on poisoned instances. Each instance is moved once."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import Rig
from tests.support.errands import Errand
from tests.support.jobs import audited, fill, statuses, work
from tests.support.plans import plan_of, scans
from tests.support.standing import Door, held_at
from wf import crashpoints
from wf.database import Database
from wf.errors import JournalBusy, JournalUnavailable
from wf.jobs import TASK
from wf.sql import statements
from wf.steering import Steering
from wf_reaper.jobs import ERRORS, JobRunner
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.settings import Settings


@pytest.fixture
def rig(settings: Settings) -> Iterator[Rig]:
    """Two workers, and small batches."""
    with Rig(settings.model_copy(update={"job_batch": 10}), workers=2) as made:
        made.workers[0].catalog.register(Errand)
        yield made


def once_each(rig: Rig, action: str, number: int) -> bool:
    """Whether each of so many instances was moved, and none twice."""
    counts = Counter(id for _, id in audited(rig, action))
    return len(counts) == number and set(counts.values()) == {1}


def break_at(monkeypatch: pytest.MonkeyPatch, id: str, error: BaseException, times: int = 1) -> Callable[[], int]:
    """Let the look at an instance fail, as often as that; gives how often it did."""
    looks: list[str] = []
    real = Steering._act

    def act(self: Steering, action: Any, workflow: str, which: str, *args: Any, **how: Any) -> Any:
        if which == id and len(looks) < times:
            looks.append(which)
            raise error
        return real(self, action, workflow, which, *args, **how)

    monkeypatch.setattr(Steering, "_act", act)
    return lambda: len(looks)


def test_thousands_are_moved_in_bounded_batches(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """No look takes more than a batch, and each is noted before the next one."""
    fill(rig, "complete", 1000)
    order: list[str] = []
    names = {text: name for name, text in statements().items()}
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        order.append(names.get(sql, "look" if "LATERAL" in sql else ""))
        return rows(self, sql, params)

    job = rig.client.jobs.start("errand", "delete")
    with monkeypatch.context() as patched:
        patched.setattr(Database, "rows", listen)
        assert work(rig, seconds=300) == 1000
    batches = "".join({"look": "L", "instance_delete": "d", "job_note": "N"}.get(name, "") for name in order)
    assert batches == ("L" + "d" * 10 + "N") * 100
    assert (rig.client.jobs.get(job.id).done, statuses(rig).total()) == (1000, 0)


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


def test_a_queued_job_is_cancelled_before_it_begins(rig: Rig) -> None:
    """Nothing is moved."""
    fill(rig, "waiting", 2)
    job = rig.client.jobs.start("errand", "pause")
    assert rig.client.jobs.cancel(job.id).status == "cancelled"
    assert work(rig) == 0
    assert statuses(rig) == {"waiting": 2}


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


def test_a_workflow_with_an_instance_that_cannot_go_stays(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job ends, and says which instance it is."""
    fill(rig, "waiting", 3)
    job = rig.client.jobs.start("errand", "delete_workflow")
    broken = break_at(monkeypatch, "waiting-2", ZeroDivisionError(), times=99)
    work(rig)
    done = rig.client.jobs.get(job.id)
    assert (broken(), done.status, done.failed, [error["id"] for error in done.errors]) == (
        1,
        "complete",
        1,
        ["waiting-2"],
    )
    assert rig.sql("select name from wf.workflow") == [("errand",)]


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
        assert work(rig, seconds=0.2) == at_once
        assert time.monotonic() - began < 2
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


def test_every_look_goes_by_an_index(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting and looking with every filter, and all that a job writes, however big the journal is."""
    texts: set[str] = set()
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        texts.add(sql)
        return rows(self, sql, params)

    rig.sql(
        "insert into wf.instance (workflow, id, version, status, due_at)"
        " select case when mod(n, 3) = 0 then 'errand' else 'other' end, 'i-' || n, '1',"
        " case when mod(n, 50) = 0 then 'waiting' else 'complete' end, case when mod(n, 50) = 0 then now() end"
        " from generate_series(1, 6000) n"
    )
    rig.sql("insert into wf.audit (actor, action, workflow, instance) select 'a', 'b', workflow, id from wf.instance")
    monkeypatch.setattr(Database, "rows", listen)
    jobs = rig.client.jobs
    for filter in ({}, {"status": "waiting"}, {"version": "1"}, {"ids": ["i-3"]}, {"ids": ["i-3"], "trigger": "cron"}):
        jobs.preview("errand", "restart", filter)
        jobs.start("errand", "terminate", filter)
        work(rig, seconds=60)
    for table in ("instance", "audit"):
        rig.sql(f"vacuum analyze wf.{table}")
    named = {text: name for name, text in statements().items()}
    assert {named.get(text, "") for text in texts} >= {"job_newest", "job_look", "job_note", "job_take", "job_end"}
    small = {"job", "workflow", "schedule", "slot"}
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        plans = {named.get(text, text): plan_of(connection, text) for text in texts}
    assert {name: read for name, plan in plans.items() if (read := set(scans(plan)) - small)} == {}
    looks = [str(plan) for name, plan in plans.items() if "LATERAL" in name]
    assert len(looks) == 4, "two ways to count, two to look: with and without a look into the rows"
    assert [plan for plan in looks if "'Index Name': 'instance_status'" not in plan] == []
    counts = [str(plan) for name, plan in plans.items() if "LATERAL" in name and "count" in name]
    assert any("Index Only Scan" in plan for plan in counts), "counting by status needs no look at the rows"


def test_a_look_ends_however_few_fit(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that fits nothing is done in steps of a bounded size, too."""
    monkeypatch.setattr("wf.filters.LOOK", 100)
    fill(rig, "complete", 250)
    fill(rig, "complete", 2, prefix="rare", version="2")
    fill(rig, "errored", 1, prefix="rarer", version="2")
    seen: list[int] = []
    note = JobRunner._note

    def noted(self: Any, job: Any, progress: Any) -> Any:
        seen.append(progress.done)
        return note(self, job, progress)

    monkeypatch.setattr(JobRunner, "_note", noted)
    rig.client.jobs.start("errand", "delete", {"version": "2"})
    assert work(rig, seconds=60) == 3
    assert seen == [0, 0, 3]
    assert statuses(rig) == {"complete": 250}
