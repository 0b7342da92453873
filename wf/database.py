"""Connections to Postgres: a stack of them a process, autocommit, and one meaning for every way in which they fail."""

from __future__ import annotations

import re
import select
from functools import cache, lru_cache
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg import errors as postgres

from wf.cipher import cipher_for
from wf.errors import JournalBusy, JournalRefused, JournalUnavailable, SchemaMismatch
from wf.guard import refuse_in_run
from wf.offloop import off_loop
from wf.poolers import prepare_safely
from wf.sql import statements
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

READ_ONLY = " -c default_transaction_read_only=on"
"""Postgres itself refuses whatever would write."""

_MISSING = (postgres.UndefinedTable, postgres.InvalidSchemaName, postgres.UndefinedColumn)
_BUSY: dict[type[psycopg.Error], str] = {
    postgres.LockNotAvailable: "a row that is needed has been locked by another transaction for longer than 5 s",
    postgres.DeadlockDetected: "this transaction and another one waited for each other",
    postgres.QueryCanceled: "a statement was given up, after 30 s at the latest",
    postgres.SerializationFailure: "another transaction has just changed the same rows",
}
_OF_OURS = (psycopg.ProgrammingError, psycopg.DataError, psycopg.IntegrityError, psycopg.NotSupportedError)
"""The statement is to blame, or what it was given."""
_AWAY = re.compile("08|57P")
"""SQLSTATEs of a server that goes, starts or cannot be reached."""

_NAMED = re.compile(r"%\((\w+)\)s|%%")


class Database:
    """The journal's database.

    Connections are reused last in, first out: the few that are needed stay warm, in this process and in Postgres.

    Every parameter that is `bytes` is a payload, and sealed if there are keys; what comes back is opened.

    Args:
        settings: `database_url`, `pool_size` and `encryption_keys` are used.
        read_only: Whether every statement that writes is to be refused.
        timeout: Seconds that one statement may take, in place of 30.

    Attributes:
        cipher: For payloads that take another way than a parameter of their own; None without keys.
    """

    def __init__(self, settings: Settings, *, read_only: bool = False, timeout: float | None = None) -> None:
        self._url = settings.database_url
        self._more_options = READ_ONLY if read_only else ""
        if timeout is not None:
            self._more_options += f" -c statement_timeout={timeout * 1000:.0f}"
        self._conninfo = conninfo(self._url)
        self.cipher = cipher_for(settings.encryption_keys)
        self._slots: LifoQueue[Connection | None] = LifoQueue()
        for _ in range(settings.pool_size):
            self._slots.put(None)  # a connection yet to be made
        self._closed = False

    def rows(self, sql: LiteralString, params: Mapping[str, Any] | None = None) -> Rows:
        """Run one statement in a transaction of its own.

        Args:
            sql: With parameters as `%(name)s`.
            params: Their values; more than the statement needs may be given.

        Raises:
            JournalUnavailable: Postgres does not answer, or the outcome of the statement is unknown.
            JournalBusy: All connections are in use, or a row is locked for too long; nothing was written.
            JournalRefused: Postgres refuses; nothing was written.
            SchemaMismatch: The schema is missing.
            OutsideStepError: `run` uses a client outside a step.
        """
        refuse_in_run("the journal (a wf.Client)")
        numbered, names = _numbered(sql)
        values = [params[name] for name in names] if params else []
        cipher = self.cipher
        if cipher is None:
            return off_loop(self._run, numbered, values)
        return cipher.opened(off_loop(self._run, numbered, [cipher.sealed(value) for value in values]))

    def _run(self, numbered: LiteralString, values: list[Any]) -> Rows:
        try:
            connection = self._slots.get(timeout=WAIT)
        except Empty:
            raise JournalBusy(f"all connections have been in use for {WAIT:g} s (WF_POOL_SIZE sets how many)") from None
        try:
            if connection is None or _is_dead(connection):
                connection = self._connect()
            cursor = psycopg.RawCursor(connection)
            cursor.execute(numbered, values)
            # `cursor.description` would tell the same, at the price of an object for each column.
            return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
        except BaseException as error:
            # Whatever it was, even SystemExit between two bytecodes: nobody knows in which state the connection is.
            if connection is not None and not (isinstance(error, tuple(_BUSY)) and _is_idle(connection)):
                connection.close()
                connection = None
            if isinstance(error, _MISSING):
                _check_schema(self._url)
            if (meaning := _meaning(error)) is not None:
                raise meaning from error
            raise
        finally:
            self._slots.put(connection)
            if self._closed:  # by another thread, while this one was waiting for its answer
                self.disconnect()

    def read(self, sql: LiteralString, params: Mapping[str, Any] | None = None) -> Rows:
        """Run a statement that changes nothing, once more if its connection turns out to be dead.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        try:
            return self.rows(sql, params)
        except (JournalBusy, JournalRefused):
            raise
        except JournalUnavailable:
            self.disconnect()  # the others are likely to be dead, too
            return self.rows(sql, params)

    def check_schema(self) -> None:
        """Refuse a schema that does not fit this release; as cheap as any statement.

        Raises:
            SchemaMismatch: It is missing, older or newer.
            JournalUnavailable: Postgres does not answer.
        """
        found = self.read(statements()["schema_version"])
        if found != [(_needed(),)]:
            raise SchemaMismatch(found[0][0] if found else None, _needed())

    def close(self) -> None:
        """Close every connection, those in use as soon as their statement has ended."""
        self._closed = True
        self.disconnect()

    def disconnect(self) -> None:
        """Close the connections that are not in use; the next statement opens another."""
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
            connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=5,
                application_name="wf",
                options=OPTIONS + self._more_options,
                keepalives_idle=30,
            )
            prepare_safely(connection)
        except psycopg.Error as error:  # not only the server may refuse: an option of the URL may be unknown
            raise JournalUnavailable(error) from None
        return connection


@cache
def _needed() -> str:
    """The schema version of this release; looking for it reads every migration."""
    from wf.migrations import head  # noqa: PLC0415  (Alembic is slow to import, and most clients need none of it)

    return head()


def _check_schema(url: str) -> None:
    from wf.migrations import check  # noqa: PLC0415  (as above)

    check(url)


def _meaning(error: BaseException) -> JournalUnavailable | None:
    """What an error of psycopg tells a caller of ours; None if it is to be seen as it is."""
    if not isinstance(error, psycopg.Error):
        return None
    for kind, reason in _BUSY.items():
        if isinstance(error, kind):
            return JournalBusy(reason)
    if isinstance(error, postgres.InsufficientPrivilege):
        return JournalRefused(error)
    if isinstance(error, _OF_OURS):
        return None
    if error.sqlstate is None or _AWAY.match(error.sqlstate):
        return JournalUnavailable(error)
    return JournalRefused(error)


def _is_idle(connection: Connection) -> bool:
    """Whether the server has told that it is done with the last statement."""
    return connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE


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
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        name = match[1]
        return "%" if name is None else f"${numbers.setdefault(name, len(numbers) + 1)}"

    return _NAMED.sub(number, sql), list(numbers)
