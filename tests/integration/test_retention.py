"""Retention: how long an instance is kept after its end, and how it goes."""

from __future__ import annotations

from threading import Event as Signal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from redis.exceptions import RedisError

from tests.support import START, Processes, Rig, wait_until
from tests.support.errands import Errand, RefusedError, moment
from tests.support.plans import plan_of, scans
from wf import InstanceNotFound, WorkflowEntrypoint
from wf.client import Client
from wf.database import Database
from wf.errors import JournalUnavailable
from wf.sql import statements
from wf_reaper.restarts import Restarts
from wf_reaper.retention import BATCH, Retention

if TYPE_CHECKING:
    from wf.settings import Settings

DAY = 86_400.0

TABLES = ("instance", "payload", "step", "attempt", "event", "transition")


class Kept(
    WorkflowEntrypoint,
    name="retention-kept",
    default_retention={"success_retention": "1 hour", "error_retention": "2 hours"},
):
    """Gives its payload, or fails with it."""

    async def run(self, event: Any, step: Any) -> Any:
        if event.payload == "fail":
            raise RefusedError(7)
        if event.payload == "wait":
            await step.wait_for_event("permit", "go")
        return event.payload


class Persistent(WorkflowEntrypoint, name="retention-restart", restart={"limit": 1, "delay": "1 day"}):
    """Fails, and is restarted a day later."""

    async def run(self, event: Any, step: Any) -> Any:
        await step.do("fail", self._fail, config={"retries": {"limit": 0}})

    def _fail(self) -> None:
        raise RefusedError(7)


def sweep(rig: Rig) -> int:
    return Retention(rig.workers[0]).run_once()


def expiry(rig: Rig, id: str) -> float | None:
    """Seconds from the start until an instance expires."""
    [[at]] = rig.sql("select extract(epoch from expire_at)::float8 from wf.instance where id = %s", id)
    return None if at is None else at - START


def ended(rig: Rig, number: int, *, workflow: str = "errand", over: float = 1.0) -> None:
    """Instances whose time has been over for so many seconds."""
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, ended_at, expire_at)"
        " select %s, 'e-' || n, '1', 'complete', to_timestamp(%s), to_timestamp(%s) from generate_series(1, %s) n",
        workflow,
        START - DAY,
        START - over,
        number,
    )
    rig.sql("insert into wf.payload (instance, params) select key, '\\x01' from wf.instance on conflict do nothing")


def left(rig: Rig) -> list[str]:
    return [id for (id,) in rig.sql("select id from wf.instance order by key")]


def test_an_instance_expires_as_its_end_says(rig: Rig) -> None:
    """The workflow's word for a good end and for an error; without it, the settings'; a live one does not expire."""
    for id, payload, cls in (
        ("ok", {}, Kept), ("bad", "fail", Kept), ("live", "wait", Kept), ("plain", {}, Errand),
        ("plain-bad", {"do": "fail"}, Errand),
    ):  # fmt: skip
        rig.create(cls, id, payload)
    rig.settle()
    week = 7 * DAY
    found = {id: expiry(rig, id) for id in ("ok", "bad", "live", "plain", "plain-bad")}
    assert found == {"ok": 3600.0, "bad": 7200.0, "live": None, "plain": week, "plain-bad": week}
    assert rig.client.workflow(Kept).get("ok").describe().expire_at == moment(3600)


