"""What workers have counted, and the same as the journal knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.charts import Charts
from wf.histograms import bucket
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from tests.support.rig import Rig
    from wf.answers import Answer

JOURNAL = """
select
  (select count(*) from wf.instance where started_at is not null),
  (select count(*) from wf.instance where status = 'complete'),
  (select count(*) from wf.instance where status = 'errored'),
  (select count(*) from wf.step where kind in ('do', 'rollback') and status = 'complete'),
  (select count(*) from wf.attempt where outcome = 'errored'),
  (select count(*) from wf.attempt where outcome = 'errored' and retry_at is not null),
  (select count(*) from wf.attempt where outcome = 'lost')
"""


def journaled(rig: Rig) -> dict[str, int]:
    """The counts, of instances that were never restarted, as the rows of the journal tell them."""
    names = ("started", "completed", "errored", "steps", "failed", "retried", "lost")
    return dict(zip(names, rig.sql(JOURNAL)[0], strict=True))


def times(rig: Rig, select: str) -> list[int]:
    """The histogram of seconds that a query gives."""
    numbers = [bucket(float(seconds)) for (seconds,) in rig.sql(select)]
    return [numbers.count(n) for n in range(max(numbers, default=-1) + 1)]


def flushed(rig: Rig) -> Charts:
    """Charts of what the rig's workers have counted up to now."""
    for worker in rig.workers:
        assert isinstance(worker, Runtime)
        worker.meter.flush()
    return Charts(rig.client.database, rig.clock)


def counts(told: Answer) -> dict[str, Any]:
    """The counts of a point, or of totals."""
    return {name: told[name] for name in ("started", "completed", "errored", "steps", "failed", "retried", "lost")}
