"""Time that a test can move: it flows like real time, or stands still, and is set forward at will."""

from __future__ import annotations

import math
import threading
import time


class MovableClock:
    """The journal's clock in a test. Every statement takes its time instead of the database's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at, self._since = time.time(), time.monotonic()
        self._flows = True

    def now(self) -> float:
        """Seconds since the epoch, as exact as Postgres keeps it."""
        with self._lock:
            return self._now()

    def observe(self, database_now: float) -> None:
        """Nothing to learn: this clock is the truth."""

    def override(self) -> float | None:
        """Statements take this time instead of the database's."""
        return self.now()

    @property
    def flows(self) -> bool:
        """Whether it goes on by itself."""
        return self._flows

    def freeze(self) -> None:
        """Stand still."""
        with self._lock:
            self._at, self._flows = self._now(), False

    def flow(self) -> None:
        """Go on from here, as real time does."""
        with self._lock:
            if not self._flows:
                self._since, self._flows = time.monotonic(), True

    def set(self, at: float) -> None:
        """Jump forward to a moment; one that is past changes nothing, because time never runs backwards."""
        with self._lock:
            self._at, self._since = max(_not_before(at), self._now()), time.monotonic()

    def begin(self, at: float) -> None:
        """Stand still at a moment, whatever was before; for whoever has thrown away all that was."""
        with self._lock:
            self._at, self._flows = at, False

    def _now(self) -> float:
        return round(self._at + (time.monotonic() - self._since if self._flows else 0.0), 6)


def _not_before(at: float) -> float:
    """The first moment from this one on that `now` can tell: what is due at `at` is due then."""
    moment = round(at, 6)
    while moment < at:
        moment = round(math.nextafter(moment, math.inf) + 5e-7, 6)
    return moment
