"""When an instance must be looked at if nothing else happens, and what is left to a message until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.status import StepStatus

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from wf.core import Key
    from wf.facts import StepRow
    from wf.settings import Settings


def due_at(rows: Iterable[StepRow], opened: Container[Key], now: float, settings: Settings) -> float:
    """When the alarm must look at the instance, in seconds since the epoch.

    Args:
        rows: Its open rows.
        opened: Those of them that are about to be written, and nudged.
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
            # A short wait that begins now gets a nudge of its own; the alarm only stands behind it.
            soon = row.key in opened and row.wake_at - now <= countdown_for(row, settings)
            times.append(max(row.wake_at, now) + (settings.alarm_tick if soon else 0.0))
    return min(times, default=now + settings.renudge)


def countdown_for(row: StepRow, settings: Settings) -> float:
    """Waits up to so many seconds get a countdown message instead of being left to the alarm."""
    return settings.countdown_max if row.status is StepStatus.RETRYING else 2 * settings.alarm_tick


def next_wake(rows: Iterable[StepRow]) -> StepRow | None:
    """The row that wakes first."""
    asleep = (row for row in rows if row.status in (StepStatus.WAITING, StepStatus.RETRYING))
    return min(asleep, key=lambda row: row.wake_at or 0.0, default=None)
