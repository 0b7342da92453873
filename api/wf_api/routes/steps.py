"""The steps of an instance: page by page, one by itself, and all of them in numbers."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from wf import wire
from wf.descriptions import CHARACTERS_MAX, shortened, to_show
from wf.inside import OUTLINES, PAGE, SEARCH
from wf.status import StepStatus
from wf_api.access import Reader
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models import steps as models
from wf_api.models.common import Envelope, Listed
from wf_api.paths import ONE

router = APIRouter(prefix="/api/workflows/{name}/instances", tags=["instances"], responses=EVERYWHERE | refusals(404))


@router.get(ONE + "/steps", summary="List the steps of an instance", response_model=Listed[models.PagedStep])
def list_steps(
    name: str,
    id: str,
    caller: Reader,
    status: Annotated[StepStatus | None, Query()] = None,
    search: Annotated[str | None, Query(max_length=SEARCH, description="A part of its name, as `load-1`.")] = None,
    direction: Annotated[models.Direction, Query(description="`desc`: the newest first.")] = "asc",
    outputs: Annotated[bool, Query(description="`false`: enough for a timeline, and quick.")] = True,
    output_limit: Annotated[int, Query(ge=0, le=CHARACTERS_MAX, description="Characters of one step's output.")] = 5000,
    per_page: Annotated[
        int, Query(ge=1, le=OUTLINES, description=f"With outputs, {PAGE} at most.", examples=[PAGE])
    ] = PAGE,
    cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,100}$", description="As the page before has told.")] = None,
) -> Response:
    """Page by page, however many there are; each as in the description of the instance, without its termination.

    With a filter, 10000 steps are looked at: a page that is short, or empty, may have a cursor that leads on.
    """
    caller.check(name)
    found = caller.client.catalog.steps(
        name, id, after=cursor, limit=per_page, status=status, search=search, newest_first=direction == "desc",
        outputs=outputs, extent=to_show(output_limit),
    )  # fmt: skip
    told = [wire.step(step, lambda output: shortened(output, output_limit)) for step in found]
    return answered(told, info={"count": len(told), "per_page": per_page, "cursor": found.cursor})


@router.get(ONE + "/steps/summary", summary="All steps in numbers", response_model=Envelope[models.Summary])
def summarize_steps(name: str, id: str, caller: Reader) -> Response:
    """From when to when they lasted, and how many are in which status."""
    caller.check(name)
    return answered(caller.client.catalog.steps_summary(name, id))


@router.get(ONE + "/steps/{seq}", summary="Show a step", response_model=Envelope[models.FullStep])
def describe_step(
    name: str,
    id: str,
    seq: Annotated[int, Path(ge=1, le=2**31 - 1, description="Its number, as in lists.")],
    caller: Reader,
) -> Response:
    """All of it: configuration, output, error, heartbeat, and its newest 100 attempts."""
    caller.check(name)
    return answered(wire.step(caller.client.catalog.step(name, id, seq), _whole))


def _whole(output: Any) -> Any:
    return output
