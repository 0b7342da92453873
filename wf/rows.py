"""Between rows of the journal and what replay understands: results out of rows, rows out of requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from wf.codec import CodecError, decode, encode
from wf.core import Kind, Result, StepConfig
from wf.core.history import ReceivedEvent
from wf.facts import StepRow
from wf.faults import decode_error
from wf.status import StepStatus
from wf.views import shown

if TYPE_CHECKING:
    from wf.core import Request
    from wf.facts import PendingEvent


def result_of(row: StepRow) -> Result:
    """What `run` is fed for a row that has ended.

    Raises:
        CodecError: It cannot be read.
    """
    try:
        if row.error is not None:
            return Result(row.key, row.ended_at or 0.0, error=decode_error(row.error))
        return Result(row.key, row.ended_at or 0.0, _value(row))
    except CodecError as error:
        raise CodecError(f"{'Output' if row.error is None else 'Error'} of step {str(row.key)!r}: {error}") from error


def config_of(row: StepRow) -> StepConfig:
    """How a step is retried, as the journal holds it.

    Raises:
        CodecError: It cannot be read.
    """
    try:
        return StepConfig.load(row.config or {})
    except ValueError as error:
        raise CodecError(f"Config of step {str(row.key)!r}: {error}") from error


def _value(row: StepRow) -> Any:
    if row.output is None:
        return None
    value = shown(decode(row.output))
    return ReceivedEvent(value) if row.key.kind is Kind.WAIT else value


def envelope(event: PendingEvent) -> bytes:
    """What a wait gives for the event that it took, encoded.

    Raises:
        CodecError: Its payload cannot be read.
    """
    try:
        payload = decode(event.payload)
    except CodecError as error:
        raise CodecError(f"Payload of event {event.id} of type {event.type!r}: {error}") from error
    timestamp = datetime.fromtimestamp(event.accepted_at, UTC)
    return encode({"payload": payload, "timestamp": timestamp, "type": event.type})


def new_row(request: Request, seq: int, now: float) -> StepRow:
    """The row of something that `run` asks for the first time, at `now`."""
    row = StepRow(seq, request.key, StepStatus.WAITING)
    match request.key.kind:
        case Kind.DO | Kind.ROLLBACK:
            row.status = StepStatus.READY
            row.config = (request.config.dump() if request.config else None) or None
        case Kind.SLEEP | Kind.TIMER:
            row.wake_at = request.until.timestamp() if request.until is not None else now + request.delay
            row.config = {"timeout" if request.times_out else "duration": round(max(row.wake_at - now, 0.0), 6)}
        case Kind.WAIT:
            row.wake_at = now + request.delay
            row.config = {"type": request.event_type, "timeout": request.delay}
    return row
