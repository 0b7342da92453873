"""The alarm: nudge every instance whose `due_at` has come, and fire the schedules.

A tick carries no state. Twice at once: the second finds nothing. Died between commit and publish: the instances are
due again a little later. Not at all: any worker notices and runs it.

Whatever is due at one moment, be it a hundred thousand sleepers, the queue gets a small batch at a time, and the next
one when that is worked off (`wf_tasks.feeding`): new work waits behind one batch, not behind all of them. Half of each
are those that have waited longest, the other half those that are due since just now: a lease that ends, or a sleeper of
another workflow, does not wait for the crowd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from wf import crashpoints
from wf.dispatch import Nudge
from wf.errors import BrokerUnavailable, JournalUnavailable
from wf.slots import Slots
from wf_tasks.feeding import Pace
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

    Attributes:
        is_behind: Whether there may be more to wake at once than the last batch held; not while Redis is away.
    """

    def __init__(self, settings: Settings, journal: Journal, dispatcher: Dispatcher) -> None:
        self._settings, self._journal, self._dispatcher = settings, journal, dispatcher
        self._slots = Slots(journal.database, journal.clock, dispatcher)
        self._schedules = Schedules(settings, journal, dispatcher)
        self._pace = Pace(settings.alarm_batch)
        self.is_behind = False

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
        """Wake what is due or will be before the next tick, a batch at most; how many instances were nudged."""
        try:
            room = self._pace.at_tick(self._dispatcher.queued(), self._journal.clock.now())
        except BrokerUnavailable as error:  # nobody could be nudged: all stay due
            log.warning("nobody woken; the next tick tries again", reason=str(error))
            self.is_behind = False
            return 0
        return self._wake(room, ahead=self._settings.alarm_tick * AHEAD)

    def wake_more(self) -> int:
        """Wake what is due by now, if half of the last batch is worked off; how many instances were nudged."""
        room = self._pace.between_ticks(self._dispatcher.queued(), self._journal.clock.now())
        # Nothing is looked at ahead: what has a countdown takes no room in the queue, so that nothing would bound it.
        return self._wake(room, ahead=0.0) if room else 0

    def _wake(self, limit: int, *, ahead: float) -> int:
        wakes = self._journal.due(ahead=ahead, limit=limit, latest=limit // 2, renudge=self._settings.renudge)
        self.is_behind = len(wakes) == limit
        if wakes:
            crashpoints.reached(crashpoints.ALARM_WOKE)
        published = self._dispatcher.publish(
            [
                Nudge(wake.key, wake.generation, wake.rev, -1, wake.delay, workflow=wake.workflow, id=wake.id)
                for wake in wakes
            ]
        )
        if not published:  # Redis is away: look again at the next tick, without backing off
            self._journal.undue(wakes, due_in=self._settings.alarm_tick)
            self.is_behind = False
            return 0
        return len(wakes)
