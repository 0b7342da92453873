"""Which classes the journal of a test session knows: workers register theirs when they start; here it is done late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.sql import statements
from wf.workflow import registry

if TYPE_CHECKING:
    from wf.catalog import Catalog
    from wf.database import Database
    from wf.workflow import WorkflowEntrypoint


class Registrations:
    """Registers the classes of this process, each once in a session, and forgets those that tests defined.

    Args:
        database: The journal of the session.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._sql = database, statements()
        self._known: set[type[WorkflowEntrypoint]] = set()
        self._standing: list[type[WorkflowEntrypoint]] = []

    def begin(self) -> None:
        """A test begins: the classes that are there now will stay."""
        self._standing = registry.classes()

    def register_all(self, catalog: Catalog) -> None:
        """Register what has been defined since the last time. Schedules do not fire until a test names the workflow."""
        self.begin()
        new = [cls for cls in registry.classes() if cls not in self._known]
        for cls in new:
            catalog.register(cls)
        if any("schedules" in cls.workflow_settings for cls in new):
            self._database.rows(self._sql["testing_unschedule"], {})
        self._known.update(new)

    def register(self, catalog: Catalog, workflow: str) -> None:
        """Register the classes of a workflow that a test names, and let its schedules fire."""
        for cls in registry.classes():
            if cls.workflow_name == workflow and (cls not in self._known or "schedules" in cls.workflow_settings):
                catalog.register(cls)
                self._known.add(cls)

    def reset(self) -> None:
        """Empty the journal, and forget the classes that the test has defined inside of it; those they replaced return.

        Classes of modules that it has imported stay: they would not be imported again.
        """
        own = [cls for cls in registry.classes() if cls not in self._standing and "<locals>" in cls.__qualname__]
        for cls in own:
            registry.remove(cls)
        left = {(cls.workflow_name, cls.workflow_version) for cls in registry.classes()}
        for cls in self._standing:
            if (cls.workflow_name, cls.workflow_version) not in left:
                registry.add(cls)
        kept = sorted({cls.workflow_name for cls in self._known} - {cls.workflow_name for cls in own})
        gone = {row[0] for row in self._database.rows(self._sql["testing_reset"], {"kept": kept})}
        self._known = {cls for cls in self._known if cls.workflow_name in kept and cls.workflow_name not in gone}
