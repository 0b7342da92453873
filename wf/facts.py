"""What the journal holds and what is written into it: rows, events, and commits. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from uuid import UUID

    from wf.core import Key
    from wf.status import StepStatus


@dataclass(slots=True)
class StepRow:
    """A row of the journal. Times are seconds since the epoch on the database's clock."""

    seq: int
    key: Key
    status: StepStatus
    rev: int = 0
    config: dict[str, Any] | None = None
    attempt: int = 0
    lost: int = 0
    lease: UUID | None = None
    wake_at: float | None = None
    ended_at: float | None = None
    output: bytes | None = None
    error: bytes | None = None
    failure: bytes | None = None
    """Error of an attempt that failed in this commit."""
    failed_at: float | None = None
    """When it failed."""


class InstanceRow(NamedTuple):
    """The hot row of an instance; and whether its workflow may run only so many at once, whoever has said so."""

    key: int
    workflow: str
    id: str
    version: str
    status: str
    generation: int
    rev: int
    seq: int
    inbox: int
    restarts: int
    due_at: float | None
    created_at: float
    started_at: float | None
    size: int
    ends_as: str | None
    limited: bool = False


class PendingEvent(NamedTuple):
    """An accepted event that no wait has taken yet.

    `entry` is what stands for it in the mailbox, if that is known.
    """

    id: int
    type: str
    payload: bytes
    accepted_at: float
    entry: bytes | None = None


class Wake(NamedTuple):
    """An instance that the alarm found due.

    `delay` is in seconds, 0 if it is overdue.
    """

    key: int
    generation: int
    rev: int
    workflow: str
    id: str
    delay: float


class Given(NamedTuple):
    """What `run` is handed, as it is stored.

    Attributes:
        params: The encoded parameters.
        schedule: The firing that created the instance: `cron`, and `scheduledTime` in milliseconds since the epoch.
        seed: What its random numbers come from; another one after a restart from the start.
    """

    params: bytes
    schedule: dict[str, Any] | None
    seed: UUID


class Loaded(NamedTuple):
    """What `load` found.

    Attributes:
        instance: The hot row.
        rows: The step rows that changed, in the order of their facts.
        given: What `run` is handed, if no step has a row yet; else it is read apart.
    """

    instance: InstanceRow
    rows: list[StepRow]
    given: Given | None


@dataclass(slots=True)
class End:
    """How an instance ends."""

    output: bytes | None = None
    error: bytes | None = None
    warnings: list[str] = field(default_factory=list)
    restart_at: float | None = None
    restart_from_start: bool = False
    rollback: dict[str, Any] | None = None
    """What the rollback came to that has just ended."""
    rolls_back: bool = False
    """Whether a rollback is to come first; then it is not the end yet."""
    last_rev: int | None = None
    """The fact after which `run` ended; what was journaled later had no part in it."""


@dataclass(slots=True)
class Commit:
    """All that changes between two revs of an instance."""

    key: int
    generation: int
    rev: int
    rev_after: int
    seq: int
    status: str
    at: float
    due_at: float | None
    started_at: float | None = field(default=None, kw_only=True)
    """When `run` began, as its pass tells the time; the journal keeps the first one."""
    keep_from: float | None
    """A due_at between this and `due_at` may stay: an early look costs less than rewriting an index."""
    moves: bool = False
    """Whether the status changes in a way that the feed is to be told."""
    rows: list[StepRow] = field(default_factory=list)
    events: list[tuple[int, int]] = field(default_factory=list)
    """Event id and seq of the wait that took it."""
    end: End | None = None
    frees_slot: bool = False
    """Whether the slot of the instance, if its workflow has such, is free again."""
    keep: float | None = None
    """Seconds to keep the instance after this end, unless it has a time of its own."""

    @property
    def begins(self) -> bool:
        """Whether `run` has begun when this is written: a commit without a fact only changes when to look again."""
        return self.rev_after > self.rev or (self.end is not None and not self.end.rolls_back)

    @property
    def size(self) -> int:
        """Bytes of results that it adds."""
        return sum(len(row.output) for row in self.rows if row.output is not None)
