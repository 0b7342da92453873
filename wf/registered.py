"""Workflows as they are registered: names, versions, diagrams, schedules, and how many instances they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.answers import Answer
from wf.errors import InstanceNotFound, WfError, WorkflowNotFound
from wf.sql import statements
from wf.status import Status
from wf.versions import CAP, find_versions
from wf.workflow import registry, version_order

if TYPE_CHECKING:
    from collections.abc import Collection

    from wf.clock import Clock
    from wf.database import Database


class Registered:
    """Looks at the registered workflows.

    Args:
        database: Where.
        clock: Whose time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self._sql = statements()

    def workflows(self) -> dict[str, str]:
        """The registered workflows and the version that a new instance gets."""
        return {row[0]: row[1] for row in self.database.read(self._sql["workflow_known"])}

    def missing(self, workflow: str, id: str) -> WfError:
        """The error for an instance that is not there: perhaps the workflow is not, either."""
        return self._unknown(workflow) or InstanceNotFound(workflow, id)

    def check_known(self, workflow: str) -> None:
        """Refuse a workflow that is nowhere known.

        Raises:
            WorkflowNotFound: There is no such workflow.
        """
        if (error := self._unknown(workflow)) is not None:
            raise error

    def _unknown(self, workflow: str) -> WorkflowNotFound | None:
        """The error for a workflow that neither a worker nor this process knows."""
        if registry.find(workflow) is not None or workflow in (known := self.workflows()):
            return None
        return WorkflowNotFound(workflow, known)

    def graph(self, workflow: str, version: str) -> dict[str, Any] | None:
        """The diagram of the code of a version, as `wf.graph` draws it.

        Returns:
            None if no worker has registered that version, or its code could not be read.
        """
        rows = self.database.read(self._sql["version_graph"], {"workflow": workflow, "version": version})
        graph: dict[str, Any] | None = rows[0][0] if rows else None
        return graph

    def describe_workflows(self, workflow: str | None = None, *, only: Collection[str] | None = None) -> list[Answer]:
        """Registered workflows: class, versions, schedules, times, number of instances in each status.

        Args:
            workflow: Only this one, whose instances are all counted. Of several, `CAP` in each status are, and
                `instancesCapped` tells whether there may be more.
            only: Only those of these.

        Raises:
            WorkflowNotFound: No worker has registered it.
        """
        of = {
            "workflow": workflow,
            "only": [workflow] if workflow is not None else None if only is None else list(only),
        }
        rows = self.database.read(self._sql["workflow_describe"], of)
        if not rows and workflow is not None:
            raise WorkflowNotFound(workflow, self.workflows())
        shown = {"workflow": workflow, "only": [row[0] for row in rows], "statuses": list(Status), "cap": CAP}
        counted = self._sql["instance_counts" if workflow is None else "instance_counts_of"]
        counts: dict[str, dict[str, int]] = {}
        for name, status, number in self.database.read(counted, shown):
            counts.setdefault(name, {})[status] = number
        schedules: dict[str, list[Answer]] = {}
        for name, cron, next_at, last_at in self.database.read(self._sql["schedule_coming"], of):
            firing = Answer(cron=cron, nextInstance=next_at, lastInstance=last_at)
            schedules.setdefault(name, []).append(firing)
        return [
            Answer(
                name=name, version=version, versions=sorted(versions, key=version_order), scriptName=module,
                className=class_name, createdOn=created, modifiedOn=modified, triggeredOn=triggered, settings=settings,
                schedules=schedules.get(name, []), instances=counts.get(name, {}),
                instancesCapped=workflow is None and CAP in counts.get(name, {}).values(),
                latestVersion=Answer(id=version, createdOn=since, modifiedOn=last),
            )
            for name, version, versions, settings, created, modified, class_name, module, since, last, triggered in rows
        ]  # fmt: skip

    def schedules(self, workflow: str | None = None) -> list[Answer]:
        """The schedules of a workflow, or of all, the next to fire first.

        Raises:
            WorkflowNotFound: There is no such workflow.
        """
        if workflow is not None and (error := self._unknown(workflow)) is not None:
            raise error
        names = ("workflow", "cron", "nextInstance", "lastInstance")
        rows = self.database.read(self._sql["schedule_coming"], {"workflow": workflow})
        return [Answer(zip(names, row, strict=True)) for row in rows]

    def versions(self, workflow: str | None = None, *, exact: bool = True) -> list[Answer]:
        """Every version that is registered or has instances in flight, newest first, with the numbers of these.

        Args:
            workflow: Only those of this workflow.
            exact: Whether all instances are counted, which takes its time among a million. Else `CAP` of one workflow
                in each status are looked at, half of them the newest and half the oldest.

        Returns:
            Of each also `capped`: the statuses in which there are instances that were not looked at. In these, there
            may be more of it than `instances` says, and versions may be missing.

        Raises:
            WorkflowNotFound: There is no such workflow.
        """
        if workflow is not None and (error := self._unknown(workflow)) is not None:
            raise error
        return find_versions(self.database, workflow, exact=exact)
