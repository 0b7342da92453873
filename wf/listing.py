"""Lists of instances: pages by key, with filters, and an index for each of them however many instances there are."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import BigInteger, Select, bindparam, func, select, tuple_
from sqlalchemy.dialects import postgresql

from wf import tables
from wf.errors import WfError
from wf.status import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = 20
PAGE_MAX = 100
OFFSET_MAX = 10_000
"""Instances that a page given by its number may skip; they are read and thrown away. A cursor skips any number."""

LOOK = 10_000
"""Instances that a page of one version is looked for among."""

KEY_MAX = 2**63 - 1
_DIGITS = 100  # of a cursor; Python refuses to read thousands of them

ENTRY = ("id", "version", "status", "trigger", "createdOn", "modifiedOn", "startedOn", "endedOn", "dueAt")
"""What is told of each instance."""

_DATE = len("2026-01-31")

Statement = tuple[str, "Mapping[str, Any]"]

_DIALECT = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]


class InvalidQuery(WfError):
    """A list was asked for in a way that makes no sense."""

    code = "list.invalid"


def read_moment(what: str, text: str, day_part: time) -> datetime:
    """A bound of a list: ISO 8601, UTC unless it says otherwise; a date alone means this time of that day.

    Args:
        what: Which bound, for the message.
        text: What was given.
        day_part: The time of the day, for a date alone.

    Raises:
        InvalidQuery: It cannot be read.
    """
    try:
        if len(text) <= _DATE:
            return datetime.combine(date.fromisoformat(text), day_part, UTC)
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidQuery(f"{what} {text!r:.60} is not an ISO 8601 date or time, such as 2026-01-31T09:00.") from None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Which instances of a workflow, and which page of them.

    Attributes:
        status: Only those in this status.
        version: Only those of this version.
        since: Only those created then or later.
        until: Only those created then or earlier.
        cursor: The `cursor` of the page before.
        page: The number of the page, from 1, in place of a cursor.
        limit: Instances on a page; 20 by default, 100 at most.
        oldest_first: Else the newest come first.

    Raises:
        InvalidQuery: A value cannot be used.
    """

    status: str | None = None
    version: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    cursor: str | None = None
    page: int | None = None
    limit: int | None = None
    oldest_first: bool = False

    def __post_init__(self) -> None:
        _check_number("limit", self.limit, PAGE_MAX)
        _check_number("page", self.page, OFFSET_MAX // self.size + 1)
        if self.status is not None and self.status not in set(Status):
            raise InvalidQuery(f"There is no status {self.status!r}. Valid statuses are: {', '.join(Status)}.")
        if self.cursor is not None and not is_cursor(self.cursor):
            raise InvalidQuery(f"The cursor {self.cursor!r:.40} is not one that a list has given.")
        if self.cursor is not None and self.page is not None:
            raise InvalidQuery("Give a cursor or the number of a page, not both.")
        _check_moment("since", self.since)
        _check_moment("until", self.until)

    @property
    def size(self) -> int:
        """Instances on a page."""
        return PAGE if self.limit is None else self.limit

    @property
    def skipped(self) -> int:
        """Instances before a page that is given by its number."""
        return 0 if self.page is None else (self.page - 1) * self.size

    def after(self, cursor: int) -> Listing:
        """The same list from a cursor on, in place of the number of a page."""
        return replace(self, page=None, cursor=str(cursor))

    def statement(self, workflow: str, low: int = 0, high: int = KEY_MAX) -> Statement:
        """The statement that gives key and entry of each instance of the page, and of one more if there is one.

        Args:
            workflow: Its name.
            low: No instance below this key is looked at.
            high: None from this key on.
        """
        return _page(self._shape), self._values(workflow, low, high) | {"number": self.size + 1}

    def skipping(self, workflow: str, low: int, high: int) -> Statement:
        """The statement that gives the number of the instances before the page, and the key of the last one.

        A page that is given by its number is looked up by it first: an OFFSET beside the LIMIT makes Postgres sort.
        """
        return _skipped(self._shape), self._values(workflow, low, high) | {"number": self.skipped}

    def looking(self, workflow: str, low: int, high: int) -> Statement:
        """The statement that gives the number of the first `LOOK` instances of any version, and the key of the last."""
        values = self._values(workflow, low, high) | {"number": LOOK}
        return _skipped(self._shape._replace(version=False, since=False, until=False)), values

    @property
    def _shape(self) -> Shape:
        return Shape(
            self.oldest_first, *(value is not None for value in (self.status, self.version, self.since, self.until))
        )

    def _values(self, workflow: str, low: int, high: int) -> dict[str, Any]:
        cursor = None if self.cursor is None else min(int(self.cursor), KEY_MAX)
        if cursor is not None:
            low, high = (max(low, cursor + 1), high) if self.oldest_first else (low, min(high, cursor))
        return {
            "workflow": workflow, "status": self.status, "version": self.version, "since": self.since,
            "until": self.until, "above": low - 1, "below": high, "look": LOOK,
        }  # fmt: skip


class Shape(NamedTuple):
    """What a statement depends on; its values are parameters."""

    oldest_first: bool
    status: bool
    version: bool
    since: bool
    until: bool


@cache
def _page(shape: Shape) -> str:
    """Key and entry of each instance of a page. When one was modified, its last step and its own times tell."""
    page, step = _first(shape).subquery("page").c, tables.step.c
    last = (
        select(func.greatest(step.started_at, step.attempt_at, step.ended_at))
        .where(step.instance == page.key, step.generation == page.generation, step.seq == page.seq)
        .scalar_subquery()
    )
    modified = func.greatest(page.created_at, page.started_at, page.paused_at, page.ended_at, last)
    entries = select(
        page.key, page.id, page.version, page.status, page.trigger, page.created_at, modified, page.started_at,
        page.ended_at, page.due_at,
    )  # fmt: skip
    return _text(entries.order_by(page.key if shape.oldest_first else page.key.desc()))


@cache
def _skipped(shape: Shape) -> str:
    key = _first(shape).subquery("skipped").c.key
    return _text(select(func.count(), func.max(key) if shape.oldest_first else func.min(key)))


def _first(shape: Shape) -> Select[Any]:
    """So many instances, between two keys.

    Place and order are of whole index rows, so that nothing but the index on them will do: in the order of keys alone,
    a small workflow would be looked for among all the instances of the big ones, and a rare status among those of the
    common one. Both bounds are whole rows, too: the scan stops where the status ends.
    """
    table: Any = tables.instance.c
    columns = [table.workflow, table.status] if shape.status else [table.workflow]
    place, prefix = tuple_(*columns, table.key), [bindparam(column.name, type_=column.type) for column in columns]
    above, below = (bindparam(name, type_=table.key.type) for name in ("above", "below"))
    query = select(tables.instance).where(place > tuple_(*prefix, above), place < tuple_(*prefix, below))
    query = query.order_by(*_order(columns, table.key, shape))
    if shape.version:  # in a query of its own, or the planner takes another index: the version might be rare
        looked = query.limit(bindparam("look", type_=BigInteger())).subquery("looked")
        table, columns = looked.c, [looked.c[column.name] for column in columns]
        query = select(looked).order_by(*_order(columns, table.key, shape))
    for wanted, column, name, compare in (
        (shape.version, table.version, "version", operator.eq),
        (shape.since, table.created_at, "since", operator.ge),
        (shape.until, table.created_at, "until", operator.le),
    ):
        if wanted:
            query = query.where(compare(column, bindparam(name, type_=column.type)))
    return query.limit(bindparam("number", type_=BigInteger()))


def _order(columns: list[Any], key: Any, shape: Shape) -> list[Any]:
    return [column if shape.oldest_first else column.desc() for column in (*columns, key)]


def _text(query: Select[Any]) -> str:
    return str(query.compile(dialect=_DIALECT))


def is_cursor(value: object) -> bool:
    """Whether a list can have given this as a cursor."""
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _DIGITS


def _check_number(name: str, value: object, most: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidQuery(f"{name} must be a whole number from 1 to {most}, not {value!r:.40}.")


def _check_moment(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, datetime):
        raise InvalidQuery(f"{name} must be a datetime, not {value!r:.120}.")
    try:
        value.astimezone(UTC)
    except (OverflowError, ValueError):
        raise InvalidQuery(f"{name} {value} is beyond the times that can be compared.") from None
