"""Remove instances that have ended long enough ago, whose ids are free again, jobs, and old counts.

How long is long enough was decided when an instance ended: its own word, else its workflow's, else the settings'.
Jobs are kept for a month; what they did stays in the audit. Counts over time are kept the longer the coarser they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from wf.errors import JournalUnavailable
from wf.leftovers import shed
from wf.sql import statements

if TYPE_CHECKING:
    from wf.database import Rows
    from wf_tasks.runtime import Runtime

BATCH = 200
"""Instances or jobs that one statement removes."""

COUNTS = 1_000
"""Stretches of counts that one statement removes."""

COUNTS_KEPT = {60: 6 * 3600.0, 600: 2 * 86_400.0, 3600: 8 * 86_400.0, 21_600: 35 * 86_400.0}
"""For how many seconds counts are kept, by the seconds of their stretch: longer than any chart looks back."""

JOB_DAYS = 30
"""Days for which a job that has ended is kept."""

log = structlog.get_logger("wf")


class Retention:
    """Removes what has expired.

    Args:
        owner: The worker process's connections.
    """

    def __init__(self, owner: Runtime) -> None:
        self._owner = owner
        self._sql = statements()

    def run_once(self) -> int:
        """Remove old jobs and expired instances in batches, until none is left but those that cannot be removed now.

        Returns:
            How many instances were removed.
        """
        self._forget_jobs()
        self._forget_counts()
        removed = left = 0
        while True:
            due = self._due(left)
            gone = self._remove(due)
            removed += gone
            left += len(due) - gone
            if len(due) < BATCH:
                if removed:
                    log.info("expired instances removed", instances=removed)
                return removed

    def _forget_jobs(self) -> None:
        params = {"limit": BATCH, "days": JOB_DAYS, "now": self._owner.journal.clock.override()}
        while len(self._owner.database.rows(self._sql["retention_jobs"], params)) == BATCH:
            pass

    def _forget_counts(self) -> None:
        spans, kept = list(COUNTS_KEPT), list(COUNTS_KEPT.values())
        params = {"limit": COUNTS, "spans": spans, "kept": kept, "now": self._owner.journal.clock.override()}
        while len(self._owner.database.rows(self._sql["metric_forget"], params)) == COUNTS:
            pass

    def _due(self, left: int) -> Rows:
        params = {"limit": BATCH, "skipped": left, "now": self._owner.journal.clock.override()}
        return self._owner.database.read(self._sql["retention_due"], params)

    def _remove(self, due: Rows) -> int:
        """Remove these, or one by one if one of them is poisoned; how many it were."""
        try:
            return self._expire([key for key, _, _ in due])
        except Exception as error:  # one poisoned row, of whatever kind, must not stop the others
            if type(error) is JournalUnavailable:
                raise  # it would be the same with each of them
            reason = f"{type(error).__name__}: {error}"
            if len(due) > 1:
                log.warning("expired instances are removed one by one", instances=len(due), reason=reason)
                return sum(self._remove([row]) for row in due)
            _, workflow, id = due[0]
            log.warning(
                "expired instance not removed; tried again next time", workflow=workflow, instance=id, reason=reason
            )
            return 0

    def _expire(self, keys: list[int]) -> int:
        params = {"keys": keys, "now": self._owner.journal.clock.override()}
        shed(self._owner.database, "retention_lines", params)
        gone = [row[0] for row in self._owner.database.rows(self._sql["retention_expire"], params)] if keys else []
        self._owner.mailbox.forget(*gone)
        if gone:
            self._owner.database.rows(self._sql["lines_forget"], {"keys": gone})
        return len(gone)
