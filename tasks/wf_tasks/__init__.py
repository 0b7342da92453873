"""The Celery side: an app of our own, or yours; the tasks; and what a worker process needs.

`celery -A wf_tasks worker` finds `app` here; `attach` mounts the same tasks on an app that you have. `wf.advance` moves
one instance on; `wf.alarm` wakes what is due. Both carry no state, so a message that is lost, repeated or late changes
nothing but time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf_tasks.attach import attach

if TYPE_CHECKING:
    from wf_tasks.celery import app

__all__ = ["app", "attach"]


def __getattr__(name: str) -> Any:
    """Make our own app when it is asked for: it becomes Celery's current app, which a team has its own for."""
    if name == "app":
        from wf_tasks.celery import app  # noqa: PLC0415

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
