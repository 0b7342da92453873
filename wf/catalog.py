"""The journal as clients look at it: create, find, list and describe instances."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from wf.answers import Answer
from wf.codec import decode
from wf.descriptions import ALL, Extent, Totals, description, error_answer, rollback_answer, step_answer
from wf.errors import StepOutputNotFound
from wf.inside import Insides, split_step
from wf.pages import Pages
from wf.plain import legible, plain, revealed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wf.answers import Page
    from wf.listing import Listing
    from wf.transactions import Execute


class Made(NamedTuple):
    """An instance that was created."""

    key: int
    version: str
    created_at: float


class Catalog(Insides):
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
    ) -> Made | None:
        """Write a new instance, of the newest version and with the retention of that if none is given.

        Returns:
            None if the id is taken, or no version is known.
        """
        values = {
            "workflow": workflow, "id": id, "version": version, "params": params, "trigger": trigger,
            "due_in": due_in, "now": self.clock.override(), "keep_success": keep_success, "keep_error": keep_error,
        }  # fmt: skip
        rows = execute(self._sql["instance_create"], values)
        return Made(*rows[0]) if rows else None

    def create_batch(
        self, workflow: str, version: str | None, entries: Sequence[Mapping[str, Any]], common: bytes | None, *,
        trigger: str, due_in: float, execute: Execute,
    ) -> dict[str, Made]:  # fmt: skip
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
            Those that were not there yet, by id.
        """
        numbered = json.dumps([{"number": number, **entry} for number, entry in enumerate(entries)])
        values = {
            "workflow": workflow, "version": version, "entries": numbered, "params": common, "trigger": trigger,
            "due_in": due_in, "now": self.clock.override(),
        }  # fmt: skip
        rows = execute(self._sql["instance_create_batch"], values)
        return {id: Made(key, version, at) for key, id, version, at in rows}

    def version_of(self, workflow: str, id: str) -> str:
        """The version of an instance.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        return str(self._one("instance_key", workflow, id)[4])

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

    def list(self, workflow: str, listing: Listing) -> Page:
        """A page of the instances of a workflow.

        Returns:
            The page. It may have fewer entries, or none, and a cursor to go on: what no index has is looked for among
            so many instances that have all else that is wanted (`wf.pages`).

        Raises:
            WorkflowNotFound: There is no such workflow.
        """
        found = Pages(self.database).find(workflow, listing)
        if not found and (error := self._unknown(workflow)) is not None:
            raise error
        return found

    def describe(
        self, workflow: str, id: str, *, read: Callable[[bytes], Any] = decode, extent: Extent = ALL
    ) -> Answer:
        """Everything about an instance: steps, attempts, what it waits for and until when.

        Args:
            workflow: Its workflow.
            id: Its id.
            read: How to read stored values; what it cannot read is shown as `wf.plain.legible` can.
            extent: How much of it; all by default.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        row = self._read(workflow, id)
        of = {
            "key": row["key"], "generation": row["generation"], "bytes": extent.output_bytes, "total": extent.total,
            "attempts": extent.attempts,
        }  # fmt: skip
        totals = Totals(*self.database.read(self._sql["step_totals"], of)[0])
        attempts = self.database.read(self._sql["attempt_list"], of) if extent.steps else []
        steps = self.database.read(self._sql["step_list"], of) if extent.steps else []
        return description(row, totals, steps, attempts, partial(legible, read=read))

    def step_output(self, workflow: str, id: str, step: str, type: str, attempt: int | None = None) -> Answer:
        """All that a step gave, or one of its attempts, with `status`, `output`, `error` and, for a wait, `eventType`.

        Args:
            workflow: Its workflow.
            id: Its id.
            step: Its name with its counter, as in `"upload-1"`.
            type: `step` or `waitForEvent`.
            attempt: The last one by default.

        Raises:
            InstanceNotFound: There is no such instance.
            StepOutputNotFound: It has no such step, or the step had no such attempt.
        """
        name, count = split_step(step)
        values = {
            "workflow": workflow, "id": id, "kind": "do" if type == "step" else type, "name": name, "count": count,
            "attempt": attempt,
        }  # fmt: skip
        rows = self.database.read(self._sql["step_read"], values)
        if not rows or (attempt is not None and attempt > rows[0][2]):
            self.status_of(workflow, id)  # which tells of an instance that is not there
            raise StepOutputNotFound(workflow, id, step, type, attempt)
        return step_answer(rows[0], attempt, partial(legible, read=plain))

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
