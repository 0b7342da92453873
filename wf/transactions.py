"""Writing inside a caller's own transaction: nothing is visible unless the caller commits."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from psycopg.rows import tuple_row
from sqlalchemy import Connection, TextClause, event, text

from wf.offloop import off_loop

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from wf.cipher import Cipher
    from wf.database import Rows
    from wf.dispatch import Dispatcher, Nudge

Execute = Callable[[LiteralString, dict[str, Any]], "Rows"]
"""Runs one statement: on the journal's own pool, or in a caller's transaction."""


@dataclass(frozen=True, slots=True)
class Borrowed:
    """The psycopg connection of a framework that tells when its transaction has committed.

    Attributes:
        connection: Where to write.
        on_commit: Takes what to call after the commit; after a rollback it is never called.
    """

    connection: psycopg.Connection[Any]
    on_commit: Callable[[Callable[[], object]], object]


_NUDGES = "wf.nudges"
"""Where a session keeps the nudges to send after its commit."""


def within(foreign: Any, cipher: Cipher | None) -> Execute:
    """A way to run statements inside a caller's transaction.

    Args:
        foreign: A SQLAlchemy Connection or Session, a psycopg Connection, or one that is `Borrowed`.
        cipher: Seals the payloads.

    Raises:
        TypeError: It is none of these.
    """
    execute = _plainly(foreign)
    if cipher is None:
        return execute

    def execute_sealed(sql: LiteralString, params: dict[str, Any]) -> Rows:
        return cipher.opened(execute(sql, {name: cipher.sealed(value) for name, value in params.items()}))

    return execute_sealed


def _plainly(foreign: Any) -> Execute:
    if isinstance(foreign, Connection):
        return lambda sql, params: [tuple(row) for row in foreign.execute(_portable(sql), params)]
    if isinstance(foreign, Borrowed):
        return _plainly(foreign.connection)
    if isinstance(foreign, psycopg.Connection):
        # Not `foreign.cursor()`: its owner may have given it cursors of another kind.
        return lambda sql, params: psycopg.Cursor(foreign, row_factory=tuple_row).execute(sql, params).fetchall()
    if (session := _session(foreign)) is not None:
        return _plainly(session.connection())
    raise TypeError(
        f"connection= takes a SQLAlchemy Connection or Session, or a psycopg Connection, not {type(foreign).__name__}."
    )


def _session(foreign: Any) -> Session | None:
    """The session of the ORM that this is, or stands for."""
    from sqlalchemy.orm import Session, scoped_session  # noqa: PLC0415  (slow; who has one has imported it)

    found = foreign() if isinstance(foreign, scoped_session) else foreign
    return found if isinstance(found, Session) else None


@cache
def _portable(sql: str) -> TextClause:
    """A statement for whatever driver the caller's SQLAlchemy engine uses."""
    return text(re.sub(r"%\((\w+)\)s", r":\1", sql))


def after_commit(foreign: Any, dispatcher: Dispatcher, *nudges: Nudge) -> None:
    """Nudge when the caller's transaction has committed; a bare connection leaves it to the alarm."""
    if isinstance(foreign, Borrowed):
        foreign.on_commit(lambda: dispatcher.publish(nudges))
        return
    if isinstance(foreign, Connection | psycopg.Connection) or (session := _session(foreign)) is None:
        return
    if _NUDGES not in session.info:
        session.info[_NUDGES] = []
        event.listen(session, "after_commit", _publish)
        event.listen(session, "after_rollback", _forget)
    session.info[_NUDGES].extend((dispatcher, nudge) for nudge in nudges)


def _publish(session: Session) -> None:
    if session.in_nested_transaction():
        return  # the end of a savepoint makes nothing visible
    nudges: dict[Dispatcher, list[Nudge]] = {}
    for dispatcher, nudge in session.info[_NUDGES]:
        nudges.setdefault(dispatcher, []).append(nudge)
    session.info[_NUDGES].clear()
    for dispatcher, batch in nudges.items():
        off_loop(dispatcher.publish, batch)


def _forget(session: Session) -> None:
    if not session.in_nested_transaction():  # a nudge for what a savepoint took back does no harm
        session.info[_NUDGES].clear()
