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
"""A batch is never smaller than a fourth of the biggest one: lost nudges must be repeated soon, in any case."""

TICKS = 2
"""Ticks for which the feeder works: the next one comes to any worker, and late if all are busy."""

JOIN = 2.0
"""Seconds that a process which stops gives to a batch that is on its way: taken and not sent, it would come late."""

log = structlog.get_logger("wf")


class Pace:
    """How many nudges the queue may hold: as many as workers take in a moment, be their steps quick or slow.

    Args:
        most: No more than this.

    Attributes:
        size: Of a batch, now.
    """

    def __init__(self, most: int) -> None:
        self._most, self._least, self._since = most, -(-most // LEAST), 0.0
        self.size = most

    def at_tick(self, queued: int, now: float) -> int:
        """How many to wake at a tick: some, in any case, because sleepers must get on while new work never ends.

        Args:
            queued: What the queue holds.
            now: Seconds, on the journal's clock.
        """
        self._since = now
        return max(self.size - queued, self._least if queued < self._most else -(-self._least // LEAST))

    def between_ticks(self, queued: int, now: float) -> int:
        """How many to wake now: what fits when half of a batch is gone; if that takes too long, a small batch.

        Args:
            queued: What the queue holds.
            now: Seconds, on the journal's clock.
        """
        waited = now - self._since
        if queued > self.size // 2:
            if waited < SLOW:
                return 0
            self.size, self._since = max(self.size // 2, self._least), now
            return self._least if queued < self._most else 0  # others may fill the queue all the time
        if not queued or waited < FAST:
            self.size = min(self.size * 2, self._most)
        self._since = now
        return self.size - queued


class Feeder:
    """Goes on waking after a tick, in a thread of its own: no thread of the pool waits for room in the queue.

    Args:
        alarm: Wakes.
        tick: Seconds between two ticks of it.
    """

    def __init__(self, alarm: Alarm, tick: float) -> None:
        self._alarm, self._tick = alarm, tick
        self._until, self._lock, self._stopped = 0.0, threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def go_on(self) -> None:
        """Feed the queue for the next ticks."""
        with self._lock:
            self._until = time.monotonic() + self._tick * TICKS
            if self._thread is None and not self._stopped.is_set():
                thread = threading.Thread(target=self._run, name="wf-feeder", daemon=True)
                thread.start()  # if no more threads are to be had, the next tick tries again
                self._thread = thread

    def stop(self) -> None:
        """End the thread, when the batch that it has taken is sent."""
        with self._lock:
            self._stopped.set()
            thread = self._thread
        if thread is not None:
            thread.join(JOIN)

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
