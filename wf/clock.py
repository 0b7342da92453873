"""Time, on one clock: the database's."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL_MAX = 0.25
"""Seconds between two looks while waiting for something, at the most."""


class Clock(Protocol):
    """Tells the journal's time in seconds since the epoch."""

    def now(self) -> float:
        """The time now."""

    def observe(self, database_now: float) -> None:
        """Take note of what the database's clock said a moment ago."""

    def override(self) -> float | None:
        """The time that statements shall take for now, or None for the database's own."""


class DatabaseClock:
    """The database's clock, carried on by this process's monotonic one between two answers.

    Until it has been observed, it is this machine's wall clock, which is set right when it is wrong; the monotonic one
    would carry on what the wall clock said at first, and stands still while the machine sleeps.
    """

    def __init__(self) -> None:
        self._offset: float | None = None

    def now(self) -> float:
        """As the database said last, plus the time since then."""
        found = time.time() if self._offset is None else time.monotonic() + self._offset
        return round(found, 6)  # as exact as Postgres keeps it, or replay would differ

    def observe(self, database_now: float) -> None:
        """Set this clock by the database's."""
        self._offset = database_now - time.monotonic()

    def override(self) -> float | None:
        """Statements take the database's own time."""
        return None


def journal_clock() -> Clock:
    """The clock of whoever brings none: the database's, or that of the test that runs."""
    return _stand_ins[-1] if _stand_ins else DatabaseClock()


@contextmanager
def standing_in(clock: Clock) -> Iterator[None]:
    """Let a clock of a test be that of everybody in this process who brings none."""
    _stand_ins.append(clock)
    try:
        yield
    finally:
        _stand_ins.remove(clock)


_stand_ins: list[Clock] = []


class ManualClock:
    """A clock that moves only when told, for tests.

    Args:
        start: Seconds since the epoch.
    """

    def __init__(self, start: float) -> None:
        self._now = start

    def now(self) -> float:
        """What the test says."""
        return round(self._now, 6)

    def observe(self, database_now: float) -> None:
        """Nothing to learn: this clock is the truth."""

    def override(self) -> float | None:
        """Statements take this time instead of the database's."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move time on."""
        self._now += seconds


def pauses(timeout: float | None) -> Iterator[float]:
    """How long to wait between two looks, in seconds, until the timeout is over; growing, and at least one."""
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    pause = 0.005
    while True:
        left = deadline - time.monotonic()
        yield max(min(pause, left), 0.0)
        if left <= 0:
            return
        pause = min(pause * 1.5, POLL_MAX)
