"""Crowds: as many instances as wanted in one moment, each just like one that the engine has written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.tables import instance, payload, step, transition

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Table

_COPY = "insert into wf.instance (id, due_at, {columns}) select %(id)s || n, to_timestamp(%(at)s), {columns}"
_COPY_OF = "from wf.instance, generate_series(1, %(number)s) n where key = %(key)s"
_BELONGING = "insert into wf.{table} (instance, {columns}) select made.key, {values} from wf.{table} it"
_BELONGING_TO = (
    "join wf.instance made on made.workflow = %(workflow)s and made.key > %(last)s where it.instance = %(key)s"
)


def multiply(journal: psycopg.Connection[Any], key: int, number: int, wake_at: float, *, id: str = "crowd-") -> None:
    """Copy a sleeping instance with all its rows, in one transaction.

    Args:
        journal: The database.
        key: The instance.
        number: How many copies.
        wake_at: When they wake, in seconds since the epoch.
        id: What their ids begin with.
    """
    last, workflow = _one(
        journal, "select max(key), (select workflow from wf.instance where key = %s) from wf.instance", key
    )
    of = {"key": key, "number": number, "at": wake_at, "id": id, "last": last, "workflow": workflow}
    with journal.transaction():
        columns = _columns(instance, "key", "id", "due_at")
        _run(journal, f"{_COPY} {_COPY_OF}".format(columns=columns), of)
        for table in (payload, step, transition):
            columns = _columns(table, "instance")
            values = ", ".join(f"it.{name}" for name in columns.split(", "))
            values = values.replace("it.wake_at", "to_timestamp(%(at)s)")
            text = f"{_BELONGING} {_BELONGING_TO}"
            _run(journal, text.format(table=table.name, columns=columns, values=values), of)
    journal.execute("analyze wf.instance, wf.payload, wf.step, wf.transition")


def _columns(table: Table, *but: str) -> str:
    return ", ".join(column.name for column in table.columns if column.name not in but)


def _run(journal: psycopg.Connection[Any], sql: str, values: dict[str, Any]) -> None:
    journal.execute(sql.encode(), values)


def _one(journal: psycopg.Connection[Any], sql: str, key: int) -> tuple[Any, ...]:
    (row,) = journal.execute(sql.encode(), [key]).fetchall()
    return tuple(row)
