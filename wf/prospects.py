"""What an action would come to: what somebody should know before they pause, terminate or restart an instance.

Nothing is changed here. `wf.steering` decides again when the wish is carried out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wf.errors import StepNotFound, WorkflowNotFound
from wf.lifecycle import offered
from wf.sql import statements
from wf.status import TERMINAL, Status

if TYPE_CHECKING:
    from datetime import datetime

    from wf.catalog import Catalog
    from wf.core import Key
    from wf.lifecycle import Action

SHOWN = 20
"""Steps that are named, of many."""

CHOICE = 200
"""Steps among which people choose."""

_ON_ITS_WAY = frozenset({Status.QUEUED, Status.RUNNING, Status.WAITING})


class Stand(NamedTuple):
    """Where an instance stands.

    Attributes:
        key: Its key in the journal.
        version: Its version.
        status: Its status.
        generation: How often it was restarted.
    """

    key: int
    version: str
    status: str
    generation: int

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.status in TERMINAL

    @property
    def offered(self) -> list[Action]:
        """The actions that would do something."""
        return offered(self.status)

    @property
    def mark(self) -> str:
        """What changes when other words are true of an action: its run, and its status if the words tell it apart.

        Whether it runs or waits makes no difference to them, and changes at every step.
        """
        phase = "ended" if self.ended else "live" if self.status in _ON_ITS_WAY else self.status
        return f"{self.generation}-{phase}"


class Named(NamedTuple):
    """A step, as people tell it from others."""

    kind: str
    name: str
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls
    status: str


class Waiting(NamedTuple):
    """A wait for an event.

    Attributes:
        type: Of the event.
        name: Its own name.
        count: Which of this name.
        until: Its deadline.
    """

    type: str
    name: str
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls
    until: datetime


class Room(NamedTuple):
    """What there is for a new instance.

    Attributes:
        limit: How many instances of its workflow may run at once; None for any number.
        free: Whether it would begin at once.
    """

    limit: int | None
    free: bool


class Several(NamedTuple):
    """Steps, of which the first few are named.

    Attributes:
        steps: Those.
        number: How many there are.
    """

    steps: list[Named]
    number: int


class Prospects:
    """Looks ahead.

    Args:
        catalog: Where instances are.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog, self._sql = catalog, statements()

    def look(self, workflow: str, id: str) -> Stand:
        """Where an instance stands.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        rows = self._catalog.database.read(self._sql["prospect_look"], {"workflow": workflow, "id": id})
        if not rows:
            raise self._catalog.missing(workflow, id)
        return Stand(*rows[0])

    def running(self, stand: Stand) -> Several:
        """The steps that run now: a pause lets them end, a termination cuts them off."""
        return self._several("prospect_running", stand, now=self._catalog.clock.override())

    def undone(self, stand: Stand) -> Several:
        """The steps that a rollback would undo: those that have begun and have a handler; the last one first."""
        return self._several("prospect_undone", stand)

    def steps(self, stand: Stand) -> list[Named]:
        """Steps from which it can be restarted, the newest first; `CHOICE` at most."""
        return [Named(*row) for row in self._rows("prospect_steps", stand, limit=CHOICE)]

    def failed(self, stand: Stand) -> Named | None:
        """The step that failed last, if the instance is errored and one did."""
        rows = self._rows("prospect_failed", stand) if stand.status == Status.ERRORED else []
        return Named(*rows[0]) if rows else None

    def step(self, stand: Stand, key: Key) -> Named:
        """One step from which it can be restarted.

        Raises:
            StepNotFound: Its history has no such step.
        """
        rows = self._rows("prospect_step", stand, kind=key.kind, name=key.name, count=key.count)
        if not rows:
            raise StepNotFound(key.name, key.count, key.kind)
        return Named(*rows[0])

    def waits(self, stand: Stand) -> list[Waiting]:
        """The waits for events that are open, in the order in which they were asked for; `CHOICE` at most."""
        return [Waiting(*row) for row in self._rows("prospect_waits", stand, limit=CHOICE)]

    def params(self, stand: Stand) -> bytes:
        """Its params, as they are stored; still sealed if no key here opens them."""
        return bytes(self._rows("prospect_params", stand)[0][0])

    def room(self, workflow: str) -> Room:
        """Whether a new instance would begin at once, if a worker is free.

        Raises:
            WorkflowNotFound: No worker has registered the workflow.
        """
        rows = self._catalog.database.read(self._sql["prospect_room"], {"workflow": workflow})
        if not rows:
            raise WorkflowNotFound(workflow, self._catalog.workflows())
        limit, free = rows[0]
        return Room(limit, limit is None or free)

    def _several(self, statement: str, stand: Stand, **more: Any) -> Several:
        rows = self._rows(statement, stand, limit=SHOWN, **more)
        return Several([Named(*row[:4]) for row in rows], rows[0][4] if rows else 0)

    def _rows(self, statement: str, stand: Stand, **more: Any) -> list[tuple[Any, ...]]:
        of = {"key": stand.key, "generation": stand.generation, **more}
        return self._catalog.database.read(self._sql[statement], of)
