"""The journal's connections: what each failure of Postgres is called, and what becomes of the connection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import Rig, RowLock, wait_until
from tests.support.errands import Errand
from wf import database
from wf.cli import surroundings
from wf.database import Database
from wf.errors import JournalBusy, JournalRefused, JournalUnavailable, WfError
from wf.migrations import check, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings

FAIL = """
    create sequence calls;
    create function fail(code text) returns integer language plpgsql as $$
    begin
        perform nextval('public.calls');
        raise exception 'as asked' using errcode = code;
    end $$
"""


@pytest.fixture
def journal(settings: Settings) -> Iterator[Database]:
    """A pool of one connection, to a database with a function that fails as it is told."""
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("set search_path = public")
        connection.execute(FAIL)
    pool = Database(settings.model_copy(update={"pool_size": 1}))
    yield pool
    pool.close()


def fail(pool: Database, code: str, method: str = "rows") -> Exception:
    """What a statement raises that fails with this SQLSTATE."""
    with pytest.raises((WfError, psycopg.Error)) as caught:
        getattr(pool, method)("select public.fail(%(code)s)", {"code": code})
    return caught.value


def backend(pool: Database) -> Any:
    """Which process of the server the connection belongs to."""
    return pool.rows("select pg_backend_pid()")[0][0]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("55P03", "locked by another transaction for longer than 5 s"),
        ("40P01", "waited for each other"),
        ("57014", "given up"),
        ("40001", "just changed the same rows"),
    ],
)
def test_a_busy_journal_is_called_busy_and_keeps_its_connection(journal: Database, code: str, reason: str) -> None:
    """Lock and statement timeouts, deadlocks and conflicts are JournalBusy: nothing was written, try again."""
    before = backend(journal)
    error = fail(journal, code)
    assert isinstance(error, JournalBusy)
    assert (type(error), error.code, backend(journal)) == (JournalBusy, "journal.busy", before)
    assert reason in str(error)
    assert str(error).endswith("Nothing was written; try again.")


@pytest.mark.parametrize("code", ["25006", "42501", "53100", "54000", "XX000"])
def test_a_refusal_is_not_called_an_outage(journal: Database, code: str) -> None:
    """A server that answers, but is read-only, full or damaged, or a role without rights, is JournalRefused."""
    before = backend(journal)
    error = fail(journal, code)
    assert isinstance(error, JournalRefused)
    assert (error.code, error.reason.startswith("as asked")) == ("journal.refused", True)
    assert "does not answer" not in str(error)
    assert backend(journal) != before


@pytest.mark.parametrize("code", ["57P01", "57P03", "08006"])
def test_a_server_that_goes_away_is_unavailable(journal: Database, code: str) -> None:
    """Shutting down, starting up and lost connections are outages."""
    assert type(fail(journal, code)) is JournalUnavailable


@pytest.mark.parametrize(("code", "kind"), [("22012", psycopg.DataError), ("23505", psycopg.IntegrityError)])
def test_what_a_statement_is_to_blame_for_is_shown_as_it_is(journal: Database, code: str, kind: type) -> None:
    """Errors in data are not called an outage."""
    assert isinstance(fail(journal, code), kind)


@pytest.mark.parametrize(("code", "times"), [("57014", 1), ("25006", 1), ("57P01", 2)])
def test_only_a_lost_connection_is_worth_a_second_read(journal: Database, code: str, times: int) -> None:
    """A read that took too long, or is refused, is not repeated at once."""
    fail(journal, code, "read")
    assert journal.rows("select last_value from public.calls") == [(times,)]


def test_a_row_that_is_locked_for_too_long_is_a_busy_journal(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller behind somebody's open transaction is told so; when that is over, the same call succeeds."""
    monkeypatch.setattr(database, "OPTIONS", database.OPTIONS.replace("lock_timeout=5s", "lock_timeout=50ms"))
    instance = rig.create(Errand, params={"do": "wait"})
    rig.client.close()  # its next connection has the short timeout
    with RowLock(rig.settings.database_url), pytest.raises(JournalBusy, match="locked by another transaction"):
        instance.send_event("go", 1)
    instance.send_event("go", 2)
    assert rig.sql("select inbox from wf.instance") == [(1,)]


