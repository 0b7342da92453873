"""The first page: workflows, and how their instances stand."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from wf.status import Status
from wf.versions import CAP
from wf_api.access import Reader
from wf_api.pages.render import view
from wf_api.pictures import spark_of

router = APIRouter(include_in_schema=False)

PER_PAGE = 50

RANGE = "24h"
"""Of the sparklines."""


@router.get("/")
def home(
    request: Request, caller: Reader, search: Annotated[str, Query(max_length=64)] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Any:  # fmt: skip
    """Workflows by name, a page of them."""
    catalog = caller.client.catalog
    names = [name for name in catalog.workflows() if caller.sees(name) and search.casefold() in name.casefold()]
    first = (page - 1) * PER_PAGE
    shown = catalog.describe_workflows(only=names[first : first + PER_PAGE])
    more = len(names) > first + PER_PAGE
    counted = caller.parts.charts.by_workflow(RANGE, [one.name for one in shown]).workflows if shown else []
    return view(
        request, caller, "home.html", here="workflows", workflows=shown, search=search, page=page, more=more,
        known=bool(names), statuses=list(Status), cap=CAP, range=RANGE,
        sparks={one.workflow: spark_of(one) for one in counted},
    )  # fmt: skip
