"""Which instances a job means: a filter, and how it is looked up.

Every look goes along the index on (workflow, status, key), status by status, or along the ids that are named. So no
look reads more than it asks for, however big the journal is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlalchemy import BigInteger, Text, and_, bindparam, cast, func, literal, select, true, tuple_
from sqlalchemy.dialects import postgresql

from wf import tables
from wf.errors import InvalidBatch
from wf.ids import check_address
from wf.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select

    from wf.database import Database, Rows

IDS_MAX = 100
LOOK = 1000
"""Instances at which one statement looks, at most, when it must look into their rows."""

_DIALECT = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]
_row = tables.instance.c

Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class Filter(BaseModel):
    """Which instances of a workflow are meant: those that fit everything that is given; without anything, all."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    status: tuple[Status, ...] | None = Field(default=None, min_length=1, description="In one of these statuses.")
    version: Word | None = Field(default=None, description="Of this version.")
    trigger: Word | None = Field(default=None, description="Created by: api, binding, cron, event (a webhook) or fork.")
    since: AwareDatetime | None = Field(default=None, description="Created then or later.")
    until: AwareDatetime | None = Field(default=None, description="Created then or earlier.")
    ids: tuple[str, ...] | None = Field(default=None, min_length=1, max_length=IDS_MAX, description="With these ids.")

    @field_validator("status", mode="before", json_schema_input_type=Status | tuple[Status, ...] | None)
    @classmethod
    def _as_list(cls, status: object) -> object:
        return (status,) if isinstance(status, str) else status

    @field_validator("ids")
    @classmethod
    def _check_ids(cls, ids: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if ids is None else tuple(check_address(id) for id in ids)

    @classmethod
    def of(cls, given: Filter | Mapping[str, Any] | None) -> Self:
        """The filter that a caller has written as a mapping.

        Raises:
            InvalidBatch: It has an unknown key, or a value that cannot be used.
            InvalidInstanceId: No instance can have one of the ids.
        """
        if isinstance(given, cls):
            return given
        if given is not None and not isinstance(given, Mapping):
            raise InvalidBatch(f"The filter must be a mapping, not {given!r:.120}")
        try:
            return cls.model_validate(dict(given or {}))
        except ValidationError as error:
            raise InvalidBatch(f"The filter cannot be used: {faults(error)}") from None

    def stored(self) -> dict[str, Any]:
        """As JSON, for the journal; `of` reads it."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def statuses(self) -> frozenset[Status]:
        """The statuses that are meant."""
        return frozenset(Status) if self.status is None else frozenset(self.status)

    def conditions(self) -> list[ColumnElement[bool]]:
        """What only a look into an instance's row can tell."""
        wanted: list[ColumnElement[bool]] = []
        if self.version is not None:
            wanted.append(_row.version == self.version)
        if self.trigger is not None:
            wanted.append(_row.trigger == self.trigger)
        if self.since is not None:
            wanted.append(_row.created_at >= self.since)
        if self.until is not None:
            wanted.append(_row.created_at <= self.until)
        return wanted


def faults(error: ValidationError) -> str:
    """What is wrong with a filter or with options, on one line and without values."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:10])


class Seen(NamedTuple):
    """A look at the next instances.

    Attributes:
        found: Key and id of those that fit, by key.
        upto: All instances up to this key have been looked at.
    """

    found: list[tuple[int, str]]
    upto: int


class Matching:
    """Finds the instances of a workflow that a filter means.

    Args:
        database: Where.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, workflow: str, filter: Filter, upto: int) -> dict[Status, int]:
        """How many there are now in each status, up to a key; exactly."""
        if filter.ids is not None:
            query = self._named(workflow, filter, filter.statuses, 0, upto)
            rows = self._rows(query.with_only_columns(_row.status, func.count()).group_by(_row.status))
        else:
            wanted = _each(filter.statuses)
            # The sum keeps Postgres from reading all keys in their order; workflow and status are what to look up.
            among = (_row.workflow == workflow, _row.status == wanted.c.status, _row.key + 0 <= upto)
            inside = select(func.count().label("number")).where(*among, *filter.conditions())
            counted = inside.lateral("counted")
            rows = self._rows(select(wanted.c.status, counted.c.number).select_from(wanted.join(counted, true())))
        return {Status(status): number for status, number in sorted(rows) if number}

    def look(
        self, workflow: str, filter: Filter, statuses: frozenset[Status], *, after: int, upto: int, most: int
    ) -> Seen:
        """The next instances behind a key that are in one of these statuses.

        Args:
            workflow: Their workflow.
            filter: What else they must be.
            statuses: Those that count.
            after: The key behind which to look.
            upto: The last key that counts.
            most: How many to give, at most.
        """
        if filter.ids is not None:
            size, query = IDS_MAX, self._named(workflow, filter, statuses, after, upto).order_by(_row.key)
            rows = self._rows(query.with_only_columns(_row.key, _row.id, true()))
        else:
            size = LOOK if filter.conditions() else most
            rows = self._rows(self._next(workflow, filter, statuses, after, upto, size=size))
        fitting = [(key, id) for key, id, fits in rows if fits]
        if len(fitting) > most:
            return Seen(fitting[:most], fitting[most - 1][0])
        return Seen(fitting, rows[-1][0] if len(rows) == size else upto)

    @staticmethod
    def _next(
        workflow: str, filter: Filter, statuses: frozenset[Status], after: int, upto: int, *, size: int
    ) -> Select[Any]:
        """So many instances in these statuses, whether they fit or not: the statement ends, however few fit."""
        wanted, fits = _each(statuses), and_(true(), *filter.conditions()).label("fits")
        inside = select(_row.key, _row.id, fits).where(*_between(workflow, wanted.c.status, after, upto))
        # In the order of the index, so that nothing but it will do: in the order of keys alone, the few instances in
        # one status would be looked for among all the others.
        ordered = inside.order_by(_row.workflow, _row.status, _row.key).limit(size).lateral("seen")
        query = select(ordered.c.key, ordered.c.id, ordered.c.fits).select_from(wanted.join(ordered, true()))
        return query.order_by(ordered.c.key).limit(size)

    @staticmethod
    def _named(
        workflow: str, filter: Filter, statuses: frozenset[Status], after: int, upto: int
    ) -> Select[tuple[Any, ...]]:
        wanted = bindparam("ids", list(filter.ids or ()), type_=postgresql.ARRAY(Text))
        among = bindparam("statuses", sorted(map(str, statuses)), type_=postgresql.ARRAY(Text))
        return select(tables.instance).where(
            _row.workflow == workflow, _row.id == func.any(wanted), _row.status == func.any(among), _row.key > after,
            _row.key <= upto, *filter.conditions(),
        )  # fmt: skip

    def _rows(self, query: Select[Any]) -> Rows:
        compiled = query.compile(dialect=_DIALECT)
        return self._database.read(str(compiled), compiled.params)


def _each(statuses: frozenset[Status]) -> Any:
    """The statuses as rows, to look for each by itself."""
    given = bindparam("statuses", sorted(map(str, statuses)), type_=postgresql.ARRAY(Text))
    return func.unnest(cast(given, postgresql.ARRAY(Text))).table_valued("status", name="wanted").render_derived()


def _between(workflow: str, status: Any, after: int, upto: int) -> Sequence[ColumnElement[bool]]:
    """The instances of a workflow in a status behind one key and up to another, as a stretch of the index."""
    place = tuple_(_row.workflow, _row.status, _row.key)
    name = literal(workflow, Text)
    return (
        place > tuple_(name, status, literal(after, BigInteger)),
        place <= tuple_(name, status, literal(upto, BigInteger)),
    )
