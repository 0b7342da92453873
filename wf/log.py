"""What a worker tells its log: every failed or lost attempt, and every instance that ends in error.

Successes are in the journal; a line for each would cost more than the step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from wf.core import Failed
from wf.faults import traceback_text
from wf.logfields import about
from wf.status import StepStatus

if TYPE_CHECKING:
    from wf.facts import InstanceRow, StepRow
    from wf.live import Live

log = structlog.get_logger("wf")


def log_failure(instance: InstanceRow, row: StepRow, error: BaseException) -> None:
    """An attempt has failed; the traceback is the author's own."""
    log.warning(
        "attempt failed",
        **about(instance, row),
        again=row.status is StepStatus.RETRYING,
        # As text: structlog's own rendering would show local variables, secrets and all.
        exception=traceback_text(error),
    )


def log_lost(instance: InstanceRow, row: StepRow, *, again: bool) -> None:
    """An attempt's lease has run out: its worker was killed, suspended, or cut off from Postgres."""
    log.warning("attempt lost with its worker", **about(instance, row), again=again)


def log_end(live: Live) -> None:
    """The instance has ended; said only if it failed."""
    if isinstance(live.replay.outcome, Failed):
        error = live.replay.outcome.error
        log.error(
            "instance errored",
            **about(live.instance),
            exception=traceback_text(error),
        )
