"""Nudges in the background: what requests want sent to the workers' queue goes there together, a moment later.

A nudge only says where to look (`wf.dispatch`), so no answer need wait for Redis: measured, a quarter of the cost of a
request that creates an instance, and all of its delay while Redis is away. If this process dies with nudges in its
memory the alarm makes up for them, as it does when a client dies between its commit and its nudge.
"""

from __future__ import annotations

import threading
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING

import structlog

from wf.dispatch import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wf.dispatch import Nudge
    from wf.settings import Settings

TOGETHER = 500
"""Requests whose nudges go to Redis in one command."""

WAITING_MAX = 10_000
"""Requests whose nudges wait while Redis is slow or away; those of more are left to the alarm at once."""

log = structlog.get_logger("wf")


class Nudging(Dispatcher):
    """A dispatcher that publishes on a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._waiting: Queue[Sequence[Nudge] | None] = Queue(WAITING_MAX)
        self._thread = threading.Thread(target=self._run, name="wf-nudging", daemon=True)
        self._thread.start()

    def publish(self, nudges: Sequence[Nudge]) -> bool:
        """Have nudges published soon.

        Returns:
            Whether they will be; else the alarm does it.
        """
        try:
            self._waiting.put_nowait(nudges)
        except Full:
            log.warning("nudges left to the alarm: too many wait for Redis", nudges=len(nudges))
            return False
        return True

    def flush(self) -> None:
        """Wait until all that was to be published is."""
        self._waiting.join()

    def close(self) -> None:
        """Publish what waits, and close the connection to Redis."""
        self._waiting.put(None)
        self._thread.join()
        super().close()

    def _run(self) -> None:
        while True:
            batch = self._next()
            try:
                super().publish([nudge for nudges in batch for nudge in nudges or ()])
            except Exception as error:  # this thread must outlive whatever a publish runs into
                log.warning("nudges not sent; the alarm will do it", reason=f"{type(error).__name__}: {error}")
            for _ in batch:
                self._waiting.task_done()
            if None in batch:
                return

    def _next(self) -> list[Sequence[Nudge] | None]:
        """What waits, at least one."""
        batch = [self._waiting.get()]
        while len(batch) < TOGETHER:
            try:
                batch.append(self._waiting.get_nowait())
            except Empty:
                break
        return batch
