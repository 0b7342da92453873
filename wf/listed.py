"""The statements of lists of instances, made once for each shape of a list; each finds its rows by an index."""

from __future__ import annotations

import operator
from functools import cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import BigInteger, Select, Text, and_, bindparam, case, func, literal_column, select, tuple_
from sqlalchemy.dialects import postgresql

from wf import tables

_DIALECT = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]
_payload = tables.payload.c


class Shape(NamedTuple):
    """What a statement depends on; its values are parameters.

    Attributes:
        oldest_first: Else the newest come first.
        status: Whether one is wanted, and so on.
        begins: How many ids begin as is wanted: few, which the index on ids finds, or many; empty if any will do.
    """

    oldest_first: bool
    status: bool
    version: bool
    since: bool
    until: bool
    begins: Literal["", "few", "many"]

    @property
    def is_looked_for(self) -> bool:
        """Whether there is something to look for that no index has, among so many instances."""
        return self.begins != "few" and (self.version or self.begins == "many")

    def all(self) -> Shape:
        """Those among which something is looked for."""
        return self._replace(version=False, since=False, until=False, begins="")

    def ordered(self, *columns: Any) -> list[Any]:
        """By these columns, in the order of the list."""
        return [column if self.oldest_first else column.desc() for column in columns]


@cache
def page(shape: Shape) -> str:
    """Key and entry of each instance of a page."""
    return _entries(_first(shape), shape)


@cache
def chosen(shape: Shape) -> str:
    """The same of instances whose `keys` are known."""
    keys = bindparam("keys", type_=postgresql.ARRAY(BigInteger))
    return _entries(select(tables.instance).where(tables.instance.c.key == func.any(keys)), shape)


@cache
def skipped(shape: Shape) -> str:
    """The number of the first instances, and the key of the last of them."""
    key = _first(shape).subquery("skipped").c.key
    return _text(select(func.count(), func.max(key) if shape.oldest_first else func.min(key)))


@cache
def contents(shape: Shape, *, error: bool, values: bool) -> str:
    """What the first instances hold: error, params and output, each of so many `bytes` at most, all within a `budget`.

    Gives the key of each, whether it is within the budget, and then what it holds. Payloads are looked up one by one:
    else the planner, who does not know how few are wanted, reads the whole table.
    """
    first = _first(shape).subquery("first").c
    held = [*([_payload.error] if error else []), *([_payload.params, _payload.output] if values else [])]
    most, zero = bindparam("bytes", type_=BigInteger()), literal_column("0", BigInteger())
    sizes = [case((func.octet_length(one) <= most, func.octet_length(one)), else_=zero) for one in held]
    size = select(sum(sizes[1:], sizes[0])).where(_payload.instance == first.key).scalar_subquery()
    sized = select(first.key, func.coalesce(size, zero).label("size")).subquery("sized").c
    upto = func.sum(sized.size).over(order_by=shape.ordered(sized.key)[0])
    summed = select(sized.key, (upto <= bindparam("budget", type_=BigInteger())).label("within")).subquery("summed").c
    shown = [
        select(one).where(_payload.instance == summed.key, summed.within, func.octet_length(one) <= most)
        for one in held
    ]  # fmt: skip
    query = select(summed.key, summed.within, *[one.scalar_subquery() for one in shown])
    return _text(query.order_by(*shape.ordered(summed.key)))


def _entries(instances: Select[Any], shape: Shape) -> str:
    """When an instance was modified, its last step and its own times tell."""
    page, step = instances.subquery("page").c, tables.step.c
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
    return _text(entries.order_by(*shape.ordered(page.key)))


def _first(shape: Shape) -> Select[Any]:
    """So many instances, between two keys."""
    query, table = _along_ids(shape) if shape.begins == "few" else _along_keys(shape)
    for wanted, column, name, compare in (
        (shape.version, table.version, "version", operator.eq),
        (shape.since, table.created_at, "since", operator.ge),
        (shape.until, table.created_at, "until", operator.le),
        (shape.begins, table.id, "begins", func.starts_with),
    ):
        if wanted:
            query = query.where(compare(column, bindparam(name, type_=column.type)))
    return query.limit(bindparam("number", type_=BigInteger()))


def _along_keys(shape: Shape) -> tuple[Select[Any], Any]:
    """A workflow's instances in the order of their keys, and their columns.

    Place and order are such that nothing but the index on them will do: in the order of keys alone, a small workflow
    would be looked for among all the instances of the big ones, and a rare status among those of the common one. Both
    bounds are whole index rows, too: the scan stops where the status ends.
    """
    table: Any = tables.instance.c
    workflow = bindparam("workflow", type_=Text())
    columns = (table.status, table.key) if shape.status else (table.workflow, table.key)
    first = bindparam("status", type_=Text()) if shape.status else workflow
    above, below = (bindparam(name, type_=BigInteger()) for name in ("above", "below"))
    place = tuple_(*columns)
    query = select(tables.instance).where(place > tuple_(first, above), place < tuple_(first, below))
    if shape.status:
        query = query.where(table.workflow == workflow)
    query = query.order_by(*shape.ordered(*columns))
    if not (shape.is_looked_for or shape.since or shape.until):
        return query, table
    # In a query of its own, or the planner takes another index: what is looked for might be rare, and the time short.
    looked = query.limit(bindparam("look", type_=BigInteger())).subquery("looked")
    return select(looked).order_by(*shape.ordered(*[looked.c[column.name] for column in columns])), looked.c


def _along_ids(shape: Shape) -> tuple[Select[Any], Any]:
    """The few instances of a workflow whose ids lie between two, in the order of their keys, and their columns."""
    table: Any = tables.instance.c
    first, last = (bindparam(name, type_=Text()) for name in ("first", "last"))
    query = select(tables.instance).where(
        table.workflow == bindparam("workflow", type_=Text()), table.id >= first, table.id <= last
    )
    named = query.order_by(table.id).limit(bindparam("few", type_=BigInteger())).subquery("named")
    above, below = (bindparam(name, type_=BigInteger()) for name in ("above", "below"))
    found = select(named).where(and_(named.c.key > above, named.c.key < below))
    if shape.status:
        found = found.where(named.c.status == bindparam("status", type_=Text()))
    return found.order_by(*shape.ordered(named.c.key)), named.c


def _text(query: Select[Any]) -> str:
    return str(query.compile(dialect=_DIALECT))
