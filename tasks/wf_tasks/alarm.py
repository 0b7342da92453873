"""The alarm: nudge every instance whose `due_at` has come, and fire the schedules.

A tick carries no state. Twice at once: the second finds nothing. Died between commit and publish: the instances are
due again a little later. Not at all: any worker notices and runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from wf import crashpoints
from wf.dispatch import Nudge
from wf.errors import JournalUnavailable
from wf.slots import Slots
from wf_tasks.schedules import Schedules

if TYPE_CHECKING:
    from wf.dispatch import Dispatcher
    from wf.journal import Journal
    from wf.settings import Settings

log = structlog.get_logger("wf")

AHEAD = 1.5
"""Ticks to look ahead; what is due by then is published with a countdown, so that it wakes on time."""


class Alarm:
    """Wakes instances.

    Args:
        settings: Tick, batch size and how soon to nudge again.
        journal: Knows what is due.
        dispatcher: Publishes the nudges.
    """

    def __init__(self, settings: Settings, journal: Journal, dispatcher: Dispatcher) -> None:
        self._settings, self._journal, self._dispatcher = settings, journal, dispatcher
        self._slots = Slots(journal.database, journal.clock, dispatcher)
        self._schedules = Schedules(settings, journal, dispatcher)

    def run_once(self) -> int:
        """Wake what is due, give free slots to those who wait for them, then fire the schedules.

        Returns:
            How many instances were nudged because they were due.
        """
        self._journal.ticked()
        woken = self.wake()
        self._grant()
        self._schedules.run_once()
        return woken

    def _grant(self) -> None:
        """Give slots that are free to instances that wait for them: whoever should have done it may be gone."""
        for workflow in self._slots.ungranted(idle=self._settings.lease):
            try:
                self._slots.grant(workflow, due_in=self._settings.renudge)
            except Exception as error:  # one poisoned workflow must not hold up the others, nor the schedules
                if type(error) is JournalUnavailable:  # it is not the workflow: Postgres is away
                    raise
                log.warning("slots not given", workflow=workflow, reason=f"{type(error).__name__}: {error}")

    def wake(self) -> int:
        """Wake what is due; how many instances were nudged."""
        settings, woken = self._settings, 0
        while True:
            wakes = self._journal.due(
                ahead=settings.alarm_tick * AHEAD, limit=settings.alarm_batch, renudge=settings.renudge
            )
            if wakes:
                crashpoints.reached(crashpoints.ALARM_WOKE)
            published = self._dispatcher.publish(
                [
                    Nudge(wake.key, wake.generation, wake.rev, -1, wake.delay, workflow=wake.workflow, id=wake.id)
                    for wake in wakes
                ]
            )
            if not published:  # Redis is away: look again at the next tick, without backing off
                self._journal.undue(wakes, due_in=settings.alarm_tick)
                return woken
            woken += len(wakes)
            if len(wakes) < settings.alarm_batch:
                return woken
