"""The ticks of alarm and reaper: what beat sends, how often, and that no log drowns in them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wf.dispatch import alarm_queue

if TYPE_CHECKING:
    from wf.settings import Settings

TICKS = {
    "wf.alarm": "alarm_tick",
    "wf.restart_errored": "reaper_tick",
    "wf.jobs": "reaper_tick",
    "wf.breakers": "reaper_tick",
    "wf.retention": "retention_tick",
}
"""The tasks, and the settings that say how often each is sent."""


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """The entries for beat, named as their tasks."""
    return {task: _every(task, getattr(settings, tick), settings) for task, tick in TICKS.items()}


def is_no_tick(record: logging.LogRecord) -> bool:
    """Whether a line says more than that a tick goes its way, or has come too late to matter: a filter for loggers."""
    args = record.args
    words = args.values() if isinstance(args, Mapping) else args or ()
    return record.levelno > logging.INFO or not any(word in TICKS for word in words if isinstance(word, str))


def _every(task: str, seconds: float, settings: Settings) -> dict[str, Any]:
    """A tick that is dropped when the next one is due: a queue full of old ticks helps nobody."""
    queue = alarm_queue(settings)
    options = {
        "queue": queue, "exchange": "", "routing_key": queue, "priority": 0,  # whatever a team routes elsewhere
        "serializer": "json", "expires": max(seconds, 1.0), "ignore_result": True,
    }  # fmt: skip
    return {"task": task, "schedule": seconds, "options": options}
