"""What a workflow is set to: by its class, and by operators over that. `wf.deployments` brings it in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.answers import Answer
from wf.errors import WorkflowNotFound
from wf.sql import statements

if TYPE_CHECKING:
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
