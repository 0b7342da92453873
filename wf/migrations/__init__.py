"""Bring the journal's schema up to date, and check that it is.

Migrations run under an advisory lock, so any number of processes may call `migrate` at once.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from wf.errors import JournalRefused, JournalUnavailable, SchemaMismatch
from wf.tables import SCHEMA
from wf.urls import database_url as normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = 0x77666D67  # "wfmg"

_REFUSALS = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)


def migrate(database_url: str) -> None:
    """Bring the schema `wf` up to date.

    Args:
        database_url: `postgresql://...`.

    Raises:
        SchemaMismatch: It is newer than this release.
        JournalUnavailable: Postgres does not answer.
        JournalRefused: The role may not do so.
    """
    with _connected(database_url) as connection:
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(text(f"create schema if not exists {SCHEMA}"))
        if (found := current(connection)) is not None and found not in _known():
            raise SchemaMismatch(found, head())
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
        raise JournalUnavailable(error.orig or error) from error
    except DBAPIError as error:
        if isinstance(error.orig, _REFUSALS):
            raise JournalRefused(error.orig) from error
        raise
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
