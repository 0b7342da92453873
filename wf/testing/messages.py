"""The messages of one engine in a test: nudges taken as a worker takes them, and those that are for later."""

from __future__ import annotations

import heapq
import json
import threading
from itertools import count
from typing import TYPE_CHECKING, Any

from wf.dispatch import Dispatcher, Nudge, connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wf.clock import Clock
    from wf.settings import Settings

STOP = b"stop"
"""A message that ends the worker that takes it."""


class Messages(Dispatcher):
    """Publishes nudges, and takes them.

    A message that was taken stays in a list of its own until it is `done`, so that there is no moment at which an
    instance is on its way and nobody sees it. What has a countdown waits here, on the clock of the test.

    Args:
        settings: Name the queue.
        clock: Whose time counts for countdowns.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings)
        self._clock, self._settings = clock, settings
        self._taken = f"{self._key}:taken"
        self._later: list[tuple[float, int, Nudge]] = []
        self._numbers, self._lock = count(), threading.Lock()

    def publish(self, nudges: Sequence[Nudge]) -> bool:
        """Push the nudges, and keep those that are for later."""
        with self._lock:
            for nudge in nudges:
                if nudge.delay > 0:
                    at = round(self._clock.now() + nudge.delay, 6)  # as exact as the clock
                    heapq.heappush(self._later, (at, next(self._numbers), nudge))
        return super().publish([nudge for nudge in nudges if nudge.delay <= 0])

    def taker(self) -> Taker:
        """A connection of its own from which one thread takes messages."""
        return Taker(self._settings, self._key, self._taken)

    def stop(self, takers: int) -> None:
        """End so many takers."""
        if takers:
            self._redis.rpush(self._key, *[STOP] * takers)  # before all that waits

    def pending(self) -> int:
        """Messages that wait or are at work."""
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.llen(self._key)
            pipe.llen(self._taken)
            return sum(pipe.execute())

    def next_at(self) -> float | None:
        """When the first of those for later is due."""
        with self._lock:
            return self._later[0][0] if self._later else None

    def release(self) -> None:
        """Push what is due by now."""
        due = []
        with self._lock:
            while self._later and self._later[0][0] <= self._clock.now():
                due.append(heapq.heappop(self._later)[2])
        super().publish([Nudge(n.key, n.generation, n.rev, n.seq, workflow=n.workflow, id=n.id) for n in due])

    def close(self) -> None:
        """Stay open: runtimes close the dispatcher that they were given, and this one outlives them."""

    def shut(self) -> None:
        """Close the connections."""
        super().close()

    def clear(self) -> None:
        """Throw everything away that belongs to these settings."""
        with self._lock:
            self._later.clear()
        keys = list(self._redis.scan_iter(f"{self._settings.key_prefix}*", count=1000))
        if keys:
            self._redis.delete(*keys)


class Taker:
    """Takes messages, one at a time."""

    def __init__(self, settings: Settings, queue: str, taken: str) -> None:
        # Whoever waits for a message must wait longer than for an answer.
        self._redis = connect(settings.model_copy(update={"redis_timeout": 60.0}))
        self._queue, self._taken_key = queue, taken
        self._held: Any = None

    def take(self) -> Nudge | None:
        """Wait for a message and take it; None means stop."""
        while True:
            self._held = self._redis.blmove(self._queue, self._taken_key, 30, "RIGHT", "LEFT")
            if self._held == STOP:
                self.done()
                return None
            if self._held is not None:
                return _nudge(self._held)

    def try_take(self) -> Nudge | None:
        """Take a message if there is one."""
        self._held = self._redis.lmove(self._queue, self._taken_key, "RIGHT", "LEFT")
        return None if self._held is None else _nudge(self._held)

    def done(self) -> None:
        """What was taken has had its effect."""
        self._redis.lrem(self._taken_key, 1, self._held)

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()


def _nudge(message: bytes) -> Nudge:
    """The nudge in a message, as the Celery task would be called with it."""
    return Nudge(*json.loads(json.loads(message)["body"])[0])
