"""What is asked and told about running attempts: whether they are still wanted, and what their heartbeats say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.journal import columns
from wf.sql import statements

if TYPE_CHECKING:
    from uuid import UUID

    from wf.attempt import Attempt
    from wf.database import Database


class Leases:
    """The leases of this process's attempts, as the journal has them.

    Args:
        database: Where the journal is.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._sql = database, statements()

    def wanted(self, attempts: list[Attempt]) -> set[UUID]:
        """The leases of those that somebody still wants. Changes nothing and waits for nobody."""
        params = columns([attempt.held for attempt in attempts])
        return {row[0] for row in self._database.read(self._sql["attempt_held"], params)}

    def tell(self, told: list[tuple[Attempt, bytes | None]]) -> set[UUID]:
        """Write what the heartbeats of several attempts told last.

        Returns:
            The leases of those for which it was written; what somebody else is just writing to must wait.
        """
        params = columns([attempt.held for attempt, _ in told]) | {"details": [details for _, details in told]}
        return {row[0] for row in self._database.rows(self._sql["details_tell"], params)}

    def keep(self, attempt: Attempt) -> None:
        """Write what the heartbeats of one attempt told last, if it is still ours."""
        key, generation, seq, lease = attempt.held
        params = {"key": key, "generation": generation, "seq": seq, "lease": lease, "details": attempt.details}
        self._database.rows(self._sql["details_keep"], params)

    def details(self, key: int, generation: int, seq: int) -> bytes | None:
        """What the heartbeats of a step's attempts told last, encoded."""
        params = {"key": key, "generation": generation, "seq": seq}
        found = self._database.read(self._sql["details_read"], params)
        return found[0][0] if found else None

    def has_ended_well(self, attempt: Attempt) -> bool:
        """Whether the journal holds the good end of an attempt, whose writing was not answered.

        Waits for a transaction that is still at work on the instance: while its COMMIT runs, it holds the row.
        """
        key, generation, seq, _ = attempt.held
        self._database.rows(self._sql["instance_settled"], {"key": key})
        params = {"key": key, "generation": generation, "seq": seq, "attempt": attempt.row.attempt}
        found = self._database.read(self._sql["attempt_ended"], params)
        return bool(found and found[0][0])
