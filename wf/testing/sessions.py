"""Looking into all instances of a workflow that are created from now on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from wf.testing.aio import AsyncWorkflowIntrospector
from wf.testing.changes import Changes
from wf.testing.introspection import InstanceIntrospector
from wf.testing.modifier import Modifier, apply
from wf.testing.waits import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.testing.workbench import Workbench

__tracebackhide__ = True  # of what fails here pytest shows the line of the test


class WorkflowIntrospector:
    """Watches all instances of a workflow that are created from now on; one at a time for each workflow.

    At the end of a `with` block these instances are removed.
    """

    def __init__(self, bench: Workbench, workflow: str) -> None:
        self._bench, self.workflow = bench, workflow
        self._after = bench.looks.newest()
        self._changes = Changes()
        self._open = True

    def __repr__(self) -> str:
        return f"<WorkflowIntrospector of {self.workflow!r}>"

    def modify_all(self, change: Callable[[Modifier], Any]) -> Self:
        """Change how every instance runs that is created from now on; called again, it adds to the changes of before.

        Args:
            change: Is called with the modifier `m`.
        """
        changes = self.wanted()
        apply(change, changes)
        self.record(changes)
        return self

    def wanted(self) -> Changes:
        """A copy of what is wanted of the instances to come, to be changed and recorded."""
        self._check_open()
        return self._changes.copied()

    def record(self, changes: Changes) -> None:
        """Want this of the instances that are created from now on."""
        self._changes = changes
        self._bench.stage.record(self.workflow, changes, self._bench.looks.newest())

    def get(self) -> list[InstanceIntrospector]:
        """The instances that were created since this began, in the order of their creation."""
        self._check_open()
        return self._created()

    def dispose(self) -> None:
        """Stop to watch, and remove the instances; again it does nothing."""
        if self._open:
            self._open = False
            self._bench.stage.forget(self.workflow)
            for instance in self._created():
                instance.dispose()
            self._bench.end_session(self.workflow)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()

    async def __aenter__(self) -> AsyncWorkflowIntrospector:
        return AsyncWorkflowIntrospector(self)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.dispose)

    def _created(self) -> list[InstanceIntrospector]:
        ids = self._bench.looks.created(self.workflow, self._after)
        return [InstanceIntrospector(self._bench, self.workflow, id) for id in ids]

    def _check_open(self) -> None:
        if not self._open:
            raise UnreachableError(
                f"Workflow {self.workflow!r} does not have an active introspection session for this introspector: it "
                f"was disposed of. Begin another one with introspect()."
            )
