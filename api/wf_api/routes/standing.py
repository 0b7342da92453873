"""Where the live instances of a workflow stand."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from wf import wire
from wf_api.access import Reader
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models.common import Envelope
from wf_api.models.standing import StandingSeen

router = APIRouter(prefix="/api/workflows", tags=["workflows"], responses=EVERYWHERE)


@router.get(
    "/{name}/standing", summary="Show where instances stand", response_model=Envelope[StandingSeen],
    responses=refusals(404),
)  # fmt: skip
def describe_standing(
    name: str,
    caller: Reader,
    version: Annotated[str | None, Query(description="Only instances of this one.", max_length=100)] = None,
) -> Response:
    """At which steps, and how many at each. Cheap, however many there are: only the newest of each status count."""
    caller.check(name)
    caller.client.catalog.check_known(name)
    return answered(wire.standing(caller.parts.standing.look(name, version)))
