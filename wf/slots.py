"""Slots: how many instances of a workflow may run at once, who gets the next one, and who waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.dispatch import Nudge
from wf.facts import Wake
from wf.sql import statements
from wf.status import SLOTTED, Status

if TYPE_CHECKING:
    from wf.clock import Clock
    from wf.database import Database
    from wf.dispatch import Dispatcher
    from wf.facts import InstanceRow

LOOK = 3600.0
"""Seconds between two looks at an instance that waits for a slot: whoever gives one nudges it, as the alarm does."""


RELEASED = 500
"""Instances that one statement lets go on when nothing limits their workflow any more."""


class Slots:
    """The slots of all workflows that have a limit of concurrency.

    Args:
        database: Where.
        clock: Whose time.
        dispatcher: Nudges whoever gets a slot.
    """

    def __init__(self, database: Database, clock: Clock, dispatcher: Dispatcher) -> None:
        self._database, self._clock, self._dispatcher = database, clock, dispatcher
        self._sql = statements()

    def take(self, instance: InstanceRow) -> bool:
        """A slot for an instance: its own, or a free one that nobody waits for.

        Returns:
            Whether it has one now.
        """
        params = {"key": instance.key, "workflow": instance.workflow, "now": self._clock.override()}
        return bool(self._database.rows(self._sql["slot_take"], params))

    def wait(self, instance: InstanceRow) -> None:
        """Queue an instance until it is given a slot."""
        params = {"key": instance.key, "rev": instance.rev, "due_in": LOOK, "now": self._clock.override()}
        self._database.rows(self._sql["slot_wait"], params)

    def grant(self, workflow: str, *, due_in: float) -> None:
        """Give free slots to those who have waited longest, and nudge them.

        Args:
            workflow: Whose slots.
            due_in: Seconds until the alarm looks at them, if the nudge is lost.
        """
        params = {"workflow": workflow, "due_in": due_in, "now": self._clock.override()}
        self._wake("slot_grant", params)

    def adjust(self, workflow: str, *, due_in: float) -> None:
        """Make the slots as many as may run now, and let those go on who have waited longest.

        Args:
            workflow: Whose slots.
            due_in: As for `grant`.
        """
        params = {"workflow": workflow, "due_in": due_in, "limit": RELEASED, "now": self._clock.override()}
        while self._wake("slot_release", params) == RELEASED:
            pass
        self._database.rows(self._sql["slot_sync"], {"workflow": workflow, "now": self._clock.override()})
        self.grant(workflow, due_in=due_in)

    def _wake(self, statement: str, params: dict[str, Any]) -> int:
        """Nudge whom a statement lets go on; how many it were."""
        wakes = [Wake(*row) for row in self._database.rows(self._sql[statement], params)]
        self._dispatcher.publish([Nudge(w.key, w.generation, w.rev, workflow=w.workflow, id=w.id) for w in wakes])
        return len(wakes)

    def ungranted(self, *, idle: float) -> list[str]:
        """Workflows with a free slot and somebody who waits for one.

        Args:
            idle: Seconds after which a slot is given back that is held by an instance which does not run.
        """
        idle_statuses = [*sorted(set(Status) - SLOTTED), "gone"]
        params = {"idle": idle, "idle_statuses": idle_statuses, "now": self._clock.override()}
        return [row[0] for row in self._database.rows(self._sql["slot_sweep"], params)]
