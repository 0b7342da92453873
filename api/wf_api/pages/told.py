"""What an instance was told, and what it tells: its events, its feed, and who did what to it."""

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from wf.answers import Answer
from wf.audit import Audit
from wf.feed import CURSOR_MAX, Feed
from wf.listing import KEY_MAX
from wf.plain import plain
from wf_api.access import Reader, Scope
from wf_api.pages.render import view
from wf_api.paths import ONE

router = APIRouter(prefix="/workflows/{name}/instances", include_in_schema=False)

FEED_PAGE = 100
"""Events of the feed on a page."""


@router.get(ONE + "/events")
def events(
    request: Request,
    name: str,
    id: str,
    caller: Reader,
    cursor: Annotated[str, Query(max_length=100)] = "",
    waiting: Annotated[str, Query(max_length=5)] = "",
) -> Any:
    """The events that it has received, and which waits took them."""
    caller.check(name)
    found = caller.client.catalog.events(name, id, cursor=cursor or None, waiting=True if waiting else None)
    return view(
        request, caller, "events.html", here="workflows", name=name, id=id, found=found, cursor=cursor,
        waiting=waiting, may_write=caller.principal.scope >= Scope.WRITE,
    )  # fmt: skip


@router.get(ONE + "/feed")
def feed(
    request: Request, name: str, id: str, caller: Reader, after: Annotated[int, Query(ge=0, le=CURSOR_MAX)] = 0
) -> Any:
    """Its feed as it stands, a page of it."""
    caller.check(name)
    read = Feed(caller.client.catalog, name, id, cursor=after, read=plain, facts=FEED_PAGE + 1)
    found = list(islice(iter(read.take, None), FEED_PAGE + 1))
    more = found[FEED_PAGE - 1].eventId if len(found) > FEED_PAGE else None
    shown = [_told(event) for event in found[:FEED_PAGE]]
    return view(
        request, caller, "feed.html", here="workflows", name=name, id=id, found=shown, after=after, more=more
    )  # fmt: skip


@router.get(ONE + "/audit")
def audit(
    request: Request,
    name: str,
    id: str,
    caller: Reader,
    cursor: Annotated[int | None, Query(ge=0, le=KEY_MAX)] = None,
) -> Any:
    """Who did what to it, the newest first; also what is left of one that was removed."""
    caller.check(name)
    found = Audit(caller.client.database).list(workflow=name, instance=id, cursor=cursor)
    return view(request, caller, "instance_audit.html", here="workflows", name=name, id=id, found=found, cursor=cursor)


def _told(event: Answer) -> Answer:
    """An event with what stands in every one of them apart from the rest."""
    rest = {key: value for key, value in event.items() if key not in {"eventId", "type", "timestamp", "instanceId"}}
    at = datetime.fromtimestamp(event.timestamp / 1000, UTC)
    return Answer(id=event.eventId, type=event.type, at=at, rest=rest)
