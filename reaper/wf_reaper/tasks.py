"""The reaper's Celery tasks, sent by beat."""

from __future__ import annotations

from wf_reaper.restarts import Restarts
from wf_reaper.retention import Retention
from wf_tasks.app import app
from wf_tasks.runtime import runtime


@app.task(name="wf.restart_errored", ignore_result=True, acks_late=False)
def restart_errored() -> None:
    """Restart errored instances as their workflows' policies say."""
    Restarts(runtime()).run_once()


@app.task(name="wf.retention", ignore_result=True, acks_late=False)
def retention() -> None:
    """Remove instances that have ended long enough ago."""
    Retention(runtime()).run_once()
