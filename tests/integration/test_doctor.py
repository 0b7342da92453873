"""What the doctor finds wrong with servers and settings, each thing provoked for real; and that it always ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from tests.support import Rig, wait_until
from tests.support.doctor import Examined, staff
from tests.support.errands import Errand
from tests.support.pooler import Pooler
from tests.support.rig import RowLock
from wf.clock import ManualClock
from wf.doctor import Check, Level, Subject, examine, rounds, servers, sessions, variables
from wf.doctor.broker import TICKS
from wf.doctor.sessions import DEAD
from wf.errors import JournalUnavailable
from wf.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.dev.servers import Valkey
    from wf.doctor import Finding


EVERYTHING = {
    "alarm", "clock", "connections", "events", "instances", "jobs", "limits", "locks", "nudged", "pooler", "postgres",
    "queues", "redis", "redis keys", "redis memory", "redis writes", "replay", "restarts", "retention", "rights",
    "schedules", "schema", "settings", "size", "transactions", "variables", "versions", "workers", "writes",
}  # fmt: skip
"""Checks that say that all is well."""


@pytest.fixture
def examined(rig: Rig) -> Iterator[Examined]:
    """All is well, until the test comes."""
    rig.workers[0].catalog.register(Errand)
    staff(rig)
    made = Examined(rig)
    yield made
    made.close()


@pytest.fixture
def own(own_redis_settings: Settings) -> Iterator[Rig]:
    """The same, with a Redis of its own."""
    with Rig(own_redis_settings) as rig:
        rig.workers[0].catalog.register(Errand)
        staff(rig)
        yield rig


def test_when_all_is_well_nothing_is_wrong(rig: Rig, examined: Examined) -> None:
    """Neither before anything has run nor with instances that run as they should; every check says something."""
    assert examined.wrong() == {}
    for id, doing in (("done", ""), ("sleeps", "sleep"), ("waits", "wait")):
        rig.create(Errand, id, {"do": doing})
    rig.settle()
    found = examined.findings()
    assert {finding.check for finding in found if finding.level != Level.OK} == {"settings of postgres"}  # fsync is off
    assert {finding.check for finding in found} >= EVERYTHING
    assert len(examined.findings(quick=True)) < len(found)


def test_without_redis_the_rest_is_looked_at(own: Rig, own_redis: Valkey) -> None:
    """It is said once that Redis is away, what could not be asked, and what is so all the same."""
    examined = Examined(own)
    assert examined.wrong() == {}
    own_redis.stop()
    assert examined.wrong().keys() == {"redis"}
    assert "redis memory" in examined.notes()["left out"].what
    assert {"schema", "workers", "alarm"} <= {finding.check for finding in examined.findings(Level.OK)}
    examined.close()


@pytest.mark.parametrize(
    "url", ["postgresql://127.0.0.1:1/x", "postgresql://no.such.host.invalid/x", "", "mysql://x/y"]
)
def test_without_postgres_the_rest_is_looked_at(rig: Rig, url: str) -> None:
    """It is said once that Postgres is away, within seconds."""
    examined, began = Examined(rig, settings=rig.settings.model_copy(update={"database_url": url})), time.monotonic()
    assert examined.wrong().keys() == {"postgres"}
    assert "schema" in examined.notes()["left out"].what
    assert "redis memory" in {finding.check for finding in examined.findings(Level.OK)}
    assert time.monotonic() - began < 9


def test_a_redis_that_forgets_is_wrong(own: Rig) -> None:
    """One that throws keys away, that is nearly full, that takes no writes; one without a log is a note."""
    examined = Examined(own)
    own.redis.config_set("maxmemory-policy", "allkeys-lru")
    assert examined.wrong()["redis memory"].facts["policy"] == "allkeys-lru"
    own.redis.config_set("maxmemory-policy", "noeviction")
    own.redis.config_set("maxmemory", 1_000_000)
    assert "maxmemory" in examined.wrong()["redis memory"].what
    own.redis.config_set("maxmemory", 0)
    assert examined.wrong() == {}
    own.redis.config_set("appendonly", "no")
    assert "WF_RENUDGE" in examined.notes()["redis writes"].what
    own.redis.replicaof("127.0.0.1", "1")
    assert "replica" in examined.wrong()["redis writes"].what
    examined.close()


def test_a_queue_that_others_use_is_wrong(rig: Rig, examined: Examined) -> None:
    """A key of another kind, a task of another application, what nobody can read; ours are no trouble."""
    key = rig.settings.broker_prefix + rig.settings.queue
    rig.create(Errand)
    assert examined.wrong() == {}
    for message, told in ((b'{"headers": {"task": "shop.mail"}}', "shop.mail"), (b"\xff", "what nobody can read")):
        rig.redis.rpush(key, message)
        assert told in examined.wrong()["redis keys"].what
    rig.redis.delete(key)
    rig.redis.set(key, "1")
    assert "string" in examined.wrong()["redis keys"].what


def test_ticks_that_nobody_takes_are_wrong(rig: Rig, examined: Examined) -> None:
    """Too many of them, or one that is too old."""
    for _ in range(TICKS):
        rig.client.dispatcher.publish_task("wf.jobs")
    assert examined.wrong()["redis keys"].facts["length"] == TICKS
    key = f"{rig.settings.broker_prefix}{rig.settings.queue}.alarm"
    rig.redis.delete(key)
    rig.redis.rpush(key, '{"headers": {"task": "wf.alarm", "expires": "2020-01-01T00:00:00+00:00"}}')
    assert examined.wrong()["redis keys"].facts["seconds"] > 1e8


def test_messages_that_were_taken_are_told_of(rig: Rig, examined: Examined) -> None:
    """As the transport of a team's own app notes them."""
    prefix = rig.settings.broker_prefix
    rig.redis.hset(f"{prefix}unacked", "tag", "message")
    rig.redis.zadd(f"{prefix}unacked_index", {"tag": time.time() - 90})
    assert examined.notes()["redis keys"].facts["number"] == 1
    assert 90 <= examined.notes()["redis keys"].facts["seconds"] < 120


