"""Counts over time: as JSON, as CSV, and as pictures."""

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from wf import wire
from wf.answers import Answer
from wf_api.access import Caller, Reader
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.exports import series_csv
from wf_api.models.charts import CountedWorkflows, Series
from wf_api.models.common import Envelope
from wf_api.pictures import PICTURES, picture_of
from wf_api.plots import standalone

router = APIRouter(prefix="/api/metrics", tags=["metrics"], responses=EVERYWHERE)

Ranges = Literal["1h", "6h", "24h", "7d", "30d"]
Pictures = Literal["throughput", "failures", "times", "lags"]
Name = Annotated[str | None, Query(max_length=64, description="Of this workflow; of all together by default.")]
Back = Annotated[Ranges, Query(description="How far to look back.")]


@router.get("/series", summary="Chart what was counted", response_model=Envelope[Series], responses=refusals(404))
def metric_series(caller: Reader, range: Back = "1h", workflow: Name = None) -> Response:
    """Starts, ends, steps, failures and times, by stretches of 1, 10 or 60 minutes; empty ones are there, too.

    Workers write what they have counted every 5 seconds. A worker that is killed takes as much with it: the instances
    tell the truth, this tells how it went.
    """
    return answered(wire.charted(_series(caller, range, workflow)))


@router.get("/workflows", summary="Compare workflows", response_model=Envelope[CountedWorkflows])
def metric_workflows(caller: Reader, range: Back = "1h") -> Response:
    """The totals of each workflow that the caller may see, with the points of a sparkline."""
    return answered(wire.charted(caller.parts.charts.by_workflow(range, caller.principal.workflows)))


@router.get(
    "/series.csv", summary="Export what was counted", response_class=Response,
    responses=refusals(404) | {200: {"description": "A line for each point.", "content": {"text/csv": {}}}},
)  # fmt: skip
def export_series(caller: Reader, range: Back = "1h", workflow: Name = None) -> Response:
    """The same as the series, for spreadsheets."""
    found = _series(caller, range, workflow)
    return _file(series_csv(found), "text/csv; charset=utf-8", "series", found, "csv")


@router.get(
    "/plot.svg", summary="Draw what was counted", response_class=Response,
    responses=refusals(404) | {200: {"description": "A picture.", "content": {"image/svg+xml": {}}}},
)  # fmt: skip
def plot_series(
    caller: Reader,
    picture: Annotated[Pictures, Query(description="What to draw.")] = "throughput",
    range: Back = "1h",
    workflow: Name = None,
) -> Response:
    """A picture that stands for itself, for documents and messages; it looks right on light and dark ground."""
    found = _series(caller, range, workflow)
    return _file(standalone(picture_of(picture, found)), "image/svg+xml", picture, found, "svg")


def _series(caller: Caller, range: str, workflow: str | None) -> Answer:
    if workflow is not None:
        caller.check(workflow)
    return caller.parts.charts.series(range, workflow, caller.principal.workflows)


def _file(content: bytes, kind: str, what: str, found: Answer, ending: str) -> Response:
    """An answer that browsers save, under a name that says what it is."""
    of = re.sub(r"[^A-Za-z0-9_-]+", "_", found.workflow or "all")
    name = f"wf-{what}-{of}-{found.range}.{ending}"
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


assert set(PICTURES) == set(Pictures.__args__)  # type: ignore[attr-defined]  # both are read by people
