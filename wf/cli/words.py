"""How the commands call things: labels, times, durations, and text that is safe on a terminal."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from wf.durations import about
from wf.status import Status

STATUS = {
    Status.QUEUED: "⌛ Queued",
    Status.RUNNING: "▶ Running",
    Status.WAITING: "⏰ Waiting",
    Status.WAITING_FOR_PAUSE: "⏱️ Waiting for Pause",
    Status.PAUSED: "⏸️ Paused",
    Status.ROLLING_BACK: "⏪ Rolling Back",
    Status.COMPLETE: "✅ Completed",
    Status.ERRORED: "❌ Errored",
    Status.TERMINATED: "🚫 Terminated",
}
STYLE = {"complete": "green", "errored": "bold red", "terminated": "red", "running": "cyan", "waiting": "yellow"}
TRIGGER = {"api": "🌎 API", "binding": "🔗 Binding", "cron": "⌛ Cron", "event": "📩 Event", "fork": "🍴 Fork"}
STEP = {
    "step": "🎯 Step",
    "sleep": "💤 Sleeping",
    "waitForEvent": "👀 Waiting for event",
    "termination": "🚫 Termination",
    "rollback": "↩️ Rollback",
}
OUTCOME = {"complete": "✅ Success", "errored": "❌ Error", "lost": "💥 Worker lost", "running": "🔄 Working"}
UNKNOWN = "❓ Unknown"
NO_WORKFLOWS = "There are no deployed workflows. Start a worker with the module that defines one: wf worker MODULE"

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def safe(text: object) -> str:
    """Text from users, in which control characters are written out: it shall not steer the terminal."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


def status_label(status: str) -> str:
    """An instance's status."""
    return STATUS.get(Status(status), UNKNOWN) if status in set(Status) else UNKNOWN


def success(value: bool | None) -> str:
    """Whether something went well; None means that it goes on."""
    return "▶ Running" if value is None else "✅ Yes" if value else "❌ No"


def moment(at: datetime | None) -> str:
    """A time, in UTC as the filters take it; empty for None."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at is not None else ""


def until(at: datetime) -> str:
    """A time to come, and how far off it is."""
    left = at - datetime.now(UTC)
    return f"{moment(at)} ({f'in {duration(left)}' if left > timedelta() else 'now'})"


def between(start: datetime | None, end: datetime | None) -> str:
    """How long something took, or takes so far; empty if it has not begun."""
    return duration((end or datetime.now(UTC)) - start) if start is not None else ""


def duration(length: timedelta) -> str:
    """A duration; what lies ahead of a clock that is slow has not begun."""
    return about(max(length.total_seconds(), 0.0))
