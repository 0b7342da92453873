"""The client of a Django process: inside `transaction.atomic()` it writes in that transaction."""

from __future__ import annotations

import os
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.db import connections

from wf.client import Client
from wf.contrib.django.conf import joined_alias, settings
from wf.errors import WfError
from wf.transactions import Borrowed

if TYPE_CHECKING:
    from wf.client import Workflow
    from wf.database import Rows
    from wf.transactions import Execute
    from wf.workflow import WorkflowEntrypoint


class CannotJoin(WfError):
    """A transaction is open in a database that is not the journal's."""

    code = "transaction.cannot_join"

    def __init__(self, alias: str, journal: str | None) -> None:
        where = "is not in DATABASES" if journal is None else f"is DATABASES[{journal!r}]"
        mend = "Name its database in WF['DATABASE']" if journal is None else f"Open atomic(using={journal!r})"
        super().__init__(
            f"The transaction that is open in DATABASES[{alias!r}] cannot hold this: the journal {where}. {mend}, or "
            f"write after the commit, with transaction.on_commit(..., using={alias!r})."
        )
        self.alias, self.journal = alias, journal


class DjangoClient(Client):
    """As `wf.Client`; `create`, `create_batch` and `send_event` join the transaction that Django has open.

    They are in the journal if the transaction commits, and its `on_commit` nudges the workers. Outside of one they
    commit at once, as does everything else. What they have written is not to be seen by `get` or `status` before.

    Attributes:
        alias: The database whose transactions are joined; None if the journal is in none of Django's.
    """

    def __init__(self) -> None:
        found = settings()
        self.alias = joined_alias(found)
        super().__init__(settings=found)

    def foreign(self, connection: Any, session: Any) -> Any:
        """What the caller names, else the transaction that Django has open.

        Raises:
            CannotJoin: That is one of another database: to commit at once would break its promise.
        """
        given = super().foreign(connection, session)
        return given if given is not None else self._borrowed()

    def execute(self, foreign: Any) -> Execute:
        """As `Client.execute`; in Django's transaction with Django's errors, which also tell it of dead connections."""
        run = super().execute(foreign)
        if self.alias is None or not isinstance(foreign, Borrowed):
            return run
        translated = connections[self.alias].wrap_database_errors

        def run_translated(sql: Any, params: dict[str, Any]) -> Rows:
            with translated:
                return run(sql, params)

        return run_translated

    def _borrowed(self) -> Borrowed | None:
        if self.alias is not None and _is_open(mine := connections[self.alias]):
            mine.validate_no_broken_transaction()
            mine.ensure_connection()  # raises if it was closed inside of atomic()
            return Borrowed(mine.connection, _on_commit(mine))
        for other in connections.all(initialized_only=True):
            if other.in_atomic_block:
                raise CannotJoin(other.alias, self.alias)
        return None


def client() -> DjangoClient:
    """The client of this process; a forked child gets one of its own.

    Raises:
        InvalidSettings: The settings cannot be used.
    """
    pid = os.getpid()
    if pid not in _clients:
        with _lock:
            if pid not in _clients:
                _clients[pid] = DjangoClient()  # the parent's stays: to drop it would end the parent's connections
    return _clients[pid]


def workflow(workflow: str | type[WorkflowEntrypoint]) -> Workflow:
    """A workflow, by its name or by its class; see `DjangoClient` for what its methods do in a transaction.

    Raises:
        WorkflowNotFound: No workflow can have this name.
    """
    return client().workflow(workflow)


def forget(*, setting: str, **_: object) -> None:
    """Make a new client when next asked for one; a test has overridden a setting that this one was made of."""
    if setting in {"WF", "DATABASES"} and (made := _clients.pop(os.getpid(), None)) is not None:
        made.close()


_clients: dict[int, DjangoClient] = {}
_lock = Lock()


def _is_open(connection: Any) -> bool:
    """Whether a transaction is open, be it of `atomic()` or of a connection that does not autocommit."""
    return connection.in_atomic_block or (connection.connection is not None and not connection.autocommit)


def _on_commit(connection: Any) -> Any:
    """How to call something after the commit; without `atomic()` Django does not know of it, and the alarm nudges."""
    return partial(connection.on_commit, robust=True) if connection.in_atomic_block else lambda _: None