def test_jobs_are_forgotten_a_month_after_their_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches; those that are at work stay, however old, and so does what the audit says of them."""
    monkeypatch.setattr("wf_reaper.retention.BATCH", 2)
    rig.workers[0].catalog.register(Errand)
    jobs = rig.client.jobs
    for _ in range(5):
        jobs.cancel(jobs.start("errand", "pause").id)
    old = jobs.start("errand", "resume").id
    rig.clock.advance(DAY)
    young = jobs.cancel(jobs.start("errand", "pause").id).id
    rig.clock.advance(29 * DAY - 1)
    sweep(rig)
    assert len(jobs.list()) == 7
    rig.clock.advance(1)
    sweep(rig)
    assert [job.id for job in jobs.list()] == [young, old]
    assert rig.sql("select count(*) from wf.audit where action = 'job_start'") == [(7,)]


def test_the_settings_tell_success_from_error(settings: Settings) -> None:
    """Each of the two settings counts for its kind of end, and terminated counts as success."""
    with Rig(settings.model_copy(update={"success_retention": 60.0, "error_retention": 120.0})) as rig:
        rig.create(Errand, "ok")
        rig.create(Errand, "bad", {"do": "fail"})
        rig.create(Errand, "stopped", {"do": "wait"})
        rig.settle()
        rig.client.workflow(Errand).get("stopped").terminate()
        assert [expiry(rig, id) for id in ("ok", "bad", "stopped")] == [60.0, 120.0, 60.0]


def test_what_has_expired_is_gone_with_all_its_rows(rig: Rig) -> None:
    """Nothing of an expired instance is left in any table nor in Redis, its id is free, and the audit tells of it."""
    workflow = rig.client.workflow(Errand)
    instance = rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    instance.send_event("go", 1)
    instance.send_event("other", 2)
    rig.settle()
    assert instance.status().status == "complete"
    [[key]] = rig.sql("select key from wf.instance")
    rig.sql(
        "insert into wf.attempt (instance, generation, seq, attempt, outcome, rev) values (%s, 1, 1, 1, 'lost', 1)", key
    )
    rig.sql("insert into wf.transition (instance, rev, status) values (%s, 99, 'waiting') on conflict do nothing", key)
    rig.sql("insert into wf.slot (workflow, number, instance) values ('errand', 1, %s)", key)
    mailbox = f"{rig.settings.key_prefix}mailbox:{key}"
    rig.redis.rpush(mailbox, "left over")
    rig.clock.advance(7 * DAY - 1)
    assert sweep(rig) == 0
    rig.clock.advance(1)
    assert sweep(rig) == 1
    assert {table: rig.sql(f"select count(*) from wf.{table}")[0][0] for table in TABLES} == dict.fromkeys(TABLES, 0)
    assert rig.sql("select instance from wf.slot") == [(None,)]
    assert rig.redis.exists(mailbox) == 0
    with pytest.raises(InstanceNotFound):
        instance.status()
    expired = rig.sql("select actor, workflow, detail from wf.audit where action = 'expire'")
    assert expired == [("reaper", "errand", {"instances": 1})]
    workflow.create("r-17")
    rig.settle()
    assert workflow.get("r-17").status().status == "complete"


def test_a_restart_calls_the_expiry_off(rig: Rig) -> None:
    """A restarted instance expires only after its next end."""
    instance = rig.create(Kept, "r-17")
    rig.settle()
    rig.clock.advance(3599)
    instance.restart()
    assert expiry(rig, "r-17") is None
    rig.clock.advance(2)
    assert sweep(rig) == 0
    rig.settle()
    assert expiry(rig, "r-17") == 3601 + 3600


def test_what_waits_for_a_restart_does_not_expire(settings: Settings) -> None:
    """An errored instance that the reaper shall restart is kept until then, however short its retention is."""
    with Rig(settings.model_copy(update={"error_retention": 60.0})) as rig:
        instance = rig.create(Persistent, "r-17")
        rig.settle()
        rig.clock.advance(DAY)
        assert sweep(rig) == 0
        assert Restarts(rig.workers[0]).run_once() == 1
        rig.settle()
        assert instance.status().status == "errored"
        rig.clock.advance(60)
        assert sweep(rig) == 1


def test_many_go_in_bounded_batches(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep takes one batch after the other until none is left, and no statement takes more than a batch."""
    ended(rig, 2 * BATCH + 1)
    ended(rig, 3, workflow="kept-for-now", over=-60)
    sizes: list[int] = []
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        if params and "keys" in params:
            sizes.append(len(params["keys"]))
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", listen)
    assert sweep(rig) == 2 * BATCH + 1
    # Once for the log lines of the instances, once for these, once for late lines of theirs.
    assert sizes == [BATCH] * 6 + [1] * 3
    assert left(rig) == ["e-1", "e-2", "e-3"]
    assert sweep(rig) == 0


def test_a_poisoned_instance_does_not_stop_the_others(rig: Rig) -> None:
    """What cannot be removed is left for the next sweep, alone."""
    ended(rig, BATCH + 2)
    rig.sql(
        "create function wf.refuse() returns trigger language plpgsql as"
        " $$ begin if old.id = 'e-7' then raise exception 'poisoned'; end if; return old; end $$"
    )
    rig.sql("create trigger poison before delete on wf.instance for each row execute function wf.refuse()")
    assert sweep(rig) == BATCH + 1
    assert left(rig) == ["e-7"]
    rig.sql("drop trigger poison on wf.instance")
    assert sweep(rig) == 1


