"""How it goes: what was counted over time, and what goes on now."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from wf.answers import Answer
from wf.charts import RANGES
from wf.status import Status
from wf_api.access import Reader
from wf_api.flower_links import instance_link, worker_link
from wf_api.pages.render import view
from wf_api.pictures import PICTURES, picture_of, spark_of
from wf_api.routes.charts import Ranges

router = APIRouter(include_in_schema=False)

BUSIEST = 50
"""Workflows in the table; the others can be chosen by name."""

WAKES = 8
"""Wake-ups that are told of one by one."""

_PLACES = {
    "late": "late", "minute": "within a minute", "hour": "within an hour", "day": "within a day", "later": "later",
}  # fmt: skip


@router.get("/activity")
def activity(
    request: Request,
    caller: Reader,
    range: Ranges = "1h",
    workflow: Annotated[str, Query(max_length=64)] = "",
) -> Any:
    """The charts of all workflows together, or of one; below them what goes on now, and a comparison."""
    if workflow:
        caller.check(workflow)
    parts, only = caller.parts, caller.principal.workflows
    series = parts.charts.series(range, workflow or None, only)
    compared = parts.charts.by_workflow(range, only).workflows
    return view(
        request, caller, "activity.html", here="activity", workflow=workflow, range=range, ranges=RANGES,
        totals=series.totals, pictures={name: picture_of(name, series) for name in PICTURES},
        names=[one.workflow for one in compared], compared=_busiest(compared), spark=spark_of,
        now=parts.overview.look(only), restricted=only is not None, places=_PLACES, statuses=list(Status), wakes=WAKES,
        to_instance=partial(instance_link, parts.settings), to_worker=partial(worker_link, parts.settings),
    )  # fmt: skip


def _busiest(compared: list[Answer]) -> list[tuple[int, Answer]]:
    """The workflows with most to tell, each with its place among all; by name, lest rows move while they are read."""
    by_weight = sorted(enumerate(compared), key=lambda pair: -(pair[1].steps + pair[1].started + pair[1].failed))
    return sorted(by_weight[:BUSIEST], key=lambda pair: pair[0])
