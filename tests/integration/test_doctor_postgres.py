"""What the doctor finds wrong with Postgres and what stands before it, each thing provoked for real."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url

from tests.support import wait_until
from tests.support.doctor import Examined, staff
from tests.support.errands import Errand
from tests.support.pooler import Pooler
from tests.support.rig import RowLock
from wf.dev.servers import Postgres
from wf.doctor import Level, Subject, examine, lanes, servers, sessions
from wf.doctor.sessions import DEAD
from wf.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support import Rig
    from wf.settings import Settings


@pytest.fixture
def examined(rig: Rig) -> Iterator[Examined]:
    """All is well, until the test comes."""
    rig.workers[0].catalog.register(Errand)
    staff(rig)
    made = Examined(rig)
    yield made
    made.close()


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


def test_a_server_that_does_not_let_us_in_says_why(rig: Rig) -> None:
    """No such role or database, or no connection left: each has a remedy of its own, and is not the server's end."""
    role = f"clerk_{uuid4().hex}"
    known = make_url(rig.settings.database_url)
    rig.sql(f"create role {role} login connection limit 0")
    try:
        for url, word in (
            (known.set(username="nobody_of_ours"), "create the role"),
            (known.set(database="nothing"), "wf migrate"),
            (known.set(username=role), "WF_POOL_SIZE"),
        ):
            told = url.render_as_string(hide_password=False)
            examined = Examined(rig, settings=rig.settings.model_copy(update={"database_url": told}))
            assert word in examined.wrong()["postgres"].remedy, examined.wrong()["postgres"].what
            examined.close()
    finally:
        rig.sql(f"drop role {role}")


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
    """One that keeps the connections of sessions is a note; one that does not, and forgets statements, another one."""
    staff(rig)
    with Pooler(rig.settings.database_url, shared=shared) as pooler:
        examined = Examined(rig, settings=rig.settings.model_copy(update={"database_url": pooler.url}))
        found = [finding for finding in examined.findings() if finding.check == "pooler"]
        examined.close()
    if shared:
        assert [finding.level for finding in found] == [Level.NOTE, Level.NOTE]
        assert "prepared" in found[0].what
        assert "drops the options" in found[1].what
    else:
        assert [(finding.level, finding.facts) for finding in found] == [(Level.NOTE, {"transactions": False})]


def test_a_standby_takes_no_writes(servers_folder: Path, settings: Settings) -> None:
    """It answers as a primary does, but for that."""
    folder = servers_folder / "standby"
    server = Postgres(folder)
    server.start()
    try:
        migrate(server.url)
        server.stop()
        (folder / "postgres" / "standby.signal").touch()
        server.start()
        subject = Subject(settings.model_copy(update={"database_url": server.url}))
        found = [finding for finding in examine(subject, lanes()).findings if finding.check == "writes"]
        subject.close()
    finally:
        server.stop()
    assert [(finding.level, "standby" in finding.what) for finding in found] == [(Level.WRONG, True)]
