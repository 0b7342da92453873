"""What the runner of a job holds: the job, how far it has come, and whether it may still move the next instance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from wf.job_actions import JobAction
from wf.steering import Standing, Steering

if TYPE_CHECKING:
    from datetime import datetime

    from wf.filters import Filter


DELETES = frozenset({JobAction.DELETE, JobAction.DELETE_WORKFLOW})


class Passed(Exception):
    """There is nothing to do with an instance: it is gone, or the job has moved it already."""


class Lost(Exception):
    """The job is this runner's no more: it was cancelled, or another runner has taken it over."""


@dataclass
class Job:
    """A job that a runner holds.

    Attributes:
        after: All instances up to this key have had their turn.
        upto: The last key that is meant.
        lease_until: The end of the lease, and the fence.
        handed_over: Whether somebody shall go on with it at once.
    """

    id: int
    workflow: str
    action: JobAction
    filter: Filter
    options: dict[str, Any]
    by: str
    errors: list[dict[str, str]]
    after: int
    upto: int
    lease_until: datetime
    handed_over: bool = False

    @property
    def actor(self) -> str:
        """For the audit: which job, and who started it."""
        return f"job:{self.id}:{self.by}"

    @property
    def fence(self) -> dict[str, Any]:
        """What proves that the job is this runner's."""
        return {"job": self.id, "lease_until": self.lease_until, "actor": self.actor}


class Turn(NamedTuple):
    """An instance whose turn it is."""

    key: int
    id: str


@dataclass
class Progress:
    """What became of a batch.

    Attributes:
        after: All instances up to this key have had their turn.
        pause: Seconds to wait before the next one; None if there is no reason to.
    """

    after: int
    done: int = 0
    failed: int = 0
    errors: list[dict[str, str]] = field(default_factory=list)
    pause: float | None = None


class FencedSteering(Steering):
    """Moves an instance only if that is the one that is meant, and the job's still to move."""

    def for_turn(self, job: Job, turn: Turn) -> None:
        """Say which instance is looked at next."""
        self._job, self._turn = job, turn

    def look(self, workflow: str, id: str) -> Standing:
        """Where the instance stands.

        Raises:
            Lost: The job is not this runner's.
            Passed: The instance is gone, or has been moved by this job. What is there has not been deleted: if the job
                has deleted one of this id, it has been created again.
        """
        values = self._job.fence | {"workflow": workflow, "id": id, "key": self._turn.key}
        rows = self._catalog.database.rows(self._sql["job_look"], values)
        if not rows:
            raise Lost
        *standing, moved = rows[0]
        if standing[0] is None or (moved and self._job.action not in DELETES):
            raise Passed
        return Standing(*standing)
