"""The reaper's Celery tasks, sent by beat; `wf_tasks.tasks` registers them."""

from __future__ import annotations

from wf.breakers import REAPER, Breakers
from wf_reaper.jobs import JobRunner
from wf_reaper.restarts import Restarts
from wf_reaper.retention import Retention
from wf_tasks.runtime import runtime


def restart_errored() -> None:
    """Restart errored instances as their workflows' policies say."""
    owner = runtime()
    Restarts(owner).run_once()
    owner.journal.ticked("wf.restart_errored")


def retention() -> None:
    """Remove instances that have ended long enough ago."""
    owner = runtime()
    Retention(owner).run_once()
    owner.journal.ticked("wf.retention")


def jobs() -> None:
    """Move many instances, as jobs ask for."""
    owner = runtime()
    JobRunner(owner).run_once()
    owner.journal.ticked("wf.jobs")


def breakers() -> None:
    """Pause workflows whose instances fail too often, and try whether they go well again."""
    owner = runtime()
    Breakers(owner.catalog, owner.dispatcher, REAPER, due_in=owner.settings.renudge).tend()
    owner.journal.ticked("wf.breakers")


TASKS = {
    "wf.restart_errored": restart_errored,
    "wf.jobs": jobs,
    "wf.breakers": breakers,
    "wf.retention": retention,
}
