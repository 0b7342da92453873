"""Which workflows may run only so many instances at once, whoever has said so: their class, or operators over it.

A class tells what it declares; what operators set is in the journal. Every step of every instance would have to ask
there, so a worker process looks now and then for all workflows together, and what is set is obeyed a moment later.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from wf.sql import statements

if TYPE_CHECKING:
    from wf.database import Database

EVERY = 2.0
"""Seconds between two looks."""


class Limited:
    """The workflows that have a limit of concurrency by what is in force.

    Args:
        database: Where.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._sql = database, statements()
        self._names: frozenset[str] = frozenset()
        self._looked_at: float | None = None
        self._lock = threading.Lock()

    def __contains__(self, workflow: str) -> bool:
        """Whether a workflow has one.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        if self._is_old():
            with self._lock:
                if self._is_old():  # nobody else has looked while we waited for them
                    self._names = frozenset(name for (name,) in self._database.read(self._sql["slot_limited"], {}))
                    self._looked_at = time.monotonic()
        return workflow in self._names

    def _is_old(self) -> bool:
        return self._looked_at is None or time.monotonic() > self._looked_at + EVERY