@pytest.mark.parametrize(
    ("option", "reason"),
    [("role=pg_monitor", "permission denied for schema wf"), ("default_transaction_read_only=on", "read-only")],
)
def test_a_role_without_rights_and_a_read_only_server_are_named(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, option: str, reason: str
) -> None:
    """create() tells what Postgres refuses and what to check."""
    monkeypatch.setattr(database, "OPTIONS", f"{database.OPTIONS} -c {option}")
    with pytest.raises(JournalRefused, match=f"{reason}.*Check that the role in WF_DATABASE_URL may read and write"):
        rig.client.workflow(Errand).create("r-17")


@pytest.mark.parametrize("call", [migrate, check])
def test_migrations_without_rights_are_refused_in_one_line(database_url: str, call: Any) -> None:
    """A role that may neither migrate nor look gets JournalRefused, without SQL in it."""
    with pytest.raises(JournalRefused, match="permission denied") as caught:
        call(f"{database_url}{'&' if '?' in database_url else '?'}options=-crole%3Dpg_monitor")
    assert "\n" not in str(caught.value)
    assert "[SQL" not in str(caught.value)


def test_a_pool_with_all_connections_in_use_is_busy(journal: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits in vain for a connection of this process learns which setting is too low."""
    monkeypatch.setattr(database, "WAIT", 0.01)
    held = journal._slots.get()
    with pytest.raises(JournalBusy, match=r"in use for 0\.01 s \(WF_POOL_SIZE sets how many\)"):
        journal.read("select 1")
    journal._slots.put(held)
    assert journal.read("select 1") == [(1,)]


def test_a_busy_journal_of_wf_dev_is_not_called_gone(
    monkeypatch: pytest.MonkeyPatch, database_url: str, redis_url: str
) -> None:
    """Commands that use the servers of `wf dev` do not say that those were killed when a row is locked."""
    monkeypatch.setenv("WF_DATABASE_URL", database_url)
    monkeypatch.setenv("WF_REDIS_URL", redis_url)
    monkeypatch.setattr(surroundings, "adopt_session", lambda: True)
    for error in (JournalBusy("locked"), JournalRefused("read-only")):
        with pytest.raises(type(error)), surroundings.settings():
            raise error
    with pytest.raises(surroundings.SessionGone), surroundings.settings():
        raise JournalUnavailable("down")


def test_names_become_numbers_in_the_order_in_which_they_appear() -> None:
    """A name that stands twice keeps its number, a doubled percent sign is one, and any number of names will do."""
    assert database._numbered("a %(x)s %% %(y)s %(x)s") == ("a $1 % $2 $1", ["x", "y"])
    many = " ".join(f"%(n{n})s" for n in range(5_000))
    numbered, names = database._numbered(many)
    assert (numbered.split()[-1], names[-1], len(names)) == ("$5000", "n4999", 5_000)


def test_a_connection_in_use_is_closed_when_its_statement_ends(settings: Settings) -> None:
    """Closing the pool while another thread waits for an answer leaves no connection behind."""
    pool = Database(settings)
    theirs = "select state from pg_stat_activity where application_name = 'wf' and datname = current_database()"
    with psycopg.connect(settings.database_url, autocommit=True) as holder, ThreadPoolExecutor(1) as threads:
        holder.execute("select pg_advisory_lock(1)")
        waiting = threads.submit(pool.rows, "select pg_advisory_lock(1)")
        wait_until(lambda: holder.execute(theirs).fetchall() == [("active",)], what="the statement waits")
        pool.close()
        holder.execute("select pg_advisory_unlock(1)")
        assert len(waiting.result(10)) == 1
        wait_until(lambda: holder.execute(theirs).fetchall() == [], what="its connection is closed")
