"""What a workflow is set to: by its class, and by operators over that. `wf.deployments` brings it in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.answers import Answer
from wf.errors import WorkflowNotFound
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.catalog import Catalog


def settings_of(catalog: Catalog, name: str) -> Answer:
    """What is set for a workflow, and by whom.

    Args:
        catalog: Where workflows are.
        name: Which one.

    Returns:
        The `version` of the newest class, its `scriptName` and `className`; what it has `declared`, the `overrides` of
        operators, and the `settings` that are in force. What nobody has said is absent.

    Raises:
        WorkflowNotFound: No worker has registered it.
    """
    rows = catalog.database.read(statements()["workflow_settings"], {"name": name})
    if not rows:
        raise WorkflowNotFound(name, catalog.workflows())
    version, module, class_name, declared, overrides, settings = rows[0]
    return Answer(
        workflow=name, version=version, scriptName=module, className=class_name, declared=declared or {},
        overrides=overrides, settings=settings,
    )  # fmt: skip


class Overrides:
    """What operators set over the classes of workflows.

    Args:
        catalog: Where workflows are.
        actor: Who acts, for the audit.
        max_schedules: Cron expressions of all workflows together; None means any number.
    """

    def __init__(self, catalog: Catalog, actor: str, *, max_schedules: int | None = None) -> None:
        self._catalog, self._actor, self._max_schedules = catalog, actor, max_schedules

    def get(self, workflow: str) -> Answer:
        """What is set for a workflow, as `settings_of` tells it.

        Raises:
            WorkflowNotFound: There is no such workflow.
        """
        return settings_of(self._catalog, workflow)

    def change(self, workflow: str, changes: Mapping[str, Any]) -> Answer:
        """Set some of it, and leave the rest as it is, whoever sets that meanwhile; see `Deployments.adjust`.

        Returns:
            What is set then.

        Raises:
            WorkflowNotFound: There is no such workflow.
            TooManySchedules: There is no room for the schedules.
            ValueError: Something cannot be set or used.
        """
        if changes:
            self._catalog.adjust(workflow, changes, actor=self._actor, max_schedules=self._max_schedules)
        return self.get(workflow)

    def replace(self, workflow: str, overrides: Mapping[str, Any]) -> Answer:
        """Set all of it: what is absent is as the class says. Raises what `change` does."""
        now = self.get(workflow)
        if now.class_name is None:
            raise ValueError(f"No worker has registered workflow {workflow!r} since the last migration; start one.")
        self._catalog.configure(
            workflow, overrides, module=now.script_name, class_name=now.class_name, actor=self._actor,
            max_schedules=self._max_schedules,
        )  # fmt: skip
        return self.get(workflow)

    def take_back(self, workflow: str) -> Answer:
        """Let everything be as the class says. Raises what `change` does."""
        return self.replace(workflow, {})