def test_a_locked_instance_is_left_for_the_next_sweep(rig: Rig) -> None:
    """A sweep does not wait for a row that somebody else holds."""
    ended(rig, BATCH + 1)
    with psycopg.connect(rig.settings.database_url) as other:
        other.execute("select 1 from wf.instance where id = 'e-1' for update")
        assert sweep(rig) == BATCH
        assert left(rig) == ["e-1"]
    assert sweep(rig) == 1


def test_an_instance_that_comes_back_in_between_stays(rig: Rig) -> None:
    """A restart between the look at an expired instance and its removal wins."""
    instance = rig.create(Kept, "r-17")
    rig.settle()
    rig.clock.advance(3600)
    reaper = Retention(rig.workers[0])
    keys = reaper._due(0)
    instance.restart()
    assert (len(keys), reaper._remove(keys)) == (1, 0)
    rig.settle()
    assert instance.status().status == "complete"


def test_two_sweeps_at_once_share_the_work(rig: Rig) -> None:
    """However many sweep at the same moment, each instance is removed once."""
    ended(rig, 3 * BATCH)
    start = Signal()

    def run() -> int:
        assert start.wait(10)
        return sweep(rig)

    sweeps = [rig.in_thread(run) for _ in range(3)]
    start.set()
    assert sum(one.result(30) for one in sweeps) + sweep(rig) == 3 * BATCH
    assert left(rig) == []


def test_redis_away_keeps_nothing_from_expiring(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Redis, expired instances go nevertheless; it forgets their mailboxes by itself."""
    ended(rig, 2)

    def away(*_: Any) -> None:
        raise RedisError("away")

    monkeypatch.setattr(rig.workers[0].mailbox._redis, "delete", away)
    assert sweep(rig) == 2


def test_postgres_away_ends_a_sweep_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage is not tried again for each instance; the next sweep goes on."""
    ended(rig, 5)
    tries: list[Any] = []

    def away(*args: Any) -> Any:
        tries.append(args)
        raise JournalUnavailable("away")

    with monkeypatch.context() as patch:
        reaper = Retention(rig.workers[0])
        due = reaper._due(0)
        patch.setattr(rig.workers[0].database, "rows", away)
        with pytest.raises(JournalUnavailable):
            reaper._remove(due)
    assert len(tries) == 1
    assert sweep(rig) == 5


def test_expired_instances_are_found_by_the_index(rig: Rig) -> None:
    """Looking for expired instances, and removing them, reads no big table from end to end."""
    ended(rig, 5000, over=-DAY)
    for seq in range(1, 4):
        rig.sql(
            "insert into wf.step"
            " (instance, generation, seq, kind, name, count, status, attempt, lost, started_rev, rev)"
            " select key, 1, %s, 'do', 's', 1, 'complete', 1, 0, 1, 1 from wf.instance",
            seq,
        )
    rig.sql(
        "insert into wf.attempt (instance, generation, seq, attempt, outcome, rev)"
        " select key, 1, 1, 1, 'lost', 1 from wf.instance"
    )
    rig.sql("insert into wf.event (instance, type, payload) select key, 'go', '\\x01' from wf.instance")
    rig.sql("insert into wf.transition (instance, rev, status) select key, 1, 'waiting' from wf.instance")
    for table in TABLES:
        rig.sql(f"analyze wf.{table}")
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        plans = {name: plan_of(connection, statements()[name]) for name in ("retention_due", "retention_expire")}
    assert {name: list(scans(plan)) for name, plan in plans.items()} == {"retention_due": [], "retention_expire": []}
    assert "instance_expire" in str(plans["retention_due"])


def test_beat_has_expired_instances_removed(processes: Processes, settings: Settings) -> None:
    """A deployment of one worker and one beat removes what has expired."""
    soon = settings.model_copy(update={"success_retention": 0.1, "retention_tick": 0.5})
    with Rig(soon) as rig:
        processes.worker("tests.support.errands", settings=soon)
        processes.beat(settings=soon)
        with Client(settings=soon) as client:
            client.workflow("errand").create("r-17").result(timeout=30)
        wait_until(lambda: not left(rig), what="the instance is gone")
        assert rig.sql("select action from wf.audit") == [("expire",)]
