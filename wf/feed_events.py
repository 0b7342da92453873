"""Events of the feed, told by rows of the journal. Nothing is written for them, so live and replayed are the same.

Every fact has a rev of its own, and what it tells has a fixed order; so an event's id is its rev times `PLACES`, plus
its place among all types. What a rev tells never changes: rows forget nothing that a feed has told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wf.answers import Answer
from wf.core import StepConfig
from wf.core.retry import DYNAMIC, hides_output
from wf.descriptions import error_answer, lost_answer
from wf.plain import legible
from wf.status import TERMINAL, Status, StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

PLACES = 16
"""Ids for the events of one rev."""

_PLACE = {
    "workflow_queued": 1, "workflow_started": 2, "workflow_running": 3,
    "step_started": 4, "sleep_started": 4, "wait_started": 4, "rollback_step_started": 4,
    "attempt_started": 5, "rollback_attempt_started": 5,
    "attempt_completed": 6, "attempt_errored": 6, "rollback_attempt_completed": 6, "rollback_attempt_errored": 6,
    "step_completed": 7, "step_errored": 7, "sleep_completed": 7, "wait_completed": 7, "wait_timed_out": 7,
    "rollback_step_completed": 7, "rollback_step_errored": 7,
    "workflow_waiting": 8, "workflow_waiting_for_pause": 8, "workflow_paused": 8, "rollback_started": 8,
    "rollback_completed": 9, "rollback_errored": 9,
    "workflow_completed": 15, "workflow_errored": 15, "workflow_terminated": 15,
}  # fmt: skip

EVENT_TYPES = tuple(_PLACE)
"""All types of events."""

_MOVED = {
    Status.QUEUED: "workflow_queued",
    Status.RUNNING: "workflow_running",
    Status.WAITING: "workflow_waiting",
    Status.WAITING_FOR_PAUSE: "workflow_waiting_for_pause",
    Status.PAUSED: "workflow_paused",
    Status.ROLLING_BACK: "rollback_started",
}
_REDACTED = "[REDACTED]"
_BAD_ENDS = ("_errored", "_timed_out")


class Standing(NamedTuple):
    """The instance, as the first columns of `feed_page` have it. Times are seconds since the epoch.

    Attributes:
        upto: The last rev of this page.
        next_seq: The first step row of which a later page may have something to tell.
        renewed: Whether its creation is not to be told, because it began anew since, or because it has been told.
    """

    generation: int
    rev: int
    status: str
    started_rev: int | None
    upto: int
    next_seq: int
    renewed: bool
    created_at: float
    started_at: float | None
    ended_at: float | None
    params: bytes | None
    output: bytes | None
    error: bytes | None
    rollback: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        """Whether the instance has ended, and this page tells it."""
        return self.status in TERMINAL and self.upto == self.rev


class Fact(NamedTuple):
    """A row of a step, of an attempt that failed or was lost, or of a change of status: the rest of `feed_page`."""

    source: str
    kind: str
    name: str
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody calls
    status: str
    attempt: int
    config: dict[str, Any] | None
    output: bytes | None
    error: bytes | None
    worker: str | None
    started_rev: int | None
    attempt_rev: int | None
    rev: int
    started_at: float | None
    attempt_at: float | None
    ended_at: float | None
    retry_at: float | None


class Telling:
    """Tells the events of one page.

    Args:
        id: The instance's.
        after: Only events with a greater id.
        types: Only events of these types.
        read: How to read stored values; what it cannot read is shown as `wf.plain.legible` can.
    """

    def __init__(self, id: str, after: int, types: Collection[str], read: Callable[[bytes], Any]) -> None:
        self._id, self._after, self._types, self._read = id, after, types, read
        self._upto = 0
        self._found: dict[int, Answer] = {}  # by id: two rows may tell of the same thing

    def tell(self, standing: Standing, facts: list[Fact]) -> list[Answer]:
        """The events of a page, in the order of their ids."""
        self._upto, self._found = standing.upto, {}
        self._instance(standing)
        for fact in facts:
            getattr(self, f"_{fact.source}")(fact)
        return [self._found[id] for id in sorted(self._found)]

    def _add(self, type: str, rev: int | None, at: float | None, **fields: Any) -> None:
        if rev is None or at is None or type not in self._types:
            return
        event_id = rev * PLACES + _PLACE[type]
        if self._after < event_id and rev <= self._upto:
            told = {name: value() if callable(value) else value for name, value in fields.items()}
            self._found[event_id] = Answer(
                instanceId=self._id, eventId=event_id, timestamp=round(at * 1000), type=type, **told
            )

    def _value(self, data: bytes | None) -> Any:
        return None if data is None else legible(data, self._read)

    # What each kind of row tells.

    def _instance(self, of: Standing) -> None:
        if not of.renewed:
            self._add("workflow_queued", 0, of.created_at)
        self._add("workflow_started", of.started_rev, of.started_at, params=lambda: self._value(of.params))
        self._add("workflow_running", of.started_rev, of.started_at)
        if not of.ended:
            return
        if of.rollback is not None:
            outcome = "completed" if of.rollback["outcome"] == "complete" else "errored"
            self._add(f"rollback_{outcome}", of.rev, of.ended_at)
        if of.status == Status.COMPLETE:
            self._add("workflow_completed", of.rev, of.ended_at, output=lambda: self._value(of.output))
        elif of.status == Status.ERRORED:
            self._add("workflow_errored", of.rev, of.ended_at, error=lambda: _error(of.error))
        else:
            self._add("workflow_terminated", of.rev, of.ended_at)

    def _transition(self, fact: Fact) -> None:
        self._add(_MOVED[Status(fact.status)], fact.rev, fact.ended_at)

    def _step(self, fact: Fact) -> None:
        name, config = f"{fact.name}-{fact.count}", fact.config or {}
        match fact.kind:
            case "do" | "rollback":
                self._run(fact, name, "rollback_" if fact.kind == "rollback" else "")
            case "waitForEvent":
                self._add("wait_started", fact.started_rev, fact.started_at, stepName=name, eventType=config["type"])
                self._end(fact, "wait_completed", {})
                self._end(fact, "wait_timed_out", {})
            case "sleep" | "timer":
                duration = round(config.get("duration", config.get("timeout", 0.0)) * 1000)
                self._add("sleep_started", fact.started_rev, fact.started_at, stepName=name, durationMs=duration)
                self._end(fact, "sleep_completed", {})
            case _:  # of a newer release: whatever it is, it is none of the above
                pass

    def _run(self, fact: Fact, name: str, prefix: str) -> None:
        self._add(
            f"{prefix}step_started", fact.started_rev, fact.started_at, stepName=name, config=lambda: _config(fact)
        )
        # Else a row of its own tells of the last attempt; of a cancelled one it does unless it was cut off.
        if fact.status in (StepStatus.RUNNING, StepStatus.COMPLETE, StepStatus.CANCELLED):
            self._add(
                f"{prefix}attempt_started", fact.attempt_rev, fact.attempt_at, stepName=name, attempt=fact.attempt
            )
        if fact.status == StepStatus.COMPLETE and fact.attempt_rev is not None:
            self._add(f"{prefix}attempt_completed", fact.rev, fact.ended_at, stepName=name, attempt=fact.attempt)
        if prefix:
            self._end(fact, f"{prefix}step_completed", {})
            self._end(fact, f"{prefix}step_errored", {"error": lambda: _error(fact.error)})
        else:
            self._end(fact, "step_completed", {"output": lambda: self._output(fact)})
            self._end(fact, "step_errored", {})

    def _end(self, fact: Fact, type: str, fields: dict[str, Any]) -> None:
        """How a step ended, if it ended this way; a cancelled one ends silently."""
        if fact.status == (StepStatus.ERRORED if type.endswith(_BAD_ENDS) else StepStatus.COMPLETE):
            self._add(type, fact.rev, fact.ended_at, stepName=f"{fact.name}-{fact.count}", **fields)

    def _attempt(self, fact: Fact) -> None:
        prefix = "rollback_" if fact.kind == "rollback" else ""
        of: dict[str, Any] = {"stepName": f"{fact.name}-{fact.count}", "attempt": fact.attempt}
        self._add(f"{prefix}attempt_started", fact.attempt_rev, fact.attempt_at, **of)
        of["error"] = lambda: _told(lost_answer(fact.worker)) if fact.status == "lost" else _error(fact.error)
        if fact.retry_at is not None and fact.ended_at is not None:
            of["retryDelayMs"] = max(round((fact.retry_at - fact.ended_at) * 1000), 0)
        self._add(f"{prefix}attempt_errored", fact.rev, fact.ended_at, **of)

    def _output(self, fact: Fact) -> Any:
        return _REDACTED if hides_output(fact.config) else self._value(fact.output)


def _config(fact: Fact) -> dict[str, Any]:
    config = StepConfig.shown(fact.config)
    return config | {"retries": {"delay": DYNAMIC} | config.get("retries", {})}


def _error(data: bytes | None) -> Answer | None:
    found = error_answer(data)
    return None if found is None else _told(found)


def _told(error: Answer) -> Answer:
    return Answer(name=error["name"], message=error["message"])
