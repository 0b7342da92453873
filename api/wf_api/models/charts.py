"""Counts over time."""

from pydantic import ConfigDict, Field

from wf_api.models.common import Json, Moment, Told

_AT = "2026-01-31T09:00:00Z"
_COUNTS: dict[str, Json] = {
    "started": 3, "completed": 2, "errored": 1, "steps": 30, "failed": 2, "retried": 1, "lost": 0,
    "steps_per_second": 0.5, "p50": 0.012, "p95": 0.8, "lag_p95": 0.2,
}  # fmt: skip
_SERIES: dict[str, Json] = {
    "at": "2026-01-31T09:00:42Z", "range": "1h", "workflow": "welcome", "span": 60, "elapsed": 45.0,
    "points": [{"at": _AT, **_COUNTS}], "totals": _COUNTS,
}  # fmt: skip
_TABLE: dict[str, Json] = {
    "at": "2026-01-31T09:00:42Z", "range": "1h", "since": "2026-01-31T08:01:00Z", "span": 60,
    "workflows": [{"workflow": "welcome", **_COUNTS, "points": {"steps": [0, 30], "errored": [0, 1]}}],
}  # fmt: skip


class Counted(Told):
    """What was counted in a stretch of time."""

    started: int = Field(
        description="Instances whose `run` began, anew after a restart from the start. What goes on from a step, after "
        "a restart or as a fork, has not begun again: more may complete than start."
    )
    completed: int
    errored: int = Field(description="Instances that ended with an error.")
    steps: int = Field(description="Steps that ended well.")
    failed: int = Field(description="Attempts that failed.")
    retried: int = Field(description="Those of them after which the step is tried again.")
    lost: int = Field(description="Attempts that lost their worker.")
    steps_per_second: float = Field(description="Over the time of the stretch that has passed.")
    p50: float | None = Field(description="Half of the steps took no longer, in seconds; null where there was none.")
    p95: float | None = Field(description="95 of 100 steps took no longer.")
    lag_p95: float | None = Field(description="95 of 100 sleeps were noticed no later than so many seconds.")


class Point(Counted):
    """A stretch of time, from `at` on."""

    at: Moment


class Series(Told):
    """A chart; the last point is the stretch that runs, of which `elapsed` seconds are over."""

    model_config = ConfigDict(json_schema_extra={"example": _SERIES})

    at: Moment
    range: str
    workflow: str | None
    span: int = Field(description="Seconds of a point.")
    elapsed: float = Field(description="Seconds of the last point that are over, in jumps of 5.")
    points: list[Point]
    totals: Counted


class Sparks(Told):
    """Points of a sparkline, the oldest first."""

    steps: list[int]
    errored: list[int]


class CountedWorkflow(Counted):
    """The totals of a workflow."""

    workflow: str
    points: Sparks


class CountedWorkflows(Told):
    """Workflows by name; the first point of each sparkline begins at `since`, and each is `span` seconds long."""

    model_config = ConfigDict(json_schema_extra={"example": _TABLE})

    at: Moment
    range: str
    since: Moment
    span: int
    workflows: list[CountedWorkflow]
