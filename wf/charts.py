"""Counts over time, as workers have written them: for pictures, tables and sparklines.

Each answer is one statement over a few stretches of each workflow. The stretch that is running comes last, as far as
workers have told of it: they write every few seconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from wf.answers import Answer
from wf.errors import WorkflowNotFound
from wf.histograms import quantile
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from wf.clock import Clock
    from wf.database import Database, Rows


class Range(NamedTuple):
    """How far a chart looks back.

    Attributes:
        span: Seconds of a point.
        points: How many points, the running one included.
        each: Points that a sparkline draws as one.
    """

    span: int
    points: int
    each: int


RANGES = {
    "1h": Range(60, 60, 1), "6h": Range(600, 36, 1), "24h": Range(600, 144, 3), "7d": Range(3600, 168, 3),
    "30d": Range(21_600, 120, 2),
}  # fmt: skip
"""By their names."""

JUMP = 5
"""Seconds by which the running stretch grows, up: rates that fell from look to look would be news without any."""

COUNTS = ("started", "completed", "errored", "steps", "failed", "retried", "lost")
"""What is counted: of instances, those that started, completed or errored; steps that ended well; and attempts."""


class Charts:
    """Reads what was counted.

    Args:
        database: The journal.
        clock: Whose time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._sql = statements()

    def series(self, range: str, workflow: str | None = None, only: Collection[str] | None = None) -> Answer:
        """The points of a chart.

        Args:
            range: One of `RANGES`.
            workflow: Of this one; of all together by default.
            only: The workflows that may be looked at; None means all.

        Returns:
            `at`; `range`; `workflow`; `span`, the seconds of a point; `elapsed`, those of the running one that are
            over, in jumps of `JUMP`; `points`, the oldest first, each with the time `at` which it begins, the counts,
            `stepsPerSecond`, `p50` and `p95` of the seconds of steps, and `lagP95` of the seconds by which sleeps were
            noticed late, which are None where there was nothing; and the same as `totals` over the whole range.

        Raises:
            ValueError: There is no such range.
            WorkflowNotFound: There is no such workflow, or it may not be looked at.
            JournalUnavailable: Postgres does not answer.
        """
        wanted = _range(range)
        rows = self._read("metric_series", wanted, only, workflow=workflow)
        now, known, begin = rows[-1][:3]
        if workflow is not None and not known:
            names = (name for name, *_ in self._database.read(self._sql["workflow_known"]))
            raise WorkflowNotFound(workflow, [name for name in names if only is None or name in only])
        elapsed = _jumped((now - begin).total_seconds())
        seconds = [float(wanted.span)] * (wanted.points - 1) + [elapsed]
        points = [Answer(at=row[2], **_told(row[3:], over)) for row, over in zip(rows, seconds, strict=True)]
        totals = _told(_sum([row[3:] for row in rows]), sum(seconds))
        return Answer(
            at=now, range=range, workflow=workflow, span=wanted.span, elapsed=elapsed, points=points, totals=totals
        )

    def by_workflow(self, range: str, only: Collection[str] | None = None) -> Answer:
        """The totals of each workflow, with two short lists to draw a sparkline of.

        Args:
            range: One of `RANGES`.
            only: The workflows to tell of; None means all.

        Returns:
            `at`; `range`; `since`, when the first point begins; `span`, the seconds of each point of the two lists; and
            `workflows`, by name, also those for which nothing was counted: each with the counts, `stepsPerSecond`,
            `p50`, `p95` and `lagP95` of the whole range, and as `points` the two lists, `steps` and `errored`.

        Raises:
            ValueError: There is no such range.
            JournalUnavailable: Postgres does not answer.
        """
        wanted = _range(range)
        rows = self._read("metric_workflows", wanted, only, each=wanted.each)
        now, since = rows[0][:2]
        over = _jumped((now - since).total_seconds())
        found = [_workflow(row, over, wanted) for row in rows if row[2] is not None]
        return Answer(at=now, range=range, since=since, span=wanted.span * wanted.each, workflows=found)

    def _read(self, statement: str, wanted: Range, only: Collection[str] | None, **more: Any) -> Rows:
        params = {
            "now": self._clock.override(), "span": wanted.span, "since": wanted.points - 1,
            "only": None if only is None else sorted(only), **more,
        }  # fmt: skip
        return self._database.read(self._sql[statement], params)


def _range(name: str) -> Range:
    if name not in RANGES:
        raise ValueError(f"There is no range {name!r:.60}; there are {', '.join(RANGES)}.")
    return RANGES[name]


def _jumped(seconds: float) -> float:
    """Seconds that are over, up to the next jump; one at least, or rates would be wild at the start of a stretch."""
    return float(max(math.ceil(seconds / JUMP), 1) * JUMP)


def _sum(rows: list[tuple[Any, ...]]) -> list[Any]:
    """All points as one."""
    *counts, step_times, lags = zip(*rows, strict=True)
    return [*map(sum, counts), _added(step_times), _added(lags)]


def _added(histograms: Iterable[Sequence[int | None]]) -> list[int]:
    """Those of which something is known; the database knows nothing of buckets for which nothing was counted."""
    return [sum(filter(None, counts)) for counts in zip(*filter(None, histograms), strict=True)]


def _told(row: Sequence[Any], seconds: float) -> Answer:
    """The counts and histograms of a stretch of so many seconds, as they are shown."""
    *counts, step_times, lags = row
    step_times, lags = _added([step_times]), _added([lags])
    found = Answer(zip(COUNTS, counts, strict=True))
    found["stepsPerSecond"] = found.steps / seconds
    found["p50"], found["p95"] = quantile(step_times, 0.5), quantile(step_times, 0.95)
    found["lagP95"] = quantile(lags, 0.95)
    return found


def _workflow(row: tuple[Any, ...], over: float, wanted: Range) -> Answer:
    *counted, places, steps, errored = row[3:]
    points = Answer(steps=[0] * (wanted.points // wanted.each), errored=[0] * (wanted.points // wanted.each))
    for place, ended, bad in zip(places, steps, errored, strict=True):
        points.steps[place] = ended
        points["errored"][place] = bad
    return Answer(workflow=row[2], **_told(counted, over), points=points)