@pytest.mark.parametrize(("ahead", "word"), [(5, "ahead of"), (-5, "behind")])
def test_a_clock_that_is_wrong_is_told_of(rig: Rig, ahead: float, word: str) -> None:
    """This machine differs from both servers."""
    staff(rig)
    examined = Examined(rig, wall=ManualClock(time.time() + ahead).now)
    skewed = [finding for finding in examined.findings(Level.WRONG) if finding.check == "clock"]
    assert [finding.facts["server"] for finding in skewed] == ["Postgres", "Redis"]
    assert all(word in finding.what for finding in skewed)
    examined.close()


@pytest.mark.parametrize(
    ("version", "remedy"), [("'0001'", "Run `wf migrate`."), ("'9999'", "Install the release that fits.")]
)
def test_a_schema_that_does_not_fit_is_told_with_what_mends_it(
    rig: Rig, examined: Examined, version: str, remedy: str
) -> None:
    """And the journal is not looked into."""
    rig.sql(f"update wf.alembic_version set version_num = {version}")
    assert examined.wrong().keys() == {"schema"}
    assert examined.wrong()["schema"].remedy == remedy
    assert "instances" in examined.notes()["left out"].what


def test_an_empty_database_lacks_the_schema(empty_database_url: str, redis_url: str) -> None:
    """It says which command makes it."""
    subject = Subject(Settings(database_url=empty_database_url, redis_url=redis_url))
    found = [finding for finding in report(subject) if finding.level == Level.WRONG]
    assert [(finding.check, finding.remedy) for finding in found] == [("schema", "Run `wf migrate` once.")]
    subject.close()


def report(subject: Subject) -> list[Finding]:
    from wf.doctor import lanes  # noqa: PLC0415  (the others use `Examined`)

    return list(examine(subject, lanes()).findings)


def test_a_role_that_lacks_rights_is_told_which(rig: Rig, examined: Examined) -> None:
    """Of the schema, and of single tables."""
    role = f"clerk_{uuid4().hex}"
    url = make_url(rig.settings.database_url).set(username=role).render_as_string(hide_password=False)
    clerk = Examined(rig, settings=rig.settings.model_copy(update={"database_url": url}))
    rig.sql(f"create role {role} login")
    try:
        assert clerk.wrong()["rights"].remedy == f"grant usage on schema wf to {role}"
        rig.sql(f"grant usage on schema wf to {role}")
        rig.sql(f"grant select, insert, update, delete on all tables in schema wf to {role}")
        assert clerk.wrong() == {}
        rig.sql(f"revoke insert on wf.step from {role}; revoke select on wf.worker from {role}")
        found = clerk.wrong()
        assert found["rights"].facts["tables"] == ["step", "worker"]
        assert found.keys() == {"rights", "workers", "instances", "versions"}, "the other checks are made"
        assert "permission denied" in found["workers"].what
    finally:
        clerk.close()
        rig.sql(f"drop owned by {role}; drop role {role}")
    assert examined.wrong() == {}


