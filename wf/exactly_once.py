"""Running `step.transaction`: the callback's own writes and the step's result in one transaction, or none of them.

::

    begin     a connection on the journal's database; its time limits are the step's
    run       the callback writes through it; it cannot commit
    record    the attempt's end goes through the same connection, fenced by its lease; no row back -> roll back;
              the instance is locked until the commit, so from here on the limit is the lease
    commit    both, or none; if the answer is lost, the journal is asked which
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

import psycopg
import sqlalchemy
from sqlalchemy import create_engine, event
from sqlalchemy import exc as sa
from structlog import get_logger

from wf import crashpoints
from wf.attempt import GRACE, AttemptGone
from wf.database import WAIT
from wf.errors import AttemptStopped, JournalBusy, JournalUnavailable, RuleError
from wf.leases import Leases
from wf.logfields import about
from wf.poolers import prepare_safely
from wf.recording import patiently
from wf.sql import statements
from wf.transactions import within
from wf.urls import database_url

if TYPE_CHECKING:
    from wf.attempt import Attempt
    from wf.facts import StepRow
    from wf.journal import Journal
    from wf.meter import Meter
    from wf.settings import Settings

log = get_logger("wf")

_OPTION = "wf_transaction"
"""Execution option by which a connection is known to be in the hands of a callback."""

_LONGEST = 2**31 - 1
"""Milliseconds that Postgres takes for a time limit at most."""


class Transactions:
    """Opens transactions for callbacks, on a pool of their own that is made when it is first needed.

    Args:
        settings: `database_url`, `pool_size`, `renudge` and `max_state` are used.
        journal: Where results go.
        meter: Counts them.
    """

    def __init__(self, settings: Settings, journal: Journal, meter: Meter) -> None:
        self.settings, self.journal, self.meter = settings, journal, meter
        self._engine: sqlalchemy.Engine | None = None
        self._lock = threading.Lock()

    def open(self, attempt: Attempt) -> Transaction:
        """A transaction for an attempt, to be entered; it takes a connection when it begins."""
        return Transaction(self, attempt)

    def connect(self) -> sqlalchemy.Connection:
        """A connection from the pool.

        Raises:
            JournalUnavailable: Postgres does not answer.
            JournalBusy: All connections are in use.
        """
        with self._lock:
            if self._engine is None:
                self._engine = self._make()
        try:
            return self._engine.connect()
        except sa.TimeoutError:
            raise JournalBusy(
                f"all connections for transactions have been in use for {WAIT:g} s (WF_POOL_SIZE sets how many)"
            ) from None
        except sa.DBAPIError as error:
            raise JournalUnavailable(error.orig or error) from error

    def _make(self) -> sqlalchemy.Engine:
        engine = create_engine(
            database_url(self.settings.database_url),
            isolation_level="READ COMMITTED",  # the end of the attempt must see what has happened meanwhile
            pool_size=self.settings.pool_size,
            max_overflow=0,
            pool_timeout=WAIT,
            pool_pre_ping=True,
            hide_parameters=True,  # or payloads would stand in errors and logs
            connect_args={"connect_timeout": 5, "application_name": "wf step", "keepalives_idle": 30},
        )
        event.listen(engine, "connect", lambda connection, _: prepare_safely(connection))
        event.listen(engine, "commit", _refuse_commit)
        event.listen(engine, "before_cursor_execute", _refuse_when_stopped)
        return engine

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None


class Transaction:
    """The transaction of one attempt. Leaving it rolls back what was not committed.

    Attributes:
        attempt: Whose.
        in_user_code: Whether the callback has the connection.
    """

    def __init__(self, owner: Transactions, attempt: Attempt) -> None:
        self.attempt, self.in_user_code = attempt, False
        self._owner = owner
        self._leases = Leases(owner.journal.database)
        self._connection: sqlalchemy.Connection | None = None

    def begin(self) -> sqlalchemy.Connection:
        """Begin, and give the connection to the callback.

        Raises:
            JournalUnavailable: There is none to be had.
        """
        self._connection = connection = self._owner.connect().execution_options(**{_OPTION: self})
        limit = _milliseconds(self.attempt.config.timeout + GRACE)
        within(connection, None)(statements()["transaction_limits"], {"milliseconds": limit})
        self.in_user_code = True
        return connection

    def record(self, row: StepRow) -> bool:
        """Write the good end of the attempt, and commit it with all that the callback has written.

        Returns:
            Whether there was room for its result; if not, nothing was committed.

        Raises:
            AttemptGone: The attempt is not ours any more; nothing was committed.
            JournalUnavailable: The connection broke, and nothing was committed.
            Exception: Postgres refuses; nothing was committed.
        """
        crashpoints.reached(crashpoints.IN_TRANSACTION)
        connection, attempt = self._connection, self.attempt
        settings, journal = self._owner.settings, self._owner.journal
        assert connection is not None, "it has begun"
        assert attempt.row.lease is not None, "a claimed row has a lease"
        self.in_user_code = False
        within(connection, None)(statements()["transaction_ending"], {"milliseconds": _milliseconds(settings.lease)})
        rev = journal.record(
            attempt.instance, row, attempt.row.lease, due_in=settings.renudge, max_state=settings.max_state,
            execute=within(connection, journal.database.cipher),
        )  # fmt: skip
        if rev is None:
            if attempt.row.lease in self._leases.wanted([attempt]):
                return False
            raise AttemptGone
        crashpoints.reached(crashpoints.BEFORE_COMMIT)
        self._commit(connection)
        attempt.recorded = True
        self._owner.meter.attempt_ended(attempt, row)
        crashpoints.reached(crashpoints.AFTER_COMMIT)
        return True

    def _commit(self, connection: sqlalchemy.Connection) -> None:
        raw = connection.connection.driver_connection
        try:
            connection.commit()
        except Exception as error:
            if _is_idle(raw):
                raise  # the server has answered: it refuses, because of a deferred constraint for example
            connection.invalidate()
            if not self._came_through():
                raise JournalUnavailable(f"nothing was committed, the connection broke: {error}") from error
        except BaseException:  # the order to stop: whoever finds the instance next asks the journal
            connection.invalidate()
            raise

    def _came_through(self) -> bool:
        """Whether the COMMIT came through whose answer was lost.

        Raises:
            AttemptGone: Nobody knows yet. If it did not the lease runs out, and the step is tried again.
        """
        attempt = self.attempt
        try:
            patience = attempt.held_until - time.monotonic()
            return patiently(lambda: self._leases.has_ended_well(attempt), patience)
        except JournalUnavailable as error:
            log.warning(
                "nobody knows whether a transaction was committed; its journal will tell",
                **about(attempt.instance, attempt.row),
                reason=str(error),
            )
            raise AttemptGone from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self.in_user_code = False
        try:
            _roll_back(connection)
            connection.close()
        except Exception:  # it cannot even roll back
            connection.invalidate()
            connection.close()


def _milliseconds(seconds: float) -> str:
    """A time limit as Postgres takes it."""
    return str(max(min(int(seconds * 1000), _LONGEST), 1))  # 0 would be none


def _roll_back(connection: sqlalchemy.Connection) -> None:
    """End what is open. SQLAlchemy forgets to after a commit that we refused, and its pool would keep the locks."""
    raw = None if connection.closed or connection.invalidated else connection.connection.driver_connection
    if raw is not None:
        raw.rollback()


def _is_idle(connection: Any) -> bool:
    """Whether the server has told that it is done with the transaction."""
    return bool(connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE)


def _refuse_commit(connection: sqlalchemy.Connection) -> None:
    """A callback that commits would have its writes in, and not its result."""
    transaction = connection.get_execution_options().get(_OPTION)
    if transaction is not None and transaction.in_user_code:
        raise RuleError(
            f"The callback of transaction {str(transaction.attempt.row.key)!r} must not commit: its writes are "
            f"committed together with its result when it returns. Use connection.begin_nested() for savepoints."
        )


def _refuse_when_stopped(connection: sqlalchemy.Connection, *_: object) -> None:
    """Nothing of a stopped attempt will be kept, so it need not go on."""
    transaction = connection.get_execution_options().get(_OPTION)
    if transaction is not None and transaction.in_user_code and transaction.attempt.cancelled.is_set():
        raise AttemptStopped(str(transaction.attempt.row.key), transaction.attempt.instance.id)
