"""When an instance must be looked at if nothing else happens, and what is left to a message until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.status import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wf.facts import StepRow
    from wf.settings import Settings


def due_at(rows: Iterable[StepRow], now: float, settings: Settings) -> float:
    """When the alarm must look at the instance, in seconds since the epoch.

    Args:
        rows: Its open rows.
        now: Seconds since the epoch.
        settings: How soon to repeat a nudge, and how far messages reach.
    """
    times = []
    for row in rows:
        if row.status is StepStatus.READY or row.wake_at is None:
            times.append(now + settings.renudge)
        elif row.status is StepStatus.RUNNING:
            times.append(row.wake_at)
        else:
            times.append(max(row.wake_at, now) + (settings.alarm_tick if _is_nudged(row, now, settings) else 0.0))
    return min(times, default=now + settings.renudge)


def _is_nudged(row: StepRow, now: float, settings: Settings) -> bool:
    """Whether a nudge of its own is on the way, so that the alarm only stands behind it: its whole wait was short."""
    reach, config = countdown_for(row, settings), row.config or {}
    if row.status is StepStatus.WAITING and config.get("duration", config.get("timeout", 0.0)) > reach:
        return False
    return (row.wake_at or now) - now <= reach


def countdown_for(row: StepRow, settings: Settings) -> float:
    """Waits up to so many seconds get a countdown message instead of being left to the alarm."""
    return settings.countdown_max if row.status is StepStatus.RETRYING else 2 * settings.alarm_tick


def next_wake(rows: Iterable[StepRow]) -> StepRow | None:
    """The row that wakes first."""
    asleep = (row for row in rows if row.status in (StepStatus.WAITING, StepStatus.RETRYING))
    return min(asleep, key=lambda row: row.wake_at or 0.0, default=None)
