"""Suspended passes that a worker keeps for the next nudge: only a cache, and bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wf.live import Live


class Passes:
    """The instances that this process has replayed and will be asked for again soon.

    Parallel steps of one instance need a pass each, so there may be several of one instance.

    Args:
        size: Passes to keep at most; those that were not used for longest go first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[int, list[Live]] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._count

    def take(self, key: int) -> Live | None:
        """A pass of the instance, for this thread alone; None if there is none."""
        with self._lock:
            lives = self._kept.get(key)
            if not lives:
                return None
            live = lives.pop()
            self._count -= 1
            if not lives:
                del self._kept[key]
            return live

    def keep(self, live: Live) -> None:
        """Keep a pass that its thread is done with."""
        dropped = []
        with self._lock:
            self._kept.setdefault(live.instance.key, []).append(live)
            self._kept.move_to_end(live.instance.key)
            self._count += 1
            while self._count > self._size:
                key, lives = next(iter(self._kept.items()))
                dropped.append(lives.pop(0))
                self._count -= 1
                if not lives:
                    del self._kept[key]
        for one in dropped:
            one.replay.evict()

    def clear(self) -> None:
        """Throw all away."""
        with self._lock:
            dropped = [live for lives in self._kept.values() for live in lives]
            self._kept.clear()
            self._count = 0
        for one in dropped:
            one.replay.evict()
