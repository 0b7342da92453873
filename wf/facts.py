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


class InstanceRow(NamedTuple):
    """The hot row of an instance."""

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


class PendingEvent(NamedTuple):
    """An accepted event that no wait has taken yet."""

    id: int
    type: str
    payload: bytes
    accepted_at: float


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


class Loaded(NamedTuple):
    """What `load` found.

    Attributes:
        instance: The hot row.
        rows: The step rows that changed, in the order of their facts.
        params: The encoded parameters, if no step has a row yet; else they are read apart.
    """

    instance: InstanceRow
    rows: list[StepRow]
    params: bytes | None


@dataclass(slots=True)
class End:
    """How an instance ends."""

    output: bytes | None = None
    error: bytes | None = None
    warnings: list[str] = field(default_factory=list)
    restart_at: float | None = None
    restart_from_start: bool = False
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
    keep_from: float | None
    """A due_at between this and `due_at` may stay: an early look costs less than rewriting an index."""
    rows: list[StepRow] = field(default_factory=list)
    events: list[tuple[int, int]] = field(default_factory=list)
    """Event id and seq of the wait that took it."""
    end: End | None = None
