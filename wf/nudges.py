"""Which nudges follow a commit: what the alarm would find too, only later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.dispatch import Nudge
from wf.status import StepStatus
from wf.waking import countdown_for, next_wake

if TYPE_CHECKING:
    from wf.facts import InstanceRow, StepRow
    from wf.live import Live
    from wf.settings import Settings


def nudges_after(live: Live, cause: Nudge, claimed: StepRow | None, now: float, settings: Settings) -> list[Nudge]:
    """One for each row that the last commits opened, once.

    Args:
        live: The instance, after a commit; its fresh rows are taken.
        cause: What brought the worker here. If it is the alarm's, earlier nudges may be lost: all are sent again.
        claimed: The step that the worker runs itself.
        now: Seconds since the epoch.
        settings: How far messages reach.
    """
    rows, live.fresh = live.fresh, []
    by_alarm = cause.seq < 0
    if by_alarm:
        rows = [*(row for row in live.run_rows() if row.status is StepStatus.READY), *rows]
    if (soonest := next_wake(live.open_rows())) is not None and (by_alarm or soonest.seq == cause.seq):
        rows.append(soonest)  # it may be that we came too early
    nudges = []
    for row in {row.seq: row for row in rows if claimed is None or row.seq != claimed.seq}.values():
        delay = 0.0 if row.status is StepStatus.READY else max((row.wake_at or now) - now, 0.0)
        if delay <= countdown_for(row, settings):
            nudges.append(nudge_for(live.instance, row, delay))
    return nudges


def nudge_back(instance: InstanceRow) -> Nudge:
    """Look at this instance, whatever step it is."""
    return Nudge(instance.key, instance.generation, instance.rev, workflow=instance.workflow, id=instance.id)


def nudge_for(instance: InstanceRow, row: StepRow, delay: float) -> Nudge:
    """Look at this step, in so many seconds."""
    return Nudge(
        instance.key, instance.generation, instance.rev, row.seq, delay, row.attempt, instance.workflow, instance.id,
        row.key.name,
    )  # fmt: skip
