"""The journal as clients look at it: create, find, list and describe instances; register workflows."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb
from sqlalchemy import select, tuple_
from sqlalchemy.dialects import postgresql

from wf import tables
from wf.answers import Answer, Page
from wf.codec import decode
from wf.descriptions import description, error_answer
from wf.errors import InstanceNotFound, WfError, WorkflowNotFound
from wf.plain import legible
from wf.sql import statements
from wf.status import Status
from wf.workflow import registry, version_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.clock import Clock
    from wf.database import Database
    from wf.transactions import Execute
    from wf.workflow import WorkflowEntrypoint

PAGE = 20
PAGE_MAX = 100
KEY_MAX = 2**63 - 1

_DIALECT = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]


class InvalidQuery(WfError):
    """A list was asked for in a way that makes no sense."""

    code = "list.invalid"


class Catalog:
    """Instances and workflows, seen from outside.

    Args:
        database: Where.
        clock: Whose time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self._sql = statements()

    # Workflows.

    def register(self, cls: type[WorkflowEntrypoint]) -> None:
        """Make a workflow known to clients that never import its class; new instances get the newest version."""
        name, version = cls.workflow_name, cls.workflow_version
        params = {"name": name, "version": version, "settings": Jsonb(dict(cls.workflow_settings))}
        done = False
        while not done:  # once more if another version was registered between the two statements
            (versions,) = self.database.rows(self._sql["workflow_register"], params)[0]
            newest = max(versions, key=lambda known: (version_order(known), versions[known]))
            done = version != newest or bool(
                self.database.rows(self._sql["workflow_newest"], params | {"versions": Jsonb(versions)})
            )

    def workflows(self) -> dict[str, str]:
        """The registered workflows and the version that a new instance gets."""
        return {row[0]: row[1] for row in self.database.read(self._sql["workflow_known"])}

    def missing(self, workflow: str, id: str) -> WfError:
        """The error for an instance that is not there: perhaps the workflow is not, either."""
        return self._unknown(workflow) or InstanceNotFound(workflow, id)

    def _unknown(self, workflow: str) -> WorkflowNotFound | None:
        """The error for a workflow that neither a worker nor this process knows."""
        if registry.find(workflow) is not None or workflow in (known := self.workflows()):
            return None
        return WorkflowNotFound(workflow, known)

    def describe_workflows(self) -> list[Answer]:
        """Every registered workflow with its versions and the number of instances in each status."""
        counts: dict[str, dict[str, int]] = {}
        query = "select workflow, status, count(*) from wf.instance group by 1, 2"
        for name, status, number in self.database.read(query):
            counts.setdefault(name, {})[status] = number
        return [
            Answer(
                name=name, version=version, versions=sorted(versions), settings=settings, instances=counts.get(name, {})
            )
            for name, version, versions, settings in self.database.read(self._sql["workflow_known"])
        ]

    # Instances.

    def create(
        self,
        workflow: str,
        id: str,
        version: str | None,
        params: bytes,
        *,
        trigger: str,
        due_in: float,
        execute: Execute,
    ) -> int | None:
        """Write a new instance, of the newest version if none is given.

        Returns:
            Its key; None if the id is taken, or no version is known.
        """
        values = {
            "workflow": workflow, "id": id, "version": version, "params": params, "trigger": trigger,
            "due_in": due_in, "now": self.clock.override(),
        }  # fmt: skip
        rows = execute(self._sql["instance_create"], values)
        return rows[0][0] if rows else None

    def exists(self, workflow: str, id: str) -> bool:
        """Whether there is such an instance."""
        return bool(self.database.read(self._sql["instance_key"], {"workflow": workflow, "id": id}))

    def status(self, workflow: str, id: str) -> Answer:
        """Status, output and error of an instance.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        status, output, error = self.outcome(workflow, id)
        shown = legible(output) if output is not None else None
        return Answer(status=status, output=shown, error=error_answer(error), rollback=None)

    def status_of(self, workflow: str, id: str) -> str:
        """Status of an instance, and no more: cheap enough to ask for it again and again."""
        return str(self._one("instance_key", workflow, id)[1])

    def outcome(self, workflow: str, id: str) -> tuple[str, bytes | None, bytes | None]:
        """Status of an instance, and its output and error as they are stored."""
        status, output, error = self._one("instance_outcome", workflow, id)
        return status, output, error

    def list(
        self, workflow: str, *, status: str | None, since: datetime | None, until: datetime | None,
        cursor: str | None, limit: int | None, oldest_first: bool = False,
    ) -> Page:  # fmt: skip
        """Instances of a workflow, newest first, or oldest first.

        Raises:
            InvalidQuery: An argument cannot be used.
            WorkflowNotFound: There is no such workflow.
        """
        table = tables.instance.c
        size = _page_size(limit)
        query = select(
            table.key, table.id, table.version, table.status, table.trigger, table.created_at, table.started_at,
            table.ended_at, table.due_at,
        )  # fmt: skip
        if status is not None:
            query = query.where(table.status == _known_status(status))
        if since is not None:
            query = query.where(table.created_at >= _moment("since", since))
        if until is not None:
            query = query.where(table.created_at <= _moment("until", until))
        # Place and order are of (workflow, key), so that nothing but the index on both will do: in the order of keys
        # alone, a small workflow would be looked for among all the instances of the big ones.
        place = tuple_(table.workflow, table.key)
        if oldest_first:
            after = place > (workflow, 0 if cursor is None else _cursor(cursor))
            query = query.where(after, table.workflow <= workflow).order_by(table.workflow, table.key)
        else:
            after = place < (workflow, KEY_MAX if cursor is None else _cursor(cursor))
            query = query.where(after, table.workflow >= workflow).order_by(table.workflow.desc(), table.key.desc())
        compiled = query.limit(size + 1).compile(dialect=_DIALECT)
        rows = self.database.read(str(compiled), compiled.params)
        if not rows and (error := self._unknown(workflow)) is not None:
            raise error
        names = ("id", "version", "status", "trigger", "createdOn", "startedOn", "endedOn", "dueAt")
        entries = [Answer(zip(names, row[1:], strict=True)) for row in rows[:size]]
        return Page(entries, str(rows[size - 1][0]) if len(rows) > size else None)

    def describe(self, workflow: str, id: str, *, read: Callable[[bytes], Any] = decode) -> Answer:
        """Everything about an instance: steps, attempts, what it waits for and until when.

        Args:
            workflow: Its workflow.
            id: Its id.
            read: How to read stored values; what it cannot read is shown as `wf.plain.legible` can.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        row = self._read(workflow, id)
        of = {"key": row["key"], "generation": row["generation"]}
        attempts = self.database.read(self._sql["attempt_list"], of)
        steps = self.database.read(self._sql["step_list"], of)
        return description(row, steps, attempts, partial(legible, read=read))

    def _one(self, statement: str, workflow: str, id: str) -> tuple[Any, ...]:
        rows = self.database.read(self._sql[statement], {"workflow": workflow, "id": id})
        if not rows:
            raise self.missing(workflow, id)
        return rows[0]

    def _read(self, workflow: str, id: str) -> dict[str, Any]:
        names = (
            "key", "workflow", "id", "version", "status", "trigger", "generation", "rev", "restarts", "due_at",
            "restart_at", "created_at", "started_at", "ended_at", "params", "output", "error", "warnings",
        )  # fmt: skip
        return dict(zip(names, self._one("instance_read", workflow, id), strict=True))


def _page_size(limit: int | None) -> int:
    if limit is None:
        return PAGE
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= PAGE_MAX:
        raise InvalidQuery(f"limit must be a whole number from 1 to {PAGE_MAX}, not {limit!r}.")
    return limit


def _known_status(status: str) -> str:
    if status not in set(Status):
        raise InvalidQuery(f"There is no status {status!r}. Valid statuses are: {', '.join(Status)}.")
    return status


def _moment(name: str, value: datetime) -> datetime:
    if not isinstance(value, datetime):
        raise InvalidQuery(f"{name} must be a datetime, not {value!r:.120}.")
    try:
        return value.astimezone(UTC)
    except (OverflowError, ValueError):
        raise InvalidQuery(f"{name} {value} is beyond the times that can be compared.") from None


def _cursor(cursor: str) -> int:
    if not isinstance(cursor, str) or not cursor.isdecimal():
        raise InvalidQuery(f"The cursor {cursor!r:.40} is not one that a list has given.")
    return min(int(cursor), KEY_MAX)
