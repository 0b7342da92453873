"""The Celery tasks. Their names are the wire protocol and never change."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from celery.exceptions import Retry

from wf.dispatch import TASK, Nudge
from wf_tasks.runtime import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery


def advance(key: int, generation: int, rev: int, seq: int = 0) -> None:
    """Move an instance on. A failed attempt shows as RETRY, with the reason; its nudge is already on the way."""
    progress = runtime().engine.advance(Nudge(key, generation, rev, seq))
    if progress.retry_in is not None:
        raise Retry(exc=_shown(progress.error), when=progress.retry_in)


def alarm() -> None:
    """Nudge what is due."""
    runtime().tick()


def _shown(error: Any) -> Exception:
    """An error that Celery and Flower can show, whatever class it is."""
    return RuntimeError(f"{type(error).__name__}: {error}")


TASKS: dict[str, Callable[..., None]] = {TASK: advance, "wf.alarm": alarm}

OPTIONS: dict[str, Any] = {"ignore_result": True, "acks_late": False, "max_retries": None}
"""Of each task; the journal covers every loss of a message."""

MODULES = ("wf_tasks.tasks", "wf_reaper.tasks")
"""Where the tasks are; by name, as Celery's own setting `imports` has it, because the reaper stands above us."""


def register(app: Celery, **options: Any) -> None:
    """Register all tasks on an app, and on no other.

    Args:
        app: The app.
        **options: Options of Celery's for each of them, beside `OPTIONS`.
    """
    for module in MODULES:
        for name, body in importlib.import_module(module).TASKS.items():
            app.task(body, name=name, shared=False, **OPTIONS | options)
