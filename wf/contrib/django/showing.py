"""An instance for the page that shows it: every value as a text, which the template escapes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wf.answers import Answer


def shown(told: Answer) -> dict[str, Any]:
    """What the template names.

    Args:
        told: As `Catalog.describe` gives it.
    """
    facts = {
        "Workflow": told.workflow, "Id": told.id, "Version": told.version_id, "Status": told.status,
        "Trigger": told.trigger["source"], "Queued": told.queued, "Started": told.start, "Ended": told.end,
        "Next wake-up": told.next_wake, "Restart at": told.restart_at, "Retries": told.retries or None,
        "Recoveries": told.recoveries or None, "Restarts": told.restarts or None,
    }  # fmt: skip
    values = {
        "Params": as_text(told.params),
        "Output": None if told.output is None else as_text(told.output),
        "Error": error_text(told.error),
        "Rollback": None if told.rollback is None else as_text(told.rollback),
        "Warnings": as_text(told.warnings) if told.warnings else None,
    }
    return {
        "facts": [(name, value) for name, value in facts.items() if value is not None],
        "values": [(name, value) for name, value in values.items() if value is not None],
        "steps": [_step(step) for step in told.steps],
    }


def as_text(value: Any) -> str:
    """A value as JSON; what cannot be sent as UTF-8 is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode()


def error_text(error: Answer | None) -> str | None:
    """An error with its traceback."""
    if error is None:
        return None
    lines = [f"{error.name}: {error.message}", *filter(None, [error.get("traceback")])]
    return "\n\n".join(lines).encode("utf-8", "backslashreplace").decode()


def _step(step: Answer) -> dict[str, Any]:
    attempts = [{**each, "error": error_text(each.error)} for each in step.attempts]
    return {
        "name": step.name, "type": step.type, "status": step.status, "start": step.start, "end": step.end,
        "wake_at": step.wake_at, "output": None if step.output is None else as_text(step.output),
        "error": error_text(step.error), "attempts": attempts,
    }  # fmt: skip