def test_settings_of_postgres_that_hurt_are_told_of(
    rig: Rig, examined: Examined, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read-only transactions, idle transactions that are ended at once, no room for connections, no cleaning up."""
    ((name,),) = rig.sql("select current_database()")
    rig.sql(f"alter database {name} set idle_in_transaction_session_timeout = '1s'")
    assert any("idle_in_transaction" in finding.what for finding in examined.findings(Level.NOTE))
    rig.sql(f"alter database {name} set default_transaction_read_only = on")
    assert examined.wrong().keys() == {"writes"}
    with psycopg.connect(
        rig.settings.database_url, autocommit=True, options="-c default_transaction_read_only=off"
    ) as c:
        c.execute(f"alter database {name} reset default_transaction_read_only".encode())
        c.execute("alter system set autovacuum = off")
        try:
            c.execute("select pg_reload_conf()")
            wait_until(lambda: "settings of postgres" in examined.wrong(), what="autovacuum is off")
        finally:
            c.execute("alter system reset autovacuum")
            c.execute("select pg_reload_conf()")
    monkeypatch.setattr(servers, "CROWDED", 0.001)
    assert "connections" in examined.wrong()


def test_who_holds_locks_is_named(rig: Rig, examined: Examined, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction that others wait for, with how to end it; and a long one for which nobody waits yet."""
    monkeypatch.setattr(sessions, "WAITED", 0.0)
    instance = rig.create(Errand, "i-1", {"do": "wait"})
    rig.settle()
    with RowLock(rig.settings.database_url) as lock:
        ((holder,),) = lock._holder.execute("select pg_backend_pid()")
        assert examined.wrong() == {}, "nobody waits for it yet"
        waiting = rig.in_thread(instance.pause)
        lock.wait_for(1)
        found = examined.wrong()
        assert found.keys() == {"locks"}
        assert (found["locks"].facts["pid"], found["locks"].facts["waiting"]) == (holder, 1)
        assert found["locks"].remedy.endswith(f"select pg_terminate_backend({holder})")
        monkeypatch.setattr(sessions, "LONG", 0.0)
        long = [finding.facts for finding in examined.findings(Level.WRONG) if finding.check == "transactions"]
        assert (holder, True, "idle in transaction") in [(one["pid"], one["ours"], one["state"]) for one in long]
        lock.release()
        waiting.result(10)
    assert examined.wrong() == {}


def test_a_locked_table_ends_no_examination(rig: Rig, examined: Examined, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs the table says that it could not be found out in time; the rest is found out."""
    monkeypatch.setattr(sessions, "LONG", 0.0)
    began = time.monotonic()
    with psycopg.connect(rig.settings.database_url) as holder:
        holder.execute("lock table wf.instance")
        found = examined.findings()
    assert time.monotonic() - began < 15
    wrong = {finding.check: finding for finding in found if finding.level == Level.WRONG}
    assert {"transactions", "instances", "nudged"} <= wrong.keys()
    assert "could not be found out" in wrong["nudged"].what
    assert {"workers", "alarm", "redis memory", "schema", "size", "jobs"} <= {
        finding.check for finding in found if finding.level == Level.OK
    }


def test_dead_rows_that_nobody_cleans_up_are_wrong(rig: Rig, examined: Examined) -> None:
    """More of them than living ones, and many."""
    rig.sql("alter table wf.line set (autovacuum_enabled = off)")
    rig.sql(
        "insert into wf.line (instance, generation, seq, attempt, at, level, logger, message)"
        f" select n, 1, 1, 1, now(), 20, 'shop', '' from generate_series(1, {DEAD + 10}) n"
    )
    rig.sql("delete from wf.line")
    wait_until(lambda: "tables" in examined.wrong(), what="Postgres has counted the dead rows")
    assert examined.wrong()["tables"].facts["table"] == "line"
    rig.sql("vacuum wf.line")
    assert "tables" not in examined.wrong()


@pytest.mark.parametrize("shared", [False, True])
def test_a_pooler_is_noticed(rig: Rig, shared: bool) -> None:
    """One that keeps the connections of sessions is a note; one that does not, and forgets statements, is wrong."""
    staff(rig)
    with Pooler(rig.settings.database_url, shared=shared) as pooler:
        examined = Examined(rig, settings=rig.settings.model_copy(update={"database_url": pooler.url}))
        found = [finding for finding in examined.findings() if finding.check == "pooler"]
        examined.close()
    if shared:
        assert [finding.level for finding in found] == [Level.WRONG, Level.NOTE]
        assert "prepared" in found[0].what
        assert "drops the options" in found[1].what
    else:
        assert [(finding.level, finding.facts) for finding in found] == [(Level.NOTE, {"transactions": False})]


def test_variables_that_nobody_reads_are_told_of(rig: Rig) -> None:
    """With the one that was meant, if it is near; others are a note."""
    staff(rig)
    environ = {"WF_LAESE": "3", "WF_LEASE": "30", "WF_COLOUR_OF_THE_SHOP": "red", "PATH": "/", "WF_API_PORT": "1"}
    examined = Examined(rig, environ=environ)
    assert examined.wrong().keys() == {"variables"}
    assert examined.wrong()["variables"].remedy == "Did you mean WF_LEASE?"
    assert examined.notes()["variables"].facts == {"name": "WF_COLOUR_OF_THE_SHOP"}
    examined.close()


@pytest.mark.parametrize(
    "given",
    [
        {"lease": 1, "stop_tick": 0.5}, {"lease": 0.5, "stop_tick": 0.1, "alarm_tick": 0.1}, {"renudge": 0.5},
        {"alarm_tick": 40, "renudge": 50}, {"max_payload": 10, "max_state": 9},
        {"workflow_creation_rate": 2, "creation_rate": 1}, {"api_url": "http://h/", "api_token": "t"},
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_wrong(given: dict[str, Any]) -> None:
    """Each pair is told once, with what to set."""
    found = list(variables.settings(Subject(Settings(**given))))
    assert [finding.level for finding in found] == [Level.WRONG]
    assert found[0].remedy


def test_settings_that_fit_are_well() -> None:
    """The defaults do, and tokens may go to this machine, or by https, without another word."""
    for given in (
        {},
        {"api_url": "http://127.0.0.1:8000", "api_token": "t"},
        {"api_url": "https://h", "api_token": "t"},
    ):
        assert [finding.level for finding in variables.settings(Subject(Settings(**given)))] == [Level.OK]


def test_a_check_that_fails_or_hangs_is_a_finding(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are made; a gate that finds something wrong ends its own lane alone."""
    monkeypatch.setattr(rounds, "EACH", 0.2)

    def breaks(_: Subject) -> Iterator[Finding]:
        raise RuntimeError("a fault of ours")

    def refuses(_: Subject) -> Iterator[Finding]:
        raise JournalUnavailable("gone")

    def hangs(_: Subject) -> Iterator[Finding]:
        time.sleep(2)
        yield from ()

    def works(_: Subject) -> Iterator[Finding]:
        yield from variables.settings(Subject(Settings()))

    checks = [Check("breaks", breaks), Check("refuses", refuses), Check("hangs", hangs), Check("works", works)]
    gated = [Check("shut", refuses, gate=True), Check("behind", works)]
    found = {finding.check: finding for finding in examine(Subject(rig.settings), [checks, gated]).findings}
    assert found.keys() == {"breaks", "refuses", "hangs", "settings", "shut", "left out"}
    assert "report" in found["breaks"].remedy
    assert "gone" in found["refuses"].what
    assert "within 0.2 s" in found["hangs"].what or "within 200 ms" in found["hangs"].what
    assert found["left out"].facts == {"checks": ["behind"]}
    monkeypatch.setattr(rounds, "LANE", -1.0)
    assert [finding.check for finding in examine(Subject(rig.settings), [checks]).findings] == ["left out"]
