"""The pictures of the metrics page, drawn from what `Charts.series` gives: every number in them stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.durations import about
from wf_api import scales
from wf_api.plots import Line, Stretches, bar_plot, line_plot, sparkline

if TYPE_CHECKING:
    from collections.abc import Callable

    from markupsafe import Markup

    from wf.answers import Answer

_DAY = 86_400

_BACK = {"1h": "last hour", "6h": "last 6 hours", "24h": "last 24 hours", "7d": "last 7 days", "30d": "last 30 days"}


def picture_of(name: str, found: Answer) -> Markup:
    """A picture.

    Args:
        name: One of `PICTURES`.
        found: A series.
    """
    return PICTURES[name](found)


def throughput(found: Answer) -> Markup:
    """Steps per second."""
    totals = found.totals
    summary = (
        f"{scales.number(totals.steps_per_second)} on average, {totals.steps:,} steps, "
        f"{totals.started:,} instances started, {totals.completed:,} completed"
    )
    values = [point.steps_per_second for point in found.points]
    stretches = _stretches(
        found, lambda point: f"{scales.number(point.steps_per_second)} steps/s, {point.steps:,} steps"
    )
    return line_plot(stretches, [Line("", "accent", values)], title=_title("Steps per second", found), summary=summary)


def failures(found: Answer) -> Markup:
    """Attempts that failed, by what came of it."""
    totals = found.totals
    summary = (
        f"{totals.failed:,} attempts failed, {totals.retried:,} of them tried again; {totals.lost:,} lost; "
        f"{totals.errored:,} instances errored"
    )
    lines = [
        Line("tried again", "retried", [point.retried for point in found.points]),
        Line("failed for good", "errored", [point.failed - point.retried for point in found.points]),
        Line("lost", "muted", [point.lost for point in found.points]),
    ]
    stretches = _stretches(
        found,
        lambda point: (
            f"{point.failed:,} failed, {point.retried:,} tried again, {point.lost:,} lost, {point.errored:,} errored"
        ),
    )
    return bar_plot(stretches, lines, title=_title("Failures", found), summary=summary)


def times(found: Answer) -> Markup:
    """How long steps took."""
    summary = f"p50 {_seconds(found.totals.p50)}, p95 {_seconds(found.totals.p95)}"
    lines = [
        Line("p50", "accent", [point.p50 for point in found.points]),
        Line("p95", "running", [point.p95 for point in found.points]),
    ]
    known = [value for line in lines for value in line.values if value]
    axis = scales.of_magnitudes(min(known), max(known)) if known else None
    stretches = _stretches(found, lambda point: f"p50 {_seconds(point.p50)}, p95 {_seconds(point.p95)}")
    return line_plot(
        stretches, lines, title=_title("Step time", found), summary=summary, axis=axis, written=scales.duration
    )


def lags(found: Answer) -> Markup:
    """How late sleeps were noticed."""
    summary = f"95 of 100 sleeps were noticed within {_seconds(found.totals.lag_p95)} of their end"
    if found.totals.lag_p95 is None:
        summary = "no sleep has ended"
    values = [point.lag_p95 for point in found.points]
    axis = scales.of_seconds(max((value for value in values if value is not None), default=0.0))
    stretches = _stretches(found, lambda point: f"p95 {_seconds(point.lag_p95)}")
    return line_plot(
        stretches, [Line("", "running", values)], title=_title("Wake-up lag", found), summary=summary, axis=axis,
        written=scales.duration,
    )  # fmt: skip


PICTURES: dict[str, Callable[[Answer], Markup]] = {
    "throughput": throughput, "failures": failures, "times": times, "lags": lags,
}  # fmt: skip
"""By their names in the API."""


def spark_of(found: Answer) -> Markup:
    """A sparkline of one of the `workflows` of `Charts.by_workflow`."""
    label = f"{found.steps:,} steps, {found.errored:,} instances errored"
    return sparkline(found.points.steps, found.points.errored, label=label)


def _title(what: str, found: Answer) -> str:
    of = f" of {found.workflow}" if found.workflow else ""
    return f"{what}{of}, {_BACK.get(found.range, found.range)}"


def _stretches(found: Answer, told: Callable[[Answer], str]) -> Stretches:
    points = found.points
    with_day = found.span * len(points) >= _DAY
    notes = [f"{scales.moment(point.at, with_day=with_day)}: {told(point)}" for point in points]
    if notes:
        notes[-1] += " (so far)"
    return Stretches([point.at for point in points], found.span, notes)


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else about(value)
