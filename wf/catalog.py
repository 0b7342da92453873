"""The journal as clients look at it: create, find, list and describe instances."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects import postgresql

from wf import tables
from wf.answers import Answer, Page
from wf.codec import decode
from wf.deployments import Deployments
from wf.descriptions import description, error_answer, rollback_answer
from wf.errors import WfError
from wf.plain import legible, revealed
from wf.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wf.transactions import Execute

PAGE = 20
PAGE_MAX = 100
KEY_MAX = 2**63 - 1

_DIALECT = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]


class InvalidQuery(WfError):
    """A list was asked for in a way that makes no sense."""

    code = "list.invalid"


class Catalog(Deployments):
    """Instances and workflows, seen from outside.

    Args:
        database: Where.
        clock: Whose time.
    """

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
        keep_success: float | None = None,
        keep_error: float | None = None,
    ) -> int | None:
        """Write a new instance, of the newest version and with the retention of that if none is given.

        Returns:
            Its key; None if the id is taken, or no version is known.
        """
        values = {
            "workflow": workflow, "id": id, "version": version, "params": params, "trigger": trigger,
            "due_in": due_in, "now": self.clock.override(), "keep_success": keep_success, "keep_error": keep_error,
        }  # fmt: skip
        rows = execute(self._sql["instance_create"], values)
        return rows[0][0] if rows else None

    def create_batch(
        self, workflow: str, version: str | None, entries: Sequence[Mapping[str, Any]], common: bytes | None, *,
        trigger: str, due_in: float, execute: Execute,
    ) -> dict[str, int]:  # fmt: skip
        """Write new instances in the order of their entries, in one commit.

        Args:
            workflow: Their workflow.
            version: None stands for the newest one.
            entries: `id`, `params` (base64; None for the common ones), `keep_success` and `keep_error` of each.
            common: Params of those that have none of their own.
            trigger: Where the wish comes from.
            due_in: Seconds until the alarm shall look at them.
            execute: Runs the statement.

        Returns:
            The keys of those that were not there yet, by id.
        """
        numbered = json.dumps([{"number": number, **entry} for number, entry in enumerate(entries)])
        values = {
            "workflow": workflow, "version": version, "entries": numbered, "params": common, "trigger": trigger,
            "due_in": due_in, "now": self.clock.override(),
        }  # fmt: skip
        return {id: key for key, id in execute(self._sql["instance_create_batch"], values)}

    def exists(self, workflow: str, id: str) -> bool:
        """Whether there is such an instance."""
        return bool(self.database.read(self._sql["instance_key"], {"workflow": workflow, "id": id}))

    def status(self, workflow: str, id: str) -> Answer:
        """Status, output and error of an instance.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        status, output, error, rollback = self._one("instance_outcome", workflow, id)
        shown = legible(output) if output is not None else None
        undone = rollback_answer(revealed(rollback, self.database.cipher))
        return Answer(status=status, output=shown, error=error_answer(error), rollback=undone)

    def status_of(self, workflow: str, id: str) -> str:
        """Status of an instance, and no more: cheap enough to ask for it again and again."""
        return str(self._one("instance_key", workflow, id)[1])

    def outcome(self, workflow: str, id: str) -> tuple[str, bytes | None, bytes | None]:
        """Status of an instance, and its output and error as they are stored."""
        status, output, error, _ = self._one("instance_outcome", workflow, id)
        return status, output, error

    def list(
        self, workflow: str, *, status: str | None, since: datetime | None, until: datetime | None,
        cursor: str | None, limit: int | None, oldest_first: bool = False, page: int = 1,
    ) -> Page:  # fmt: skip
        """Instances of a workflow, newest first, or oldest first.

        Args:
            workflow: Its name.
            status: Only those in this status.
            since: Only those created then or later.
            until: Only those created then or earlier.
            cursor: The `cursor` of the page before.
            limit: 20 by default, 100 at most.
            oldest_first: The other way round.
            page: Counted from the cursor, or from the beginning; one by its number costs as much as all before it.

        Raises:
            InvalidQuery: An argument cannot be used.
            WorkflowNotFound: There is no such workflow.
        """
        table = tables.instance.c
        size = _page_size(limit)
        modified = func.greatest(table.created_at, table.started_at, table.paused_at, table.ended_at)
        query = select(
            table.key, table.id, table.version, table.status, table.trigger, table.created_at, modified,
            table.started_at, table.ended_at, table.due_at,
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
        compiled = query.limit(size + 1).offset(_offset(page, size)).compile(dialect=_DIALECT)
        rows = self.database.read(str(compiled), compiled.params)
        if not rows and (error := self._unknown(workflow)) is not None:
            raise error
        names = ("id", "version", "status", "trigger", "createdOn", "modifiedOn", "startedOn", "endedOn", "dueAt")
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
            "restart_at", "created_at", "started_at", "ended_at", "params", "output", "error", "warnings", "rollback",
            "schedule", "expire_at", "terminated_by",
        )  # fmt: skip
        row = dict(zip(names, self._one("instance_read", workflow, id), strict=True))
        return row | {"rollback": revealed(row["rollback"], self.database.cipher)}


def _page_size(limit: int | None) -> int:
    if limit is None:
        return PAGE
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= PAGE_MAX:
        raise InvalidQuery(f"limit must be a whole number from 1 to {PAGE_MAX}, not {limit!r}.")
    return limit


def _offset(page: int, size: int) -> int | None:
    if isinstance(page, bool) or not isinstance(page, int) or not 1 <= page <= KEY_MAX // PAGE_MAX:
        raise InvalidQuery(f"page must be a whole number from 1 on, not {page!r}.")
    return (page - 1) * size or None


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
