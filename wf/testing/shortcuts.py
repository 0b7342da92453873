"""The testing API without the fixture at hand: the same calls, on the engine of the test that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.testing.workbench import current

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.testing.exploring import Explored
    from wf.testing.introspection import InstanceIntrospector, WorkflowIntrospector
    from wf.testing.workbench import Binding


def introspect_instance(workflow: Binding, id: str) -> InstanceIntrospector:
    """Look into an instance; see `Workbench.introspect_instance`.

    Raises:
        NoWorkbench: The test has no fixture `wf`.
    """
    return current().introspect_instance(workflow, id)


def introspect(workflow: Binding) -> WorkflowIntrospector:
    """Look into all instances of a workflow that are created from now on; see `Workbench.introspect`.

    Raises:
        NoWorkbench: The test has no fixture `wf`.
        SessionActive: There is an introspector of this workflow that was not disposed.
    """
    return current().introspect(workflow)


def explore(workflow: Binding, *, check: Callable[[Explored], Any], **more: Any) -> int:
    """Run a workflow in many orders of things, and check each run; see `wf.testing.exploring.explore`.

    Raises:
        NoWorkbench: The test has no fixture `wf`.
        ExplorationFailed: A run does not pass the check.
    """
    return current().explore(workflow, check=check, **more)
