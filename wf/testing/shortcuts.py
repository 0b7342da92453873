"""The testing API without the fixture at hand: the same calls, on the engine of the test that runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wf.database import Database
from wf.settings import Settings
from wf.testing.registrations import Registrations
from wf.testing.servers import servers
from wf.testing.workbench import Workbench, current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wf.testing.exploring import Explored
    from wf.testing.introspection import InstanceIntrospector
    from wf.testing.sessions import WorkflowIntrospector
    from wf.testing.workbench import Binding


@contextmanager
def open_workbench(
    *, database_url: str = "", redis_url: str = "", cache: Path | None = None, **options: Any
) -> Iterator[Workbench]:
    """An engine without pytest, for a script, a notebook or a `unittest.TestCase`; its servers start and stop with it.

    Args:
        database_url: A Postgres on which to make a database; empty starts an embedded one.
        redis_url: A Redis to use with keys of its own; empty starts an embedded Valkey.
        cache: A folder in which prepared data of the embedded Postgres may be kept for the next time.
        options: As for the marker `wf` of pytest: `workers`, `always_replay`, and settings by their names.

    Raises:
        EmbeddedUnavailable: An embedded server is needed and cannot be started.
    """
    with servers(database_url=database_url, redis_url=redis_url, cache=cache) as started:
        database = Database(Settings(database_url=started.database_url))
        try:
            with Workbench(started, Registrations(database), **options) as bench:
                yield bench
        finally:
            database.close()


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
