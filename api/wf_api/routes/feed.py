"""The feed of an instance as Server-Sent Events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from wf.answers import Answer
from wf.errors import WfError
from wf.feed import Feed
from wf.feed_events import EVENT_TYPES
from wf.plain import plain
from wf_api.access import Reader
from wf_api.documented import EVERYWHERE, refusals
from wf_api.envelope import to_json
from wf_api.feeds import FeedResponse
from wf_api.parts import Parts
from wf_api.paths import ONE
from wf_api.watch import Watch

router = APIRouter(prefix="/api/workflows/{name}/instances", tags=["instances"], responses=EVERYWHERE | refusals(404))

log = structlog.get_logger("wf")

SILENCE = 15.0
"""Seconds after which a comment is sent, lest a proxy take the connection for dead."""

RETRY = 1000
"""Milliseconds that a browser waits before it connects again."""

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""A proxy shall pass on each event as it comes: nginx would collect them."""

_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One event of the feed after the other, each with its id, its type and its fields as JSON.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'event: step_completed\ndata: {"eventId": 71, "stepName": "upload-1"}\nid: 71\n\n',
            }
        },
    },
    204: {"description": "The instance has ended, and its last event was before the cursor: do not connect again."},
}


@router.get(ONE + "/subscribe", summary="Follow an instance", response_class=StreamingResponse, responses=_STREAM)
async def subscribe_instance(
    name: str,
    id: str,
    caller: Reader,
    request: Request,
    cursor: Annotated[int | None, Query(ge=0, description="Only events with a greater id.")] = None,
    filter: Annotated[list[str] | None, Query(description=f"Only these types: {', '.join(EVENT_TYPES)}.")] = None,
    last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,30}$", description="Goes before the cursor.")] = None,
) -> Response:
    """First what has happened, then each event as it comes; the stream ends with the instance.

    Whoever loses the connection goes on with `Last-Event-ID`, as browsers do by themselves, and misses nothing.
    """
    caller.check(name)
    since = cursor if last_event_id is None else int(last_event_id)
    parts: Parts = request.app.state.parts
    watch = parts.watch
    feed = Feed(caller.client.catalog, name, id, cursor=since, filter=filter, read=plain, rows=watch.rows)
    key = await watch.read(feed.find)
    first = await watch.read(feed.take)
    if first is None and feed.over:
        return Response(status_code=204)
    lines = stream(feed, watch, key, first, partial(parts.door.known, request))
    return FeedResponse(lines, parts.feeds.one_more(caller.principal.name), _HEADERS)


async def stream(
    feed: Feed, watch: Watch, key: int, event: Answer | None, ask: Callable[[], Awaitable[object]]
) -> AsyncIterator[bytes]:
    """The stream; it is cancelled when the subscriber has gone, and ends when the door would not let them in again.

    Args:
        feed: What is told.
        watch: Tells when there is more.
        key: Of the instance.
        event: The first event, if there is one.
        ask: Asks the door, each time before something is told; raises what it refuses with.
    """
    yield f"retry: {RETRY}\n\n".encode()
    async with watch.on(key):
        while True:
            try:
                await ask()
                while event is not None:
                    yield _told(event)
                    await ask()
                    event = feed.taken()
                if feed.over:
                    return
                if feed.whole:
                    async with asyncio.timeout(SILENCE):
                        await watch.beyond(key, feed.rev)
                await watch.read(feed.look)
                event = feed.taken()
            except TimeoutError:
                yield KEEPALIVE_COMMENT
            except WfError as error:  # deleted, refused, or Postgres is away: who connects again is told
                log.info("feed ended early", workflow=feed.workflow, instance=feed.id, reason=str(error))
                return


def _told(event: dict[str, Any]) -> bytes:
    return format_sse_event(
        event=event["type"], data_str=to_json(event, only_ascii=True).decode(), id=str(event["eventId"])
    )
