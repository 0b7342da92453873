"""Schedules: each firing creates one instance, whoever looks at the clock, and however often.

The alarm runs this, so workers stand in for beat here, too. An instance's id is made of the cron expression and the
time of the firing, and one statement both creates it and moves the schedule on: twice at once, the second changes
nothing. After downtime the firings that were missed come to one, the latest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from psycopg.types.json import Jsonb

from wf import crashpoints
from wf.codec import encode
from wf.crons import latest_firing, next_firing
from wf.dispatch import Nudge
from wf.errors import JournalUnavailable
from wf.sql import statements

if TYPE_CHECKING:
    from wf.database import Rows
    from wf.dispatch import Dispatcher
    from wf.journal import Journal
    from wf.settings import Settings

BATCH = 100
"""Schedules that one statement finds."""

log = structlog.get_logger("wf")


class Schedules:
    """Fires what is due.

    Args:
        settings: How soon to nudge again.
        journal: Whose database, and whose time.
        dispatcher: Publishes the nudges.
    """

    def __init__(self, settings: Settings, journal: Journal, dispatcher: Dispatcher) -> None:
        self._settings, self._journal, self._dispatcher = settings, journal, dispatcher
        self._sql = statements()
        self._told: set[tuple[str, str, str]] = set()

    def run_once(self) -> int:
        """Fire every schedule whose time has come, each once.

        Returns:
            How many instances were created.
        """
        nudges: list[Nudge] = []
        try:
            self._fire_due(nudges)
            if nudges:
                crashpoints.reached(crashpoints.SCHEDULE_FIRED)
        finally:
            self._dispatcher.publish(nudges)
        return len(nudges)

    def _fire_due(self, nudges: list[Nudge]) -> None:
        skipped = 0
        while True:
            due = self._due(skipped)
            for row in due:
                try:
                    nudges += self._fire(row)
                except Exception as error:  # one poisoned schedule, of whatever kind, must not stop the others
                    if type(error) is JournalUnavailable:
                        raise  # it would be the same with the others
                    skipped += 1
                    self._tell(row[0], row[1], f"{type(error).__name__}: {error}")
            if len(due) < BATCH:
                return

    def _due(self, skipped: int) -> Rows:
        params = {"limit": BATCH, "skipped": skipped, "now": self._journal.clock.override()}
        return self._journal.database.read(self._sql["schedule_due"], params)

    def _fire(self, row: tuple[Any, ...]) -> list[Nudge]:
        """The nudge for the instance of a firing, if it was this call that created it."""
        workflow, cron, was, now = row
        scheduled = max(latest_firing(cron, now), was.timestamp())
        milliseconds = round(scheduled * 1000)
        id = f"{cron}-{milliseconds}"
        params = {
            "workflow": workflow, "cron": cron, "id": id, "was": was, "scheduled": scheduled,
            "next_at": next_firing(cron, now), "params": encode({}, what="The payload"),
            "schedule": Jsonb({"cron": cron, "scheduledTime": milliseconds}),
            "due_in": self._settings.renudge, "now": self._journal.clock.override(),
        }  # fmt: skip
        rows = self._journal.database.rows(self._sql["schedule_fire"], params)
        if not rows:
            return []  # somebody else was quicker
        key, known = rows[0]
        if not known:
            self._tell(workflow, cron, "no worker has registered the workflow")
        return [Nudge(key, 1, 0, workflow=workflow, id=id)] if key is not None else []

    def _tell(self, workflow: str, cron: str, reason: str) -> None:
        """Say once in a process what would be true at every tick."""
        if (told := (workflow, cron, reason)) not in self._told:
            self._told.add(told)
            log.error("schedule not fired; it is tried again", workflow=workflow, cron=cron, reason=reason)
