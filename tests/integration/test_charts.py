"""Counts over time as charts show them: points, totals, tables, and only of what the asker may see."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import START, Rig
from tests.support.errands import versions
from tests.support.plans import plan_of, scans
from wf import WorkflowNotFound
from wf.charts import RANGES, Charts
from wf.histograms import BOUNDS, quantile
from wf.sql import statements

if TYPE_CHECKING:
    from wf.answers import Answer

HISTOGRAM = [0, 3, 0, 0, 5, 1]


@pytest.fixture
def charts(rig: Rig) -> Charts:
    for name in ("charts-a", "charts-b"):
        rig.workers[0].catalog.register(versions(name, "1")[0])
    return Charts(rig.client.database, rig.clock)


def put(rig: Rig, span: int, workflow: str, ago: float, **counts: Any) -> None:
    """A row, as workers write them."""
    at = (rig.clock.now() - ago) // span * span
    names, values = ", ".join(counts), ", ".join("%s" for _ in counts)
    rig.sql(
        f"insert into wf.metric (span, workflow, at, {names}) values (%s, %s, to_timestamp(%s), {values})",
        span, workflow, at, *counts.values(),
    )  # fmt: skip


def busy(points: list[Answer]) -> list[int]:
    return [n for n, point in enumerate(points) if any(point[name] for name in ("started", "steps", "failed"))]


@pytest.mark.parametrize("range", RANGES)
def test_empty_stretches_are_points_of_zero(rig: Rig, charts: Charts, range: str) -> None:
    """Every range has all its points, each as long as the next, the last one being the running one."""
    found = charts.series(range)
    span, number, _ = RANGES[range]
    assert (found.span, len(found.points)) == (span, number)
    assert {b.at - a.at for a, b in zip(found.points, found.points[1:], strict=False)} == {timedelta(seconds=span)}
    assert found.points[-1].at <= found.at < found.points[-1].at + timedelta(seconds=span)
    for point in (*found.points, found.totals):
        assert (point.steps, point.started, point.steps_per_second) == (0, 0, 0)
        assert (point.p50, point.p95, point.lag_p95) == (None, None, None)


def test_points_are_what_was_counted(rig: Rig, charts: Charts) -> None:
    """In their stretch, of both workflows or of one; what is older than the range is left out."""
    put(rig, 60, "charts-a", 0, steps=9, started=1, step_times=HISTOGRAM)
    put(rig, 60, "charts-b", 0, steps=1, step_times=[1], lags=[0, 0, 2])
    put(rig, 60, "charts-a", 59 * 60, failed=4, retried=3, lost=2, completed=5, errored=6)
    put(rig, 60, "charts-a", 60 * 60, steps=1000)
    put(rig, 600, "charts-a", 0, steps=1000)
    found = charts.series("1h")
    assert busy(found.points) == [0, 59]
    first, last = found.points[0], found.points[-1]
    assert (first.failed, first.retried, first.lost, first.completed, first.errored) == (4, 3, 2, 5, 6)
    assert (last.steps, last.started, last.p50) == (10, 1, quantile([1, *HISTOGRAM[1:]], 0.5))
    assert (last.lag_p95, found.totals.lag_p95) == (quantile([0, 0, 2], 0.95),) * 2
    assert (found.totals.steps, found.totals.failed, found.totals.p95) == (10, 4, quantile([1, *HISTOGRAM[1:]], 0.95))
    one = charts.series("1h", "charts-b")
    assert (one.workflow, one.totals.steps, one.totals.failed, one.totals.p50) == ("charts-b", 1, 0, BOUNDS[0] / 2)


def test_rates_are_of_the_time_that_has_passed(rig: Rig, charts: Charts) -> None:
    """The running stretch counts as far as it is over, and as five seconds at least."""
    assert START % 3600 == 0
    rig.clock.advance(15)
    put(rig, 60, "charts-a", 0, steps=30)
    put(rig, 60, "charts-a", 60, steps=30)
    found = charts.series("1h")
    assert (found.elapsed, found.points[-1].steps_per_second, found.points[-2].steps_per_second) == (15, 2.0, 0.5)
    assert found.totals.steps_per_second == 60 / (59 * 60 + 15)
    rig.clock.advance(45)
    assert charts.series("1h").elapsed == 5


def test_rates_stand_still_between_jumps(rig: Rig, charts: Charts) -> None:
    """So that what nothing has happened to is the same a moment later, in charts and in tables."""
    put(rig, 60, "charts-a", 0, steps=30)

    def rates() -> tuple[float, ...]:
        series, table = charts.series("1h"), charts.by_workflow("1h").workflows[0]
        return series.elapsed, series.totals.steps_per_second, table.steps_per_second

    rig.clock.advance(5.1)
    first = rates()
    assert (first[0], first[1]) == (10, first[2])
    rig.clock.advance(4.8)
    assert rates() == first
    rig.clock.advance(0.2)
    assert rates()[0] == 15


def test_what_lies_ahead_of_the_clock_is_not_told_yet(rig: Rig, charts: Charts) -> None:
    """The clock of a worker may be fast by more than a stretch."""
    put(rig, 600, "charts-a", 0, steps=1)
    put(rig, 600, "charts-a", -3600, steps=7, errored=7)
    (one, _), series = charts.by_workflow("24h").workflows, charts.series("24h")
    assert (one.steps, one.points.steps[-1], series.totals.steps) == (1, 1, 1)


def test_workflows_are_told_side_by_side(rig: Rig, charts: Charts) -> None:
    """Their totals are those of their charts, and their sparklines add up to them; idle ones stand there, too."""
    put(rig, 21_600, "charts-a", 0, steps=9, errored=1, step_times=HISTOGRAM)
    put(rig, 21_600, "charts-a", 21_600, steps=5, started=3)
    put(rig, 21_600, "charts-a", 21_600 * 2, steps=7, errored=2, lags=[1])
    found = charts.by_workflow("30d")
    a, b = found.workflows
    assert (found.span, found.since) == (12 * 3600, charts.series("30d").points[0].at)
    assert (a.points.steps[-2:], a.points.errored[-2:], len(a.points.steps)) == ([7, 14], [2, 1], 60)
    assert (b.workflow, b.steps, b.p50, sum(b.points.steps)) == ("charts-b", 0, None, 0)
    alone = charts.series("30d", "charts-a").totals
    assert {name: a[name] for name in alone if name != "stepsPerSecond"} == {
        name: alone[name] for name in alone if name != "stepsPerSecond"
    }


@pytest.mark.parametrize("range", RANGES)
def test_sparklines_are_short(charts: Charts, range: str) -> None:
    """However long the range, and their points divide it evenly."""
    wanted, found = RANGES[range], charts.by_workflow(range)
    assert wanted.points % wanted.each == 0
    assert 36 <= len(found.workflows[0].points.steps) == wanted.points // wanted.each <= 60


def test_what_somebody_may_not_see_is_left_out(rig: Rig, charts: Charts) -> None:
    """Of sums, tables, and of what an error tells."""
    put(rig, 60, "charts-a", 0, steps=9)
    put(rig, 60, "charts-b", 0, steps=1)
    only = frozenset({"charts-b"})
    assert charts.series("1h", only=only).totals.steps == 1
    assert [found.workflow for found in charts.by_workflow("1h", only).workflows] == ["charts-b"]
    assert charts.by_workflow("1h", frozenset()).workflows == []
    with pytest.raises(WorkflowNotFound, match=r"'charts-a'.*Known workflows: 'charts-b'"):
        charts.series("1h", "charts-a", only)


def test_unknown_names_are_refused(charts: Charts) -> None:
    """A workflow that nobody has registered, and a range that there is not."""
    with pytest.raises(WorkflowNotFound, match="Did you mean 'charts-"):
        charts.series("1h", "charts-x")
    with pytest.raises(ValueError, match="no range '2h'; there are 1h, 6h"):
        charts.series("2h")


def test_a_chart_is_one_statement_by_the_index(rig: Rig, charts: Charts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was counted, only the stretches of the range are read."""
    rig.sql(
        "insert into wf.metric (span, workflow, at, steps, step_times) select span, 'charts-a',"
        " to_timestamp(%s - span * n), 1, '{1,2,3}' from unnest(array[60, 600, 3600]) span, generate_series(0, 5000) n",
        START,
    )
    rig.sql("vacuum analyze wf.metric")
    seen: list[str] = []
    read = rig.client.database.read

    def listen(sql: Any, params: Any = None) -> Any:
        seen.append(sql)
        return read(sql, params)

    monkeypatch.setattr(rig.client.database, "read", listen)
    assert charts.series("1h").totals.steps == 60
    assert charts.by_workflow("1h").workflows[0].steps == 60
    assert seen == [statements()["metric_series"], statements()["metric_workflows"]]
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        for sql in seen:
            assert "metric" not in set(scans(plan_of(connection, sql)))
