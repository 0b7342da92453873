"""Jobs: actions on many instances at once. Here they are made and looked at; the reaper does them.

A job means the instances that exist when it is made, in the statuses in which its action does something
(`wf.lifecycle`); the removal of a workflow means those that are created meanwhile, too. They are moved one by one, in
the order in which they were created, each exactly once: what moved meanwhile into a status that the filter does not
name, ended, or is gone, is passed by.

=========  =======================================================================================
status     meaning
=========  =======================================================================================
queued     No runner has taken it yet.
running    A runner has, or had: the next one goes on where it was, when its lease is over.
complete   Every instance has had its turn; `failed` of them could not be moved.
cancelled  Somebody has called it off; what was moved stays moved.
=========  =======================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from wf.answers import Answer, Page
from wf.errors import InvalidBatch, JobActive, JobNotFound, JournalBusy, WorkflowNotFound
from wf.filters import Filter, Matching
from wf.job_actions import JobAction, read_options
from wf.lifecycle import STOPPABLE
from wf.listing import KEY_MAX, Listing
from wf.sql import statements
from wf.workflow import is_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from wf.catalog import Catalog
    from wf.dispatch import Dispatcher
    from wf.lifecycle import Stoppable
    from wf.status import Status

TASK = "wf.jobs"
"""The reaper's task that does them."""

SAMPLE = 10
"""Ids that a preview shows."""

TRIES = 3
"""Looks for the job in the way of a new one, which may end just then."""


