"""How attempts and instances end: what user code gave, as rows for the journal."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog

from wf import divergence
from wf.codec import CodecError, decode, encode
from wf.core import Completed, Failed
from wf.divergence import storable
from wf.errors import NonRetryableDelayError, PayloadTooLarge, SerializationError, StateLimitError
from wf.facts import End
from wf.faults import encode_error
from wf.restart_policy import RestartPolicy
from wf.status import StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import StepConfig
    from wf.facts import StepRow
    from wf.live import Live

log = structlog.get_logger("wf")


def succeeded(
    row: StepRow, config: StepConfig, value: Any, *, now: float, limit: int, held: int, state: int
) -> StepRow:
    """The row of an attempt that gave a value; it fails at once if that cannot be stored.

    Args:
        row: As it was claimed.
        config: The step's.
        value: What the callback gave.
        now: Seconds since the epoch.
        limit: Most bytes of a result.
        held: Bytes of the instance's results so far.
        state: Most bytes of all of them.
    """
    try:
        output = encode(value, what=f"The result of step {str(row.key)!r}", limit=limit)
        _check_readable(output)
    except (SerializationError, PayloadTooLarge) as error:
        return failed(row, config, error, now=now, final=True)  # the next attempt would give the same
    if held + len(output) > state:
        return no_room(row, config, len(output), now=now, state=state)
    return replace(row, status=StepStatus.COMPLETE, output=output, ended_at=now, wake_at=None, lease=None)


def no_room(row: StepRow, config: StepConfig, size: int, *, now: float, state: int) -> StepRow:
    """The row of an attempt whose result is too much beside the others of its instance: failed for good.

    Args:
        row: As it was claimed.
        config: The step's.
        size: Bytes of the result.
        now: Seconds since the epoch.
        state: Most bytes of all results.
    """
    return failed(row, config, StateLimitError(str(row.key), size, state), now=now, final=True)


def failed(
    row: StepRow,
    config: StepConfig,
    error: BaseException,
    *,
    now: float,
    final: bool = False,
    delay: Callable[[BaseException], float] | None = None,
) -> StepRow:
    """The row of an attempt that failed: to be retried, or an error for good.

    Args:
        row: As it was claimed.
        config: The step's.
        error: What went wrong.
        now: Seconds since the epoch.
        final: Whether another attempt is out of the question.
        delay: Asks the author's delay function; only asked if another attempt follows. If it gives no delay, the step
            fails with what it raises, and the attempt keeps its own error.
    """
    fault, tries = encode_error(error), row.attempt - row.lost
    verdict = fault
    if not final and tries <= config.limit and config.retries_error(error):
        try:
            base = None if delay is None else delay(error)
        except NonRetryableDelayError as refusal:
            verdict = encode_error(refusal)
        else:
            wake_at = now + config.delay_after(tries, random.random(), base)  # noqa: S311  # jitter needs no secrecy
            return replace(row, status=StepStatus.RETRYING, failure=fault, failed_at=now, wake_at=wake_at, lease=None)
    return replace(
        row, status=StepStatus.ERRORED, failure=fault, failed_at=now, error=verdict, ended_at=now, wake_at=None,
        lease=None,
    )  # fmt: skip


def end_of(live: Live, limit: int) -> End:
    """How an instance whose `run` has ended goes into the journal.

    Args:
        live: The instance; an output that cannot be stored makes its outcome a failure.
        limit: Most bytes of an output.
    """
    warnings = [*map(storable, live.replay.warnings), *divergence.warnings(live)]
    end = End(warnings=warnings, last_rev=live.last_rev)
    outcome = live.replay.outcome
    if isinstance(outcome, Completed):
        try:
            end.output = encode(outcome.value, what=f"The output of instance {live.instance.id!r}", limit=limit)
            _check_readable(end.output)
        except (SerializationError, PayloadTooLarge) as error:
            outcome = live.replay.outcome = Failed(error)
    if isinstance(outcome, Failed):
        end.error = encode_error(outcome.error)
    return end


def plan_restart(end: End, live: Live, policy: RestartPolicy | None, now: float) -> None:
    """Note when the reaper shall restart an instance that has failed, if at all.

    Args:
        end: Where it is noted.
        live: The instance.
        policy: The one in force for its workflow.
        now: Seconds since the epoch.
    """
    if policy is None or not isinstance(live.replay.outcome, Failed):
        return
    delay = policy.delay_for(live.replay.outcome.error, live.instance.restarts)
    end.restart_at = None if delay is None else now + delay
    end.restart_from_start = policy.from_start or live.undoing is not None  # what was undone has to be done again


def policy_in_force(workflow: str, declared: RestartPolicy | None, over: str | None) -> RestartPolicy | None:
    """The policy that counts: what operators have set, else what the class declares.

    What is set and cannot be read is left aside, and logged: it must not keep an instance from ending.

    Args:
        workflow: Whose policy it is.
        declared: What the class says, if there is a class and it says something.
        over: What is set over it, as JSON text; None if nothing is.
    """
    try:
        found = None if over is None else json.loads(over)
        return declared if found is None else RestartPolicy.parse(workflow, found)
    except (ValueError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        log.warning("what is set for restarts cannot be read; the class counts", workflow=workflow, reason=reason)
        return declared


def _check_readable(data: bytes) -> None:
    """Refuse what could be written and not be read again, before it is in the journal for good."""
    try:
        decode(data)
    except CodecError as error:
        raise SerializationError("$", f"it could not be read back: {error}") from error
