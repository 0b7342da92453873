"""Bring the journal's schema up to date, and check that it is.

Migrations run under an advisory lock, so any number of processes may call `migrate` at once.
"""

from __future__ import annotations

import io
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from wf.errors import JournalBusy, JournalRefused, JournalUnavailable, SchemaMismatch
from wf.tables import SCHEMA
from wf.urls import database_url as normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = 0x77666D67  # "wfmg"

TURN = 2.0
"""Seconds that a migration waits for a table: whoever wants the table meanwhile waits behind it, and workers give up
after 5 s."""

REST = 1.0
"""Seconds between two turns, in which others work on."""

PATIENCE = 60.0
"""Seconds after which a migration that never gets its tables says who has them."""

_HOLDERS = """
    select a.pid, a.application_name, a.state, extract(epoch from now() - min(a.xact_start))::int
    from pg_locks l
    join pg_class c on c.oid = l.relation and c.relnamespace = to_regnamespace(:schema)
    join pg_stat_activity a on a.pid = l.pid
    where l.granted and l.database = (select oid from pg_database where datname = current_database())
        and a.pid <> pg_backend_pid()
    group by a.pid, a.application_name, a.state
    order by 4 desc
    limit 3
"""

_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
"""Who waits for one of our tables while holding another that we want, ends in a deadlock, and we may be its victim."""

_REFUSALS = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)


def migrate(database_url: str, *, patience: float = PATIENCE) -> None:
    """Bring the schema `wf` up to date. Workers of the release before go on meanwhile.

    Args:
        database_url: `postgresql://...`.
        patience: Seconds for which to try, while others hold locks on the tables that change.

    Raises:
        SchemaMismatch: It is newer than this release.
        JournalBusy: Others hold locks for too long; nothing has changed.
        JournalUnavailable: Postgres does not answer.
        JournalRefused: The role may not do so.
    """
    give_up = time.monotonic() + patience
    while True:
        try:
            with _connected(database_url) as connection:
                _upgrade(connection)
        except JournalBusy:  # all of it was rolled back, so that others may have their turn
            if time.monotonic() > give_up:
                raise
            time.sleep(REST)
        else:
            return


def _upgrade(connection: Connection) -> None:
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    connection.execute(text(f"create schema if not exists {SCHEMA}"))
    if (found := current(connection)) is not None and found not in _known():
        raise SchemaMismatch(found, head())
    connection.execute(text("select set_config('lock_timeout', :turn, true)"), {"turn": f"{TURN:g}s"})
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def script() -> str:
    """The SQL that `migrate` would run on an empty database."""
    out = io.StringIO()
    config = _config()
    config.output_buffer = out
    command.upgrade(config, "head", sql=True)
    return f"create schema if not exists {SCHEMA};\n{out.getvalue()}"


def head() -> str:
    """The schema version that this release needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def current(connection: Connection) -> str | None:
    """The schema version that the database has, or None."""
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    return context.get_current_revision()


def check(database_url: str) -> None:
    """Refuse a schema that does not fit.

    Raises:
        SchemaMismatch: It is missing, older or newer.
        JournalUnavailable: Postgres does not answer.
        JournalRefused: The role may not look.
    """
    with _connected(database_url, connect_timeout=5) as connection:
        found = current(connection)
    if found != head():
        raise SchemaMismatch(found, head())


@contextmanager
def _connected(database_url: str, **options: int) -> Iterator[Connection]:
    """A transaction on a connection of its own."""
    engine = create_engine(normalise(database_url), connect_args=options)
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        if isinstance(error.orig, _BUSY):
            raise JournalBusy(f"{str(error.orig).splitlines()[0]} ({_holders(engine)})") from error
        raise JournalUnavailable(error.orig or error) from error
    except DBAPIError as error:
        if isinstance(error.orig, _REFUSALS):
            raise JournalRefused(error.orig) from error
        raise
    finally:
        engine.dispose()


def _holders(engine: Engine) -> str:
    """Who holds locks on the journal's tables, the oldest transactions first."""
    with engine.connect() as connection:
        found = connection.execute(text(_HOLDERS), {"schema": SCHEMA}).all()
    told = [f"{name or 'a session'} with pid {pid}, {state} for {seconds} s" for pid, name, state, seconds in found]
    return f"locks are held by {'; '.join(told)}" if told else "whoever held the lock has gone by now"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