class Jobs:
    """The jobs of all workflows.

    Args:
        catalog: Where they are kept.
        dispatcher: Tells the reaper of a new one.
        actor: Who acts, for the audit.
    """

    def __init__(self, catalog: Catalog, dispatcher: Dispatcher, actor: str) -> None:
        self._catalog, self._dispatcher, self._actor = catalog, dispatcher, actor
        self._database, self._matching = catalog.database, Matching(catalog.database)
        self._sql = statements()

    def preview(self, workflow: str, action: str, filter: Filter | Mapping[str, Any] | None = None) -> Answer:
        """What a job would do now; nothing is changed.

        Args:
            workflow: The name of a workflow.
            action: pause, resume, terminate, restart, delete or delete_workflow.
            filter: Which instances: any of `status` (one or several), `version`, `trigger`, `since`, `until`, `ids`.

        Returns:
            How many instances fit in each status (`matching`), how many of them would be moved (`affected`) and not
            (`no_effect`), the `total` of those moved and, in `sample`, the first ids of these.

        Raises:
            InvalidBatch: There is no such action, or the filter cannot be used.
            WorkflowNotFound: There is no such workflow.
        """
        kind, meant = JobAction.of(action), Filter.of(filter)
        upto = self._newest(workflow)
        counts = self._matching.count(workflow, meant, upto)
        affected = {status: number for status, number in counts.items() if status in kind.moves}
        statuses = meant.statuses & kind.moves
        seen = self._matching.look(workflow, meant, statuses, after=0, upto=upto, most=SAMPLE)
        return Answer(
            workflow=workflow, action=str(kind), filter=meant.stored(), total=sum(affected.values()),
            matching=_by_name(counts), affected=_by_name(affected),
            noEffect=_by_name({status: number for status, number in counts.items() if status not in kind.moves}),
            sample=[id for _, id in seen.found],
        )  # fmt: skip

    def start(
        self,
        workflow: str,
        action: str,
        filter: Filter | Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Have an action done to many instances, in the background.

        Args:
            workflow: The name of a workflow.
            action: As for `preview`. `delete_workflow` takes no filter: it removes all instances, those that are
                created meanwhile, too, and then the workflow, unless there are always new ones, as the job then says.
                A worker that starts later makes the workflow known again.
            filter: As for `preview`.
            options: `rollback` to terminate with rollback, `from_step` to restart from a step.

        Returns:
            The job, as `get` shows it.

        Raises:
            InvalidBatch: Action, filter or options cannot be used; nothing was begun.
            JobActive: There is such a job for this workflow already.
            WorkflowNotFound: There is no such workflow.
        """
        kind, meant = JobAction.of(action), Filter.of(filter)
        if kind is JobAction.DELETE_WORKFLOW and meant != Filter():
            raise InvalidBatch("delete_workflow removes all instances and takes no filter")
        upto = self._newest(workflow)
        counts = self._matching.count(workflow, meant, upto)
        values = {
            "workflow": workflow, "action": str(kind), "filter": Jsonb(meant.stored()),
            "options": Jsonb(read_options(kind, options or {})), "actor": self._actor, "upto": upto,
            "total": sum(number for status, number in counts.items() if status in kind.moves),
            "now": self._catalog.clock.override(),
        }  # fmt: skip
        for _ in range(TRIES):
            if made := self._database.rows(self._sql["job_start"], values):
                self._dispatcher.publish_task(TASK)
                return self.get(made[0][0])
            if (active := self.active(workflow, kind)) is not None:
                raise JobActive(workflow, kind, active)
        raise JournalBusy(f"jobs that {kind} instances of workflow {workflow!r} come and go")

    def terminate_all(self, workflow: str, status: Stoppable | None = None) -> Answer:
        """Terminate all instances of a workflow that have not ended, in the background.

        Args:
            workflow: Its name.
            status: Only those in this status.

        Returns:
            Its `job_id`, and the `status`: ok, or already_running if a job of before does just that.

        Raises:
            JobActive: A job terminates others of its instances, or in another way.
            WorkflowNotFound: There is no such workflow.
        """
        meant = Filter.of({"status": STOPPABLE if status is None else status})
        try:
            return Answer(status="ok", job_id=self.start(workflow, JobAction.TERMINATE, meant).id)
        except JobActive as error:
            active = self.get(error.job)
            if (active.filter, active.options) != (meant.stored(), {}):
                raise
            return Answer(status="already_running", job_id=error.job)

    def active(self, workflow: str, action: str) -> int | None:
        """The job that does this at the moment to instances of a workflow, if there is one."""
        rows = self._database.read(self._sql["job_active"], {"workflow": workflow, "action": action})
        return rows[0][0] if rows else None

    def get(self, id: int) -> Answer:
        """A job: what it does, how far it has come, and the first few errors.

        Raises:
            JobNotFound: There is no such job.
        """
        rows = self._database.read(self._sql["job_read"], {"id": _known(id)})
        if not rows:
            raise JobNotFound(id)
        return _answer(rows[0])

    def list(
        self,
        workflow: str | None = None,
        *,
        only: Collection[str] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Page:
        """A page of jobs, newest first.

        Args:
            workflow: Only those of this workflow.
            only: Only those of one of these.
            cursor: The `cursor` of the page before.
            limit: 20 by default, 100 at most.

        Raises:
            InvalidQuery: Cursor or limit cannot be used.
        """
        page = Listing(cursor=cursor, limit=limit)
        wanted = only if workflow is None else [name for name in (workflow,) if only is None or name in only]
        values = {
            "workflows": None if wanted is None else sorted(wanted), "limit": page.size + 1,
            "before": KEY_MAX if cursor is None else min(int(cursor), KEY_MAX),
        }  # fmt: skip
        rows = self._database.read(self._sql["job_list"], values)
        return Page(
            [_answer(row) for row in rows[: page.size]], str(rows[page.size - 1][0]) if len(rows) > page.size else None
        )

    def cancel(self, id: int) -> Answer:
        """Call a job off; what was moved stays moved. Without effect on one that has ended.

        Raises:
            JobNotFound: There is no such job.
        """
        values = {"id": _known(id), "actor": self._actor, "now": self._catalog.clock.override()}
        self._database.rows(self._sql["job_cancel"], values)
        return self.get(id)

    def _newest(self, workflow: str) -> int:
        """The key of the newest instance.

        Raises:
            WorkflowNotFound: There is no such workflow.
        """
        if not is_name(workflow):
            raise WorkflowNotFound(workflow, self._catalog.workflows())
        rows = self._database.read(self._sql["job_newest"], {"workflow": workflow})
        if not rows:
            self._catalog.check_known(workflow)
        return rows[0][0] if rows else 0


def _known(id: int) -> int:
    if not 0 < id <= KEY_MAX:
        raise JobNotFound(id)
    return id


def _by_name(counts: Mapping[Status, int]) -> dict[str, int]:
    return {str(status): number for status, number in counts.items()}


def _answer(row: tuple[Any, ...]) -> Answer:
    names = (
        "id", "workflow", "action", "filter", "options", "actor", "status", "total", "done", "failed", "errors",
        "createdOn", "startedOn", "endedOn",
    )  # fmt: skip
    found = Answer(zip(names, row, strict=True))
    # Some may have been moved by others, or have come meanwhile: that it is at its end is known by its status only.
    so_far = min(100 * (found.done + found.failed) // max(found.total, 1), 99)
    return Answer({**found, "percent": 100 if found.status == "complete" else so_far})
