"""Restart errored instances, as the policy of their workflow says.

When an instance ends in error, the worker that ends it knows the workflow's policy and notes in `restart_at` when the
reaper shall restart it, if at all. So the reaper needs no code of any workflow, and one instance that cannot be
restarted never stops the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from psycopg.types.json import Jsonb

from wf.dispatch import Nudge
from wf.errors import WfError
from wf.sql import statements

if TYPE_CHECKING:
    from wf_tasks.runtime import Runtime

BATCH = 100
"""Instances restarted in one sweep; the next sweep takes the next ones."""

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
        """Restart errored instances whose time has come.

        Returns:
            How many were restarted.
        """
        database, now = self._owner.database, self._owner.journal.clock.override()
        restarted = 0
        for key, workflow, id, generation, restarts, from_start in database.read(
            self._sql["restart_due"], {"limit": BATCH, "now": now}
        ):
            try:
                restarted += self._restart(key, workflow, id, generation, restarts, from_start=from_start)
            except WfError as error:
                log.warning(
                    "instance not restarted; tried again next time", workflow=workflow, id=id, reason=str(error)
                )
        return restarted

    def _restart(self, key: int, workflow: str, id: str, generation: int, restarts: int, *, from_start: bool) -> bool:
        database, settings = self._owner.database, self._owner.settings
        detail = {"from": "start" if from_start else "failed", "restart": restarts + 1}
        params = {
            "key": key, "generation": generation, "counted": 1, "keep": not from_start, "actor": "reaper",
            "detail": Jsonb(detail), "due_in": settings.renudge, "now": self._owner.journal.clock.override(),
        }  # fmt: skip
        rows = database.rows(self._sql["instance_restart"], params)
        if not rows:
            return False  # somebody else was quicker
        after, rev = rows[0]
        database.rows(self._sql["restart_forget"], {"key": key, "generation": after})
        self._owner.dispatcher.publish([Nudge(key, after, rev, workflow=workflow, id=id)])
        log.info("instance restarted", workflow=workflow, id=id, **detail)
        return True
