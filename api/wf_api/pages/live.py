"""The stream of a page: the page again whenever it has changed."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from wf_api.access import Reader
from wf_api.feeds import FeedResponse
from wf_api.live import is_page, stream
from wf_api.parts import Parts
from wf_api.problems import InvalidRequest

router = APIRouter(include_in_schema=False)

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""A proxy shall pass on each event as it comes: nginx would collect them."""


@router.get("/live")
async def live(
    request: Request, caller: Reader, page: Annotated[str, Query(max_length=2000, description="Path and query.")],
    last_event_id: Annotated[str, Header(max_length=100)] = "",
) -> Response:  # fmt: skip
    """Follow a page; it counts as a feed of its reader."""
    if not is_page(page):
        raise InvalidRequest(f"{page!r:.100} is not the path of a page.")
    parts: Parts = request.app.state.parts
    lines = stream(request, caller, page, last_event_id)
    return FeedResponse(lines, parts.feeds.one_more(caller.principal.name), _HEADERS)
