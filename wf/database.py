"""Connections to Postgres: a stack of them a process, autocommit, and one meaning for every way in which they fail."""

from __future__ import annotations

import re
import select
from functools import lru_cache
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg

from wf.errors import JournalUnavailable
from wf.migrations import check
from wf.urls import conninfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.settings import Settings

Rows = list[tuple[Any, ...]]
Connection = psycopg.Connection[tuple[Any, ...]]

WAIT = 10.0
"""Seconds to wait for a connection when all are in use."""

OPTIONS = " ".join(
    f"-c {option}"
    for option in (
        "statement_timeout=30s",
        "lock_timeout=5s",
        "idle_in_transaction_session_timeout=30s",
        "jit=off",  # our statements touch few rows; compiling them costs more than running them
        "plan_cache_mode=force_generic_plan",  # they are looked up by key, whatever the key
    )
)

_MISSING = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedColumn)
_NAMED = re.compile(r"%\((\w+)\)s|%%")


class Database:
    """The journal's database.

    Connections are reused last in, first out: the few that are needed stay warm, in this process and in Postgres.

    Args:
        settings: `database_url` and `pool_size` are used.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_url
        self._conninfo = conninfo(self._url)
        self._slots: LifoQueue[Connection | None] = LifoQueue()
        for _ in range(settings.pool_size):
            self._slots.put(None)  # a connection yet to be made

    def rows(self, sql: LiteralString, params: Mapping[str, Any] | None = None) -> Rows:
        """Run one statement in a transaction of its own.

        Args:
            sql: With parameters as `%(name)s`.
            params: Their values; more than the statement needs may be given.

        Raises:
            JournalUnavailable: Postgres does not answer, or the outcome of the statement is unknown.
            SchemaMismatch: The schema is missing.
        """
        numbered, names = _numbered(sql)
        values = [params[name] for name in names] if params else []
        try:
            connection = self._slots.get(timeout=WAIT)
        except Empty:
            raise JournalUnavailable(f"all connections have been in use for {WAIT:g} s; raise WF_POOL_SIZE") from None
        try:
            if connection is None or _is_dead(connection):
                connection = self._connect()
            cursor = psycopg.RawCursor(connection)
            cursor.execute(numbered, values)
            # `cursor.description` would tell the same, at the price of an object for each column.
            return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
        except BaseException as error:
            # Whatever it was, even SystemExit between two bytecodes: nobody knows in which state the connection is.
            if connection is not None:
                connection.close()
                connection = None
            if isinstance(error, _MISSING):
                check(self._url)
            if isinstance(error, psycopg.OperationalError):
                raise JournalUnavailable(error) from error
            raise
        finally:
            self._slots.put(connection)

    def read(self, sql: LiteralString, params: Mapping[str, Any] | None = None) -> Rows:
        """Run a statement that changes nothing, once more if its connection turns out to be dead.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        try:
            return self.rows(sql, params)
        except JournalUnavailable:
            self.close()  # the others are likely to be dead, too
            return self.rows(sql, params)

    def check_schema(self) -> None:
        """Refuse a schema that does not fit this release.

        Raises:
            SchemaMismatch: It is missing, older or newer.
            JournalUnavailable: Postgres does not answer.
        """
        check(self._url)

    def close(self) -> None:
        """Close the connections that are not in use; they are made anew when needed."""
        free = []
        while not self._slots.empty():
            try:
                free.append(self._slots.get_nowait())
            except Empty:
                break
        for connection in free:
            if connection is not None:
                connection.close()
            self._slots.put(None)

    def _connect(self) -> Connection:
        try:
            return psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=5,
                application_name="wf",
                options=OPTIONS,
                keepalives_idle=30,
            )
        except psycopg.Error as error:  # not only the server may refuse: an option of the URL may be unknown
            raise JournalUnavailable(error) from None


def _is_dead(connection: Connection) -> bool:
    """Whether the server has closed an idle connection, as it does when it restarts; asked without a round trip."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if not poll.poll(0):
        return False  # nobody speaks on an idle connection, unless to end it
    connection.close()
    return True


@lru_cache(maxsize=512)
def _numbered(sql: LiteralString) -> tuple[LiteralString, list[str]]:
    """The statement with `$1` for `%(name)s`, as Postgres itself counts, and the names in order.

    psycopg would do this at each execution of a long statement; here it is done once.
    """
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _NAMED.sub(number, sql), names
