"""What can be done without user code: rows for what `run` asks, and an end for what is due.

The rules of waits stand here: an event that was accepted before the deadline goes to the wait that was asked for
first, the oldest event first; what is due is resolved in the order of its time, one at a time, because what `run` does
next may depend on it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from wf.commits import ROWS_MAX
from wf.core import Kind
from wf.errors import WorkerLostError, WorkflowTimeoutError
from wf.faults import encode_error
from wf.rows import envelope, new_row
from wf.status import STEP_ENDED, StepStatus

if TYPE_CHECKING:
    from wf.core import Request
    from wf.facts import PendingEvent, StepRow
    from wf.live import Live
    from wf.rollback import Undoing


class _Due(NamedTuple):
    """Something that may be resolved without user code."""

    at: float
    seq: int
    row: StepRow
    event: PendingEvent | None


def settle(live: Live, now: float) -> bool:
    """Write down what `run` asks for, and resolve what is due, until nothing more happens.

    Returns:
        Whether that is all; if not, there is more than fits into one commit.
    """
    if live.undoing is not None:
        return _settle_rollback(live, live.undoing, now)
    while live.replay.outcome is None:
        if len(live.rows.changes) >= ROWS_MAX:
            return False
        requests = live.replay.requests()
        if not requests:
            live.replay.fail_stuck()
            break
        if not _register(live, requests, now):
            return False
        due = _next_due(live, requests, now)
        if due is None:
            break
        _resolve(live, due, now)
    return True


def _settle_rollback(live: Live, undoing: Undoing, now: float) -> bool:
    while (row := undoing.next(live.rows.get, live.rows.seq + 1, now)) is not None:
        live.rows.seq = max(live.rows.seq, row.seq)
        live.end_attempt(row)
    return True


def _register(live: Live, requests: list[Request], now: float) -> bool:
    """Give every request a row; False if there are too many for one commit."""
    rows, wanted = live.rows, set()
    for request in requests:
        wanted.add(request.key)
        if rows.get(request.key) is None:
            if len(rows.changes) >= ROWS_MAX:
                return False
            rows.seq += 1
            rows.change(new_row(request, rows.seq, now))
    for key in rows.keys:
        row = rows.get(key)
        withdrawn = key not in wanted and live.replay.asked(key)
        if withdrawn and row is not None and row.status not in STEP_ENDED and row.status is not StepStatus.RUNNING:
            rows.change(replace(row, status=StepStatus.CANCELLED, ended_at=now, wake_at=None))
    return True


def _next_due(live: Live, requests: list[Request], now: float) -> _Due | None:
    """The first thing that is due: by its time, then by the order in which it was asked for."""
    spoken_for: set[int] = set()
    found: list[_Due] = []
    for request in requests:
        row = live.rows.get(request.key)
        if row is None:
            continue
        if request.key.kind is Kind.DO:
            if row.status is StepStatus.RETRYING and row.lost and live.gives_up(row):
                found.append(_Due(now, row.seq, row, None))
            continue
        assert row.wake_at is not None, "sleeps, timers and waits have a wake_at"
        waits = request.event_type and not request.at_once
        event = _event_for(live, request.event_type, row.wake_at, spoken_for) if waits else None
        if event is not None:
            spoken_for.add(event.id)
            found.append(_Due(event.accepted_at, row.seq, row, event))
        elif row.wake_at <= now or request.at_once:
            found.append(_Due(min(row.wake_at, now), row.seq, row, None))
    return min(found, key=lambda due: due[:2], default=None)


def _event_for(live: Live, type: str, deadline: float, spoken_for: set[int]) -> PendingEvent | None:
    for event in live.inbox or ():
        if event.type == type and event.accepted_at < deadline and event.id not in spoken_for:
            return event
    return None


def _resolve(live: Live, due: _Due, now: float) -> None:
    row = replace(due.row, status=StepStatus.COMPLETE, ended_at=now)
    if due.event is not None:
        live.take(due.event, row.seq)
        row.output = envelope(due.event)
    elif row.key.kind is Kind.WAIT:
        row.status = StepStatus.ERRORED
        config = row.config or {}
        late = WorkflowTimeoutError(config.get("timeout", 0.0), f"the wait {row.key} for {config.get('type')!r}")
        row.error = encode_error(late)
    elif row.key.kind is Kind.DO:
        row.status, row.wake_at = StepStatus.ERRORED, None
        row.error = encode_error(WorkerLostError(row.key.name, row.lost))
    live.end_attempt(row)
