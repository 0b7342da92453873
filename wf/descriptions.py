"""What `describe()` answers: rows of the journal, put together for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from wf.answers import Answer
from wf.codec import CodecError
from wf.core import Kind, StepConfig
from wf.core.retry import hides_output
from wf.faults import summary
from wf.status import STEP_ENDED, TERMINAL, Status, StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    Rows = list[tuple[Any, ...]]

TRUNCATED = "[truncated output]"
"""Stands for an output that is too big to be shown, or for the rest of it."""

EVERYTHING = 2**31 - 1
CHARACTERS_MAX = 1_000_000
"""Of one output, over an API; the route of the step gives all of it."""

_WIDTH, _SLACK = 8, 16_384  # bytes as which a character of an output may be stored, and more for all of it


class Extent(NamedTuple):
    """How much of an instance a description holds; what is beyond it is not even read.

    Attributes:
        characters: Of one output that somebody wants to show. A text stands for one that has more for certain.
        total: Bytes of all outputs and errors of steps, and of all attempts: beyond that the oldest are left out.
        attempts: Failed attempts of each step; the newest ones.
        steps: Whether steps are wanted at all.
    """

    characters: int = EVERYTHING
    total: int = EVERYTHING * 10_000
    attempts: int = EVERYTHING
    steps: bool = True

    @property
    def output_bytes(self) -> int:
        """Bytes of one output, as it is stored, that may be worth reading."""
        return min(self.characters * _WIDTH + _SLACK, EVERYTHING)


ALL = Extent()


def to_show(characters: int, *, steps: bool = True) -> Extent:
    """As much as people look at, and as one process can hold for many of them at once."""
    return Extent(characters, total=16 * 2**20, attempts=20, steps=steps)


class Totals(NamedTuple):
    """What `step_totals` gives."""

    steps: int
    wake_at: datetime | None
    retries: int
    recoveries: int


_STEP_TYPES = {"do": "step", "sleep": "sleep", "waitForEvent": "waitForEvent", "timer": "sleep", "rollback": "rollback"}
_LOST = "The worker {} was lost in the middle of this attempt (killed, out of memory, or cut off from Postgres)."
_UNTOLD = {"name": "Error", "message": "[truncated error]", "traceback": ""}
"""Stands for an error beyond the extent of a description."""


def description(
    row: dict[str, Any], totals: Totals, steps: Rows, attempts: Rows, read: Callable[[bytes], Any]
) -> Answer:
    """Everything about an instance.

    Args:
        row: What `instance_read` gives, by name.
        totals: Of all steps and attempts, however many of them are shown.
        steps: What `step_list` gives.
        attempts: What `attempt_list` gives.
        read: How to read stored values.
    """
    shown = step_entries(steps, attempts, read)
    if row["status"] == Status.TERMINATED:
        shown.append(_termination(row))
    ended = row["status"] in TERMINAL
    return Answer(
        id=row["id"], workflow=row["workflow"], status=row["status"], params=read(row["params"]),
        trigger={"source": row["trigger"]}, schedule=None if row["schedule"] is None else Answer(row["schedule"]),
        versionId=row["version"], queued=row["created_at"],
        start=row["started_at"], end=row["ended_at"], success=row["status"] == Status.COMPLETE if ended else None,
        error=error_answer(row["error"]), output=read(row["output"]) if row["output"] is not None else None,
        rollback=rollback_answer(row["rollback"]), stepCount=totals.steps, steps=shown,
        generation=row["generation"], restarts=row["restarts"], rev=row["rev"],
        nextWake=row["restart_at"] if ended else totals.wake_at,
        dueAt=row["due_at"], restartAt=row["restart_at"], expireAt=row["expire_at"], warnings=row["warnings"] or [],
        retries=totals.retries, recoveries=totals.recoveries,
    )  # fmt: skip


def step_entries(steps: Rows, attempts: Rows, read: Callable[[bytes], Any]) -> list[Answer]:
    """What is told of each step: of those that `step_list` gives, or `steps_of`."""
    tried = _attempts(attempts)
    return [_step(values, tried, read) for values in steps]


def outlines(entries: list[Answer]) -> list[Answer]:
    """The same without what may be long: enough to draw them."""
    for entry in entries:
        for name in ("config", "output", "error", "heartbeat"):
            del entry[name]
        for attempt in entry.attempts:
            del attempt["error"]
    return entries


def shortened(output: Any, limit: int) -> Any:
    """An output, or the beginning of its text if that is longer than so many characters."""
    text = json.dumps(output, ensure_ascii=False)
    return output if len(text) <= limit else text[:limit] + TRUNCATED


def _attempts(rows: Rows) -> dict[int, list[Answer]]:
    """The failed and lost attempts of each step, by its seq."""
    found: dict[int, list[Answer]] = {}
    for seq, number, outcome, error, worker, start, end, retry_at, rev in rows:
        found.setdefault(seq, []).append(
            Answer(
                attempt=number,
                start=start,
                end=end,
                success=False,
                outcome=outcome,
                error=lost_answer(worker) if outcome == "lost" else error_answer(error),
                worker=worker,
                retryAt=retry_at,
                rev=rev,
            )
        )
    return found


def _step(values: tuple[Any, ...], attempts: dict[int, list[Answer]], read: Callable[[bytes], Any]) -> Answer:
    seq, kind, name, count, status, config, attempt, lost, worker, output, cut, error, hushed, details, *times = values
    wake_at, start, attempt_at, end, rev = times
    tried = list(attempts.get(seq, []))
    if status in (StepStatus.RUNNING, StepStatus.COMPLETE) and attempt > (tried[-1].attempt if tried else 0):
        done = status == StepStatus.COMPLETE
        tried.append(
            Answer(
                attempt=attempt,
                start=attempt_at,
                end=end,
                success=True if done else None,
                outcome="complete" if done else "running",
                error=None,
                worker=worker,
                retryAt=None,
                rev=rev,
            )
        )
    config = StepConfig.shown(config) if kind in (Kind.DO, Kind.ROLLBACK) else _plain(config)
    hidden = config.get("sensitive") == "output"

    def shown(data: bytes | None) -> Any:
        return None if data is None else "[REDACTED]" if hidden else read(data)

    ended = status in STEP_ENDED
    type = _STEP_TYPES.get(kind, kind)  # a newer release may know other kinds
    finished = {"finished": ended} if type in ("sleep", "waitForEvent") else {}
    return Answer(
        seq=seq, name=f"{name}-{count}", type=type, status=status, start=start, end=end,
        success=status == StepStatus.COMPLETE if ended else None, config=config, attempt=attempt, lost=lost,
        output=TRUNCATED if cut and not hidden else shown(output),
        error=Answer(_UNTOLD) if hushed else error_answer(error), heartbeat=shown(details),
        eventType=config.get("type") if kind == "waitForEvent" else None, attempts=tried,
        wakeAt=None if ended or status == StepStatus.RUNNING else wake_at, worker=worker, **finished,
    )  # fmt: skip


def step_answer(row: tuple[Any, ...], attempt: int | None, read: Callable[[bytes], Any]) -> Answer:
    """All that a step gave, or one of its attempts.

    Args:
        row: What `step_read` gives.
        attempt: Which attempt; None means the last one.
        read: How to read stored values.
    """
    status, config, last, output, error, outcome, failure = row
    hidden, config = hides_output(config), _plain(config)
    if attempt not in (None, last) or status == StepStatus.RETRYING:  # then it is the attempt's failure that tells
        output, error = None, failure
    told = {StepStatus.READY: "running", StepStatus.RETRYING: "running", StepStatus.CANCELLED: "errored"}
    shown = str(told.get(status, status)) if attempt in (None, last) else "errored"
    if outcome == "lost":
        found: Answer | None = Answer(name="WorkerLostError", message="The worker was lost in the middle of it.")
    elif status == StepStatus.CANCELLED and error is None:
        found = Answer(name="Cancelled", message="The instance ended first, or `run` no longer wanted it.")
    else:
        found = error_answer(error)
    answer = Answer(
        status=shown, output=None if output is None else "[REDACTED]" if hidden else read(output), error=found
    )
    return answer if "type" not in config else Answer(answer, event_type=config["type"])


def _plain(config: Any) -> dict[str, Any]:
    """What the journal holds for a sleep or a wait; what cannot be understood is shown as it is."""
    return config if isinstance(config, dict) else {} if config is None else {"unreadable": config}


def _termination(row: dict[str, Any]) -> Answer:
    """The last entry of an instance that was terminated: by whom, in the baseline's words."""
    at, source = row["ended_at"], source_of(row["terminated_by"])
    return Answer(
        seq=None, name="termination", type="termination", status=StepStatus.COMPLETE, start=at, end=at, success=True,
        config={}, attempt=0, lost=0, output=None, error=None, eventType=None, attempts=[], wakeAt=None, worker=None,
        heartbeat=None, trigger={"source": source},
    )  # fmt: skip


def source_of(actor: str | None) -> str:
    """Where a wish came from, by who is in the audit for it: `api:<token>` is the API, as the command line is."""
    kind = (actor or "unknown").partition(":")[0]
    return {"client": "binding", "cli": "api"}.get(kind, kind)


def rollback_answer(found: dict[str, Any] | None) -> Answer | None:
    """What people see of a rollback that has ended."""
    if found is None:
        return None
    return Answer(outcome=found["outcome"], error=None if found["error"] is None else Answer(found["error"]))


def error_answer(data: bytes | None) -> Answer | None:
    """What people see of a stored error."""
    if data is None:
        return None
    try:
        found = summary(data)
    except CodecError as error:  # whoever looks at an instance shall see the rest of it
        return Answer(name="CodecError", message=str(error), traceback="")
    return Answer(name=found.name, message=found.message, traceback=found.traceback)


def lost_answer(worker: str | None) -> Answer:
    """What people see in place of the error that a lost attempt has not come to."""
    return Answer(name="WorkerLostError", message=_LOST.format(worker), traceback="")
