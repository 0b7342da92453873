"""What Prometheus is told beside the overview: counters that grow, histograms, and how late what is late is.

Counters are what workers have counted (`wf.meter`), added up over a block of `BLOCK` seconds. Within a block nothing is
forgotten, so they only grow; when the next one begins they begin at zero, which Prometheus takes for what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.answers import Answer
from wf.breakers import listed
from wf.histograms import BOUNDS
from wf.overview import CAP
from wf.sql import statements
from wf.status import TERMINAL, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wf.clock import Clock
    from wf.database import Database, Rows

BLOCK = 28 * 86_400
"""Seconds after which counters begin anew. The rows below are kept for longer than that."""

SPAN = 21_600
"""Seconds of the stretches that are added up."""

SHOWN = BOUNDS[:-1:2]
"""Bounds of the histograms that are told, each four times the one before. The last bucket of all has no bound."""

_COUNTS = ("started", "completed", "errored", "steps", "failed", "retried", "lost")
_LIVE = sorted(frozenset(Status) - TERMINAL)


class Measures:
    """Looks at what can be measured.

    Args:
        database: The journal.
        clock: Whose time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._sql = statements()

    def look(self) -> Answer:
        """Everything, of all workflows.

        Returns:
            `counts` by workflow, each with `started`, `completed` and `errored` instances, `steps` that ended well,
            `failed`, `retried` and `lost` attempts, and `stepTimes` and `lags`: of each bound in `SHOWN` how many were
            not above it, and at last how many there were; `instances`, triples of workflow, status and number, up to
            `CAP`; `oldestDue` in seconds, and `oldestQueued` by workflow; `breakers`, the state of each that is
            declared, by workflow; `ticks`, the seconds since each of the reaper's tasks has run.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        ((oldest_due,),) = self._read("measure_oldest_due")
        breakers = listed(self._database, cap=0, with_closed=True)
        return Answer(
            counts={row[0]: _counted(row[1:]) for row in self._read("measure_counts", span=SPAN, block=BLOCK)},
            instances=self._read("measure_statuses", statuses=_LIVE, cap=CAP),
            oldestDue=oldest_due or 0.0, oldestQueued=dict(self._read("measure_oldest_queued", status=Status.QUEUED)),
            breakers={one.workflow: one.state for one in breakers if one.policy is not None or one.state != "closed"},
            ticks=dict(self._read("measure_ticks")),
        )  # fmt: skip

    def _read(self, statement: str, **of: Any) -> Rows:
        return self._database.read(self._sql[statement], {"now": self._clock.override()} | of)


def _counted(row: tuple[Any, ...]) -> Answer:
    *counts, step_times, lags = row
    told = dict(zip(_COUNTS, counts, strict=True))
    return Answer(told, stepTimes=_cumulated(step_times), lags=_cumulated(lags))


def _cumulated(counts: Sequence[int | None]) -> list[int]:
    """Of each bound in `SHOWN` how many were not above it, and at last all."""
    found, total = [], 0
    for number, count in enumerate(counts):
        total += count or 0
        if number % 2 == 0 and number < len(BOUNDS) - 1:
            found.append(total)
    return [*found, total]
