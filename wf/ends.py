"""How attempts and instances end: what user code gave, as rows for the journal."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wf import divergence
from wf.codec import CodecError, decode, encode
from wf.core import Completed, Failed
from wf.divergence import storable
from wf.errors import PayloadTooLarge, SerializationError
from wf.facts import End
from wf.faults import encode_error
from wf.status import StepStatus

if TYPE_CHECKING:
    from wf.core import StepConfig
    from wf.facts import StepRow
    from wf.keywords import RestartPolicy
    from wf.live import Live


def succeeded(row: StepRow, config: StepConfig, value: Any, *, now: float, limit: int) -> StepRow:
    """The row of an attempt that gave a value; it fails at once if that cannot be stored.

    Args:
        row: As it was claimed.
        config: The step's.
        value: What the callback gave.
        now: Seconds since the epoch.
        limit: Most bytes of a result.
    """
    try:
        output = encode(value, what=f"The result of step {str(row.key)!r}", limit=limit)
        _check_readable(output)
    except (SerializationError, PayloadTooLarge) as error:
        return failed(row, config, error, now=now, final=True)  # the next attempt would give the same
    return replace(row, status=StepStatus.COMPLETE, output=output, ended_at=now, wake_at=None, lease=None)


def failed(row: StepRow, config: StepConfig, error: BaseException, *, now: float, final: bool = False) -> StepRow:
    """The row of an attempt that failed: to be retried, or an error for good.

    Args:
        row: As it was claimed.
        config: The step's.
        error: What went wrong.
        now: Seconds since the epoch.
        final: Whether another attempt is out of the question.
    """
    fault, tries = encode_error(error), row.attempt - row.lost
    if not final and tries <= config.limit and config.retries_error(error):
        delay = config.delay_after(tries, random.random())  # noqa: S311  # jitter needs no secrecy
        return replace(row, status=StepStatus.RETRYING, failure=fault, wake_at=now + delay, lease=None)
    return replace(row, status=StepStatus.ERRORED, failure=fault, error=fault, ended_at=now, wake_at=None, lease=None)


def end_of(live: Live, policy: RestartPolicy | None, *, now: float, limit: int) -> End:
    """How an instance whose `run` has ended goes into the journal.

    Args:
        live: The instance; an output that cannot be stored makes its outcome a failure.
        policy: Whether and when the reaper restarts it if it failed.
        now: Seconds since the epoch.
        limit: Most bytes of an output.
    """
    instance, end = live.instance, End(warnings=[*map(storable, live.replay.warnings), *divergence.warnings(live)])
    end.last_rev = live.last_rev
    outcome = live.replay.outcome
    if isinstance(outcome, Completed):
        try:
            end.output = encode(outcome.value, what=f"The output of instance {instance.id!r}", limit=limit)
            _check_readable(end.output)
        except (SerializationError, PayloadTooLarge) as error:
            outcome = live.replay.outcome = Failed(error)
    if isinstance(outcome, Failed):
        end.error = encode_error(outcome.error)
        if policy is not None:
            delay = policy.delay_for(outcome.error, instance.restarts)
            end.restart_at = None if delay is None else now + delay
            end.restart_from_start = policy.from_start
    return end


def _check_readable(data: bytes) -> None:
    """Refuse what could be written and not be read again, before it is in the journal for good."""
    try:
        decode(data)
    except CodecError as error:
        raise SerializationError("$", f"it could not be read back: {error}") from error
