"""The engine's own metrics, from what `wf.measures` has found, in the forms of Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from wf.breaker import State
from wf.measures import SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from wf.answers import Answer

COUNTERS = {
    "wf_instances_started": ("started", "Instances that have started."),
    "wf_instances_completed": ("completed", "Instances that have ended well."),
    "wf_instances_errored": ("errored", "Instances that have failed."),
    "wf_steps_completed": ("steps", "Steps that have ended well."),
    "wf_attempts_failed": ("failed", "Attempts of steps that have failed."),
    "wf_attempts_retried": ("retried", "Failed attempts after which the step is tried again."),
    "wf_attempts_lost": ("lost", "Attempts that have lost their worker."),
}
HISTOGRAMS = {
    "wf_step_duration_seconds": ("step_times", "Attempts that ended well, from the claim to the end."),
    "wf_wake_lag_seconds": ("lags", "Sleeps, from when they were over to when a worker took note."),
}
BOUNDS = [*(f"{bound:g}" for bound in SHOWN), "+Inf"]


def families(seen: Answer) -> Iterator[Metric]:
    """What is told of one look."""
    for name, (attribute, text) in COUNTERS.items():
        counter = CounterMetricFamily(name, text, labels=["workflow"])
        for workflow, counts in seen.counts.items():
            counter.add_metric([workflow], counts[attribute])
        yield counter
    for name, (attribute, text) in HISTOGRAMS.items():
        histogram = HistogramMetricFamily(name, text, labels=["workflow"])
        for workflow, counts in seen.counts.items():
            # Sums are not kept, so none is told.
            histogram.add_metric([workflow], list(zip(BOUNDS, getattr(counts, attribute), strict=True)), None)
        yield histogram
    yield gauge(
        "wf_instances", "Instances that have not ended, each counted up to 1000.", ["workflow", "status"],
        [((workflow, status), number) for workflow, status, number in seen.instances],
    )  # fmt: skip
    yield gauge("wf_oldest_due_seconds", "By how much the alarm is late.", [], [((), seen.oldest_due)])
    yield gauge(
        "wf_oldest_queued_seconds", "Since the oldest instance was created that has not started.", ["workflow"],
        [((workflow,), age) for workflow, age in seen.oldest_queued.items()],
    )  # fmt: skip
    yield gauge(
        "wf_breaker_state", "1 for the state in which a workflow's breaker is.", ["workflow", "state"],
        [((workflow, state), state == now) for workflow, now in seen.breakers.items() for state in State],
    )  # fmt: skip
    yield gauge(
        "wf_reaper_age_seconds", "Since a task of the reaper has last run to its end.", ["task"],
        [((task,), age) for task, age in seen.ticks.items()],
    )  # fmt: skip


def gauge(name: str, text: str, labels: list[str], values: Any) -> GaugeMetricFamily:
    """A gauge with a value for each of some labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for given, number in values:
        family.add_metric(given, number)
    return family
