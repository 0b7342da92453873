"""Links from our pages to Flower: to the task that ran a step, and to the worker. `wf_tasks.flower` answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from wf.settings import Settings


def step_link(
    settings: Settings, workflow: str, id: str, generation: int, seq: int, *, rev: int | None = None
) -> str | None:
    """Where Flower shows the task that ran a step; None if WF_FLOWER_URL does not say where it is.

    Flower itself looks for the task when somebody follows the link, and says so if it has not seen it.

    Args:
        settings: Whose WF_FLOWER_URL counts.
        workflow: Name of the workflow.
        id: The instance's.
        generation: Of the instance: how often it has begun.
        seq: The step's.
        rev: With which the attempt began: `attempt_rev` of the step, `started_rev` of an attempt before. Without it
            Flower may have to ask which of several tasks is meant.
    """
    path = _path(settings, "step", workflow, id, str(generation), str(seq))
    return path if path is None or rev is None else f"{path}?rev={rev}"


def instance_link(settings: Settings, workflow: str, id: str) -> str | None:
    """Where Flower shows all tasks of an instance; None if WF_FLOWER_URL does not say where it is."""
    return _path(settings, "instance", workflow, id)


def worker_link(settings: Settings, worker: str) -> str | None:
    """Where Flower shows a worker, by its name in the journal; None if WF_FLOWER_URL does not say where it is."""
    return _path(settings, "process", worker)


def _path(settings: Settings, *parts: str) -> str | None:
    if not settings.flower_url:
        return None
    return "/".join([settings.flower_url, *(quote(part, safe="") for part in parts)])
