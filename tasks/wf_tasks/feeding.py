"""How a crowd is fed to the queue: in batches that are worked off in a moment, and on from one tick to the next."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from wf_tasks.alarm import Alarm

LOOK = 0.02
"""Seconds between two looks whether the queue has room, while more is due than it takes."""

FAST, SLOW = 0.05, 0.2
"""Seconds in which half of a batch is worked off: if less, the batch is too small for the workers; if more, too big."""

LEAST = 4
"""A tick wakes a fourth of a batch though the queue is full: sleepers must get on while new work never ends."""

SHARE = 0.9
"""Of a tick, that the feeder works after it: the next tick comes to any worker, and two feeders would feed twice."""

log = structlog.get_logger("wf")


class Pace:
    """How many nudges the queue may hold: as many as workers take in a moment, be their steps quick or slow.

    Args:
        most: No more than this.

    Attributes:
        size: Of a batch, now.
    """

    def __init__(self, most: int) -> None:
        self._most, self._since = most, 0.0
        self.size = most

    def at_tick(self, queued: int, now: float) -> int:
        """How many to wake at a tick: at least a fourth of a batch.

        Args:
            queued: What the queue holds.
            now: Seconds, on the process's monotonic clock.
        """
        self._since = now
        return max(self.size - queued, -(-self.size // LEAST))

    def between_ticks(self, queued: int, now: float) -> int:
        """How many to wake now; none while more than half of a batch is in the queue.

        Args:
            queued: What the queue holds.
            now: Seconds, on the process's monotonic clock.
        """
        if queued > self.size // 2:
            if now > self._since + SLOW:
                self.size, self._since = max(self.size // 2, 1), now
            return 0
        if now < self._since + FAST:
            self.size = min(self.size * 2, self._most)
        self._since = now
        return self.size - queued


class Feeder:
    """Goes on waking until the next tick, in a thread of its own: no thread of the pool waits for room in the queue.

    Args:
        alarm: Wakes.
        tick: Seconds between two ticks of it.
    """

    def __init__(self, alarm: Alarm, tick: float) -> None:
        self._alarm, self._tick = alarm, tick
        self._until, self._lock, self._stopped = 0.0, threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def go_on(self) -> None:
        """Feed the queue until the next tick is about to come."""
        with self._lock:
            self._until = time.monotonic() + self._tick * SHARE
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name="wf-feeder", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def _run(self) -> None:
        while self._goes_on():
            try:
                self._alarm.wake_more()
            except Exception as error:  # the next tick tries again, and tells if it is worse than a moment's trouble
                log.warning("the alarm is behind", reason=f"{type(error).__name__}: {error}")
                self._stopped.wait(self._tick)

    def _goes_on(self) -> bool:
        """Wait for the next look; False when the time is over, and then another thread may begin."""
        stopped = self._stopped.wait(LOOK)
        with self._lock:
            if stopped or time.monotonic() >= self._until:
                self._thread = None
                return False
        return True
