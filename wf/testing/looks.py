"""What the testing API reads in the journal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from wf.sql import statements
from wf.status import Status

if TYPE_CHECKING:
    from wf.database import Database
    from wf.testing.changes import Selected


class Standing(NamedTuple):
    """Where an instance stands."""

    key: int
    status: str
    generation: int
    rev: int
    has_begun: bool


class StepLook(NamedTuple):
    """How far a step has come."""

    status: str
    output: bytes | None
    error: bytes | None
    config: dict[str, Any] | None


class Looks:
    """Reads the journal of a test.

    Args:
        database: Where.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._sql = database, statements()

    def instance(self, workflow: str, id: str) -> Standing | None:
        """Where an instance stands; None if there is none."""
        found = self._database.read(self._sql["testing_instance"], {"workflow": workflow, "id": id})
        return Standing(*found[0]) if found else None

    def passed(self, standing: Standing, status: str, since: int) -> bool:
        """Whether an instance has come by a status after a fact of it; one that has begun has been running."""
        if status == Status.RUNNING:
            return standing.has_begun
        params = {"key": standing.key, "rev": since, "status": status}
        return bool(self._database.read(self._sql["testing_passed"], params)[0][0])

    def step(self, key: int, step: Selected) -> StepLook | None:
        """How far a `do` step has come; None if it has not been asked for."""
        params = {"key": key, "name": step.name, "count": step.index}
        found = self._database.read(self._sql["testing_step"], params)
        return StepLook(*found[0]) if found else None

    def open(self, key: int, now: float) -> list[str]:
        """What an instance waits for, in words."""
        return [_words(row, now) for row in self._database.read(self._sql["testing_open"], {"key": key})]

    def created(self, workflow: str, after: int) -> list[str]:
        """The ids of the instances of a workflow that were created after this one."""
        found = self._database.read(self._sql["testing_created"], {"workflow": workflow, "after": after})
        return [id for _, id in found]

    def newest(self) -> int:
        """The key of the last instance that was created."""
        return int(self._database.read(self._sql["testing_newest"], {})[0][0])


def _words(row: tuple[Any, ...], now: float) -> str:
    kind, name, count, status, wake_at, type = row
    when = "" if wake_at is None else f" until {datetime.fromtimestamp(wake_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    left = "" if wake_at is None else f", in {max(wake_at - now, 0):.0f} s"
    match kind, status:
        case "waitForEvent", _:
            return f"an event of type {type!r} in {name!r} ({count}){when}{left}"
        case "do", "retrying":
            return f"the next attempt of step {name!r} ({count}){when}{left}"
        case "do", _:
            return f"step {name!r} ({count}), which is {status}"
        case _:
            return f"the end of {name!r} ({count}){when}{left}"
