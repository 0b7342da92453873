"""What a pooler between here and Postgres takes away.

PgBouncer, in its usual mode, gives each transaction whichever connection is free. A statement that was prepared on
another one is not there; or, worse, somebody else's statement is there under the same name. So behind a pooler of any
kind no statement is prepared. They cost Postgres a bit more there, and nobody has to know a setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


def prepare_safely(connection: psycopg.Connection[Any]) -> None:
    """Let a new connection prepare statements only if Postgres itself is at its other end.

    A pooler cannot tell a client the number of the backend, as Postgres does: it is another one for each transaction.

    Raises:
        psycopg.Error: The server has gone already.
    """
    found = connection.execute("select pg_backend_pid()", prepare=False).fetchone()
    if not connection.autocommit:
        connection.rollback()
    if found is None or found[0] != connection.info.backend_pid:
        connection.prepare_threshold = None
