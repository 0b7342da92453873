"""The stream of a page: the page again whenever it has changed."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from wf_api.access import Scope, need
from wf_api.addresses import LONGEST, page_at
from wf_api.feeds import FeedResponse
from wf_api.live import logged_out, stream
from wf_api.parts import Parts
from wf_api.problems import InvalidRequest, Unauthenticated

router = APIRouter(include_in_schema=False)

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""A proxy shall pass on each event as it comes: nginx would collect them."""

_reader = need(Scope.READ)


@router.get("/live")
async def live(
    request: Request, page: Annotated[str, Query(max_length=LONGEST, description="Path and query.")],
    last_event_id: Annotated[str, Header(max_length=100)] = "",
) -> Response:  # fmt: skip
    """Follow a page. Who is not logged in any more hears that by an event: scripts never see the status of a stream."""
    try:
        caller = await _reader(request)
    except Unauthenticated:
        return StreamingResponse(logged_out(), media_type=FeedResponse.media_type)
    address = page_at(request, page)
    if address is None:
        raise InvalidRequest(f"{page!r:.100} is not the path of a page.")
    parts: Parts = request.app.state.parts
    lines = stream(request, caller, address, last_event_id)
    return FeedResponse(lines, parts.pages.one_more(caller.principal.name), _HEADERS)
