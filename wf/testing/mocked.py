"""Mocked events: each is sent, as a real one, when a wait is open for it and nothing else is on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wf.sql import statements

if TYPE_CHECKING:
    from wf.database import Database
    from wf.testing.stage import Stage

PREFIX = "mocked-"
"""Of the ids of such events."""


class Owed(NamedTuple):
    """An event to send now."""

    workflow: str
    id: str
    event_id: str
    type: str
    payload: Any


class MockedEvents:
    """Knows which mocked events an instance is owed.

    A restart removes the events of the waits that it forgets from the journal, so that these are owed again; those of
    waits that are kept stay there, and are not.

    Args:
        database: The journal.
        stage: What tests want.
    """

    def __init__(self, database: Database, stage: Stage) -> None:
        self._database, self._stage, self._sql = database, stage, statements()

    def owed(self, key: int) -> list[Owed]:
        """What an instance is owed, now that it has been moved on as far as it can."""
        if (instance := self._stage.expecting(key)) is None:
            return []
        changes = self._stage.changes(instance.workflow, instance.id, key)
        found = self._database.rows(self._sql["testing_owed"], {"key": key, "prefix": PREFIX})
        owed = []
        for type, had in found:
            payloads = changes.events.get(type, ())
            if had < len(payloads):
                event_id = f"{PREFIX}{type}-{had + 1}-{instance.generation}"
                owed.append(Owed(instance.workflow, instance.id, event_id, type, payloads[had]))
        return owed
