"""Pages that stay true: a stream for each page that somebody looks at, with the page again whenever it has changed.

The page itself is asked for again, by the same request that its reader has sent, so that it can tell nothing else, nor
more: rights are looked at each time. The page of an instance is asked for as soon as its feed has something new
(`wf_api.watch`), every other one, and what no feed tells of, every `TICK`. A page that takes long to make is made less
often: a stream works for a fifth of its time at most. Nothing is sent while the page stays the same.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

import httpx
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from wf.errors import WfError
from wf.feed import Feed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fastapi import Request

    from wf_api.access import Caller

TICK = 0.3
"""Seconds between two looks at a page without news."""

SILENCE = 15.0
"""Seconds after which a comment is sent, lest a proxy take the connection for dead."""

RETRY = 1000
"""Milliseconds that a browser waits before it connects again."""

SHARE = 5
"""A stream waits so many times as long as the last page has taken to make."""

_INSTANCE = re.compile(r"/workflows/([^/]+)/instances/([^/]+)(?:/.*)?")
_MAIN = re.compile(r"<main\b.*</main>", re.DOTALL)
_NOT_PASSED = {"accept", "connection", "host", "last-event-id", "accept-encoding"}


class Rendered(NamedTuple):
    """The part of a page that may change, and a short name for exactly this state of it."""

    html: str
    digest: str


async def stream(request: Request, caller: Caller, target: str, seen: str) -> AsyncIterator[bytes]:
    """The stream of a page, until its reader has gone.

    Args:
        request: Who reads it; the page is asked for with the same headers.
        caller: The same.
        target: Path and query of the page.
        seen: The digest of what the reader has.
    """
    yield f"retry: {RETRY}\n\n".encode()
    told = time.monotonic()
    async with _news(caller, target) as wait:
        while True:
            began = time.monotonic()
            found = await render(request, target)
            if found is None:  # removed, or no longer theirs to see
                yield format_sse_event(event="gone", data_str="{}")
                return
            if found.digest != seen:
                seen, told = found.digest, time.monotonic()
                yield format_sse_event(event="page", data_str=json.dumps(found.html), id=seen)
            elif time.monotonic() - told > SILENCE:
                told = time.monotonic()
                yield KEEPALIVE_COMMENT
            await wait(time.monotonic() - began)


async def render(request: Request, target: str) -> Rendered | None:
    """A page as its reader would get it now; None if they would not get it.

    A page that fails for a while, such as without Postgres, is given as it is: it says so.
    """
    client = (request.client.host, request.client.port) if request.client else ("unknown", 0)
    transport = httpx.ASGITransport(request.app, raise_app_exceptions=False, client=client)
    headers = [(name, value) for name, value in request.headers.items() if name not in _NOT_PASSED]
    headers += [("accept", "text/html"), ("host", request.headers.get("host", ""))]
    async with httpx.AsyncClient(transport=transport, base_url=f"{request.url.scheme}://wf") as http:
        answer = await http.get(target, headers=headers)
    main = _MAIN.search(answer.text)
    if main is None or answer.status_code in {303, 401, 403, 404}:
        return None
    return Rendered(main[0], sha256(main[0].encode()).hexdigest()[:16])


def is_page(target: str) -> bool:
    """Whether a target is a page of ours, and not the API or another site."""
    parts = urlsplit(target)
    plain = not parts.scheme and not parts.netloc and target.startswith("/") and not target.startswith("//")
    return plain and not parts.path.startswith(("/api/", "/live", "/static/", "/metrics", "/login"))


@asynccontextmanager
async def _news(caller: Caller, target: str) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
    """What waits for news of a page, or until the next look is due; it is told how long the last look has taken."""
    watch, key, rev = caller.parts.watch, await _instance(caller, target), -1

    async def until_due(busy: float) -> None:
        await asyncio.sleep(max(TICK, busy * SHARE))

    async def until_news(busy: float) -> None:
        nonlocal rev
        await asyncio.sleep(busy * SHARE)
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                rev = await watch.beyond(key, rev) if key is not None else rev

    if key is None:
        yield until_due
        return
    async with watch.on(key):
        yield until_news


async def _instance(caller: Caller, target: str) -> int | None:
    """The key of the instance that a page is about, if it is about one that is there."""
    found = _INSTANCE.fullmatch(urlsplit(target).path)
    if found is None:
        return None
    feed = Feed(caller.client.catalog, unquote(found[1]), unquote(found[2]))
    with suppress(WfError):
        return await caller.parts.watch.read(feed.find)
    return None
