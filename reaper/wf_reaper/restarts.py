"""Restart errored instances, as the policy of their workflow says.

When an instance ends in error, the worker that ends it knows the workflow's policy and notes in `restart_at` when the
reaper shall restart it, if at all. So the reaper needs no code of any workflow, and one instance that cannot be
restarted never stops the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from psycopg.types.json import Jsonb

from wf import crashpoints
from wf.dispatch import Nudge
from wf.errors import JournalUnavailable
from wf.leftovers import clear
from wf.logfields import speaking_of
from wf.sql import statements

if TYPE_CHECKING:
    from wf.database import Rows
    from wf_tasks.runtime import Runtime

BATCH = 100
"""Instances that one statement finds."""

log = structlog.get_logger("wf")


class Restarts:
    """Restarts what is due.

    Args:
        owner: The worker process's connections.
    """

    def __init__(self, owner: Runtime) -> None:
        self._owner = owner
        self._sql = statements()

    def run_once(self) -> int:
        """Restart errored instances whose time has come, in batches.

        Returns:
            How many were restarted.
        """
        restarted = failed = 0
        while True:
            due = self._due(failed)
            for row in due:
                try:
                    with speaking_of(workflow=row[1], instance=row[2]):
                        restarted += self._restart(row)
                except Exception as error:  # one poisoned row, of whatever kind, must not stop the others
                    if type(error) is JournalUnavailable:  # it is not the row: Postgres is away
                        raise
                    failed += 1
                    reason = f"{type(error).__name__}: {error}"
                    named = {"workflow": row[1], "instance": row[2], "generation": row[3]}
                    log.warning("instance not restarted; tried again next time", **named, reason=reason)
            if len(due) < BATCH:
                return restarted

    def _due(self, failed: int) -> Rows:
        params = {"limit": BATCH, "failed": failed, "now": self._owner.journal.clock.override()}
        return self._owner.database.read(self._sql["restart_due"], params)

    def _restart(self, row: tuple[Any, ...]) -> bool:
        key, workflow, id, generation, rev, restarts, from_start = row
        database, settings = self._owner.database, self._owner.settings
        detail = {"from": "start" if from_start else "failed", "restart": restarts + 1}
        params = {
            "key": key, "generation": generation, "rev": rev, "counted": 1, "from_seq": 0,
            "keep": "nothing" if from_start else "failed", "actor": "reaper",
            "detail": Jsonb(detail), "due_in": settings.renudge, "now": self._owner.journal.clock.override(),
        }  # fmt: skip
        rows = database.rows(self._sql["instance_restart"], params)
        if not rows:
            return False  # somebody else was quicker
        after, rev_after = rows[0]
        crashpoints.reached(crashpoints.REAPER_RESTARTED)
        self._owner.dispatcher.publish([Nudge(key, after, rev_after, workflow=workflow, id=id)])
        clear(database, key, after, rev_after)
        log.info("instance restarted", workflow=workflow, instance=id, generation=after, **detail)
        return True
