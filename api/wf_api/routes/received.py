"""The events that an instance has received."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from wf import wire
from wf.descriptions import CHARACTERS_MAX, shortened, to_show
from wf.inside import EVENTS, PAGE
from wf_api.access import Reader
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import answered
from wf_api.models.common import Listed
from wf_api.models.received import Received
from wf_api.paths import ONE

router = APIRouter(prefix="/api/workflows/{name}/instances", tags=["instances"], responses=EVERYWHERE | refusals(404))


@router.get(ONE + "/events", summary="List the events that an instance has received", response_model=Listed[Received])
def list_events(
    name: str,
    id: str,
    caller: Reader,
    waiting: Annotated[bool | None, Query(description="`true`: only those that no wait has taken.")] = None,
    payload_limit: Annotated[int, Query(ge=0, le=CHARACTERS_MAX, description="Characters of one payload.")] = 5000,
    per_page: Annotated[int, Query(ge=1, le=PAGE)] = EVENTS,
    cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,100}$", description="As the page before has told.")] = None,
) -> Response:
    """In the order in which they came, whether or not a wait has taken them. A restart from the start forgets them.

    With `waiting`, 10000 events are looked at: a page that is short, or empty, may have a cursor that leads on.
    """
    caller.check(name)
    extent = to_show(payload_limit)
    found = caller.client.catalog.events(name, id, cursor=cursor, limit=per_page, waiting=waiting, extent=extent)
    told = [wire.received(event, lambda payload: shortened(payload, payload_limit)) for event in found]
    return answered(told, info={"count": len(told), "per_page": per_page, "cursor": found.cursor})
