"""The Celery side: an app of our own, or yours; the tasks; and what a worker process needs.

`celery -A wf_tasks worker` finds `app` here; `attach` mounts the same tasks on an app that you have. `wf.advance` moves
one instance on; `wf.alarm` wakes what is due. Both carry no state, so a message that is lost, repeated or late changes
nothing but time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wf_tasks.celery import app
    from wf_tasks.mounting import attach

__all__ = ["app", "attach"]

_HOMES = {"app": "wf_tasks.celery", "attach": "wf_tasks.mounting"}
"""Imported when asked for: our own app becomes Celery's current one, which a team has its own for; and tests of
workflows run on `wf_tasks.runtime` without Celery."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
