"""The Celery tasks. Their names are the wire protocol and never change."""

from __future__ import annotations

from typing import Any

from celery.exceptions import Retry

from wf.dispatch import TASK, Nudge
from wf_tasks.app import app
from wf_tasks.runtime import runtime


@app.task(name=TASK, ignore_result=True, acks_late=False, max_retries=None)
def advance(key: int, generation: int, rev: int, seq: int = 0) -> None:
    """Move an instance on. A failed attempt shows as RETRY, with the reason; its nudge is already on the way."""
    progress = runtime().engine.advance(Nudge(key, generation, rev, seq))
    if progress.retry_in is not None:
        raise Retry(exc=_shown(progress.error), when=progress.retry_in)


@app.task(name="wf.alarm", ignore_result=True, acks_late=False)
def alarm() -> None:
    """Nudge what is due."""
    runtime().alarm.run_once()


def _shown(error: Any) -> Exception:
    """An error that Celery and Flower can show, whatever class it is."""
    return RuntimeError(f"{type(error).__name__}: {error}")
