"""Connections to Postgres: one pool a process, autocommit, and one meaning for every way in which they fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wf.errors import JournalUnavailable, SchemaMismatch
from wf.migrations import check
from wf.urls import database_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.settings import Settings

Rows = list[tuple[Any, ...]]

_MISSING = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedColumn)


class Database:
    """The journal's database.

    Args:
        settings: `database_url` and `pool_size` are used.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_url
        self.engine: Engine = create_engine(
            database_url(self._url),
            isolation_level="AUTOCOMMIT",
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=10,
            pool_reset_on_return=None,
            connect_args={
                "connect_timeout": 5,
                "application_name": "wf",
                "options": "-c statement_timeout=30s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s",
                "keepalives_idle": 30,
            },
        )

    def rows(self, sql: LiteralString, params: Mapping[str, Any] | None = None) -> Rows:
        """Run one statement in a transaction of its own.

        Raises:
            JournalUnavailable: Postgres does not answer, or the outcome of the statement is unknown.
            SchemaMismatch: The schema is missing.
        """
        try:
            pooled = self.engine.raw_connection()
        except (DBAPIError, psycopg.OperationalError, PoolTimeout) as error:
            raise JournalUnavailable(getattr(error, "orig", None) or error) from error
        connection: psycopg.Connection[tuple[Any, ...]] = pooled.driver_connection  # type: ignore[assignment]
        try:
            cursor = connection.execute(sql, params)
            # `cursor.description` would tell the same, at the price of an object for each column.
            answer = cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
        except _MISSING:
            pooled.invalidate()
            check(self._url)
            raise
        except psycopg.OperationalError as error:
            pooled.invalidate()
            raise JournalUnavailable(error) from error
        except BaseException:
            # Whatever it was, even SystemExit between two bytecodes: nobody knows in which state the connection is.
            pooled.invalidate()
            raise
        pooled.close()
        return answer

    def read(self, sql: LiteralString, params: Mapping[str, Any] | None = None) -> Rows:
        """Run a statement that changes nothing, once more if its connection turns out to be dead.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        try:
            return self.rows(sql, params)
        except JournalUnavailable:
            self.engine.dispose()
            return self.rows(sql, params)

    def check_schema(self) -> None:
        """Refuse a schema that does not fit this release.

        Raises:
            SchemaMismatch: It is missing, older or newer.
            JournalUnavailable: Postgres does not answer.
        """
        check(self._url)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


__all__ = ["Database", "Rows", "SchemaMismatch"]
