"""Pages that stay true: a stream for each page that somebody looks at, with the page again whenever it has changed.

The page itself is asked for again, by the same request that its reader has sent, so that it can tell nothing else, nor
more: rights are looked at each time. The page of an instance is asked for as soon as its feed has something new
(`wf_api.watch`), every other one, and what no feed tells of, every `TICK`. A page that takes long to make is made less
often: it is worked at for a fifth of the time at most. Nothing is sent while the page stays the same.

Who sends the very same request shares one look with the others, and `AT_ONCE` looks go on in a process at a time,
in the order in which they were wanted: however many pages are followed, other requests get their turn.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from wf.errors import WfError
from wf.feed import Feed
from wf_api.addresses import Sender
from wf_api.inside import ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fastapi import Request

    from wf_api.access import Caller
    from wf_api.addresses import Address

TICK = 0.3
"""Seconds between two looks at a page without news."""

SILENCE = 15.0
"""Seconds after which a comment is sent, lest a proxy take the connection for dead."""

RETRY = 1000
"""Milliseconds that a browser waits before it connects again."""

SHARE = 5
"""A page is left alone so many times as long as the last look has taken."""

AT_ONCE = 2
"""Looks that go on at a time."""

log = structlog.get_logger("wf")

_MAIN = re.compile(r"<main\b.*</main>", re.DOTALL)
_SHOWN = {200, 400}
"""A filter that makes no sense is told on the page that has it."""

_NO_LOGIN, _NOT_THEIRS = {303, 401}, {403, 404}
_TROUBLES = {429: "too many requests", 503: "the journal does not answer"}


class Seen(NamedTuple):
    """What a look at a page has found.

    Attributes:
        event: `page`; `trouble`, if it cannot be made at the moment; `gone`, if its reader will not see it again.
        data: The page, or why not.
        digest: A short name for exactly this.
    """

    event: str
    data: Any
    digest: str


class Followed:
    """A page that somebody follows.

    Attributes:
        readers: How many.
        seen: What the last look has found.
        news: Is set, and replaced, when a look finds something else.
        over: Whether nobody looks any more.
        looking: The task that does.
    """

    def __init__(self) -> None:
        self.readers = 0
        self.seen: Seen | None = None
        self.news = asyncio.Event()
        self.over = False
        self.looking: asyncio.Task[None] | None = None

    def tell(self, seen: Seen) -> None:
        """Let the readers know what was found."""
        if self.seen is None or seen.digest != self.seen.digest:
            self.seen = seen
            self.wake()

    def wake(self) -> None:
        """Let the readers look up."""
        self.news.set()
        self.news = asyncio.Event()


class Live:
    """Looks at the pages that are followed in one process, on its event loop."""

    def __init__(self) -> None:
        self._followed: dict[tuple[str, Sender], Followed] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def on(self, request: Request, caller: Caller, address: Address) -> AsyncIterator[Followed]:
        """Follow a page for as long as the block lasts."""
        key = (address.target, Sender.of(request))
        page = self._followed.get(key)
        if page is None or page.over:
            page = self._followed[key] = Followed()
            page.looking = asyncio.create_task(self._look(page, request, caller, address))
        page.readers += 1
        try:
            yield page
        finally:
            page.readers -= 1
            if not page.readers:
                if page.looking is not None:
                    page.looking.cancel()
                if self._followed.get(key) is page:
                    del self._followed[key]

    async def _look(self, page: Followed, request: Request, caller: Caller, address: Address) -> None:
        """Look at a page again and again, until its readers are gone, or it is."""
        sender = Sender.of(request)
        try:
            async with _news(caller, address) as wait:
                while page.seen is None or page.seen.event != "gone":
                    async with self._turns:
                        began = time.monotonic()
                        page.tell(await look(request, address, sender))
                        busy = time.monotonic() - began
                    await wait(busy)
        except Exception:  # nobody else would hear of it; the readers connect again
            log.exception("a page stands still", page=address.target)
        finally:
            page.over = True
            page.wake()


async def stream(request: Request, caller: Caller, address: Address, digest: str) -> AsyncIterator[bytes]:
    """The stream of a page, until its reader has gone.

    Args:
        request: Who reads it; the page is asked for with the same headers.
        caller: The same.
        address: Which page.
        digest: Of what the reader has.
    """
    yield f"retry: {RETRY}\n\n".encode()
    async with caller.parts.live.on(request, caller, address) as page:
        while True:
            news, seen, over = page.news, page.seen, page.over
            if seen is not None and seen.digest != digest:
                digest = seen.digest
                id = digest if seen.event == "page" else None
                yield format_sse_event(event=seen.event, data_str=json.dumps(seen.data), id=id)
            if over:
                return
            try:
                async with asyncio.timeout(SILENCE):
                    await news.wait()
            except TimeoutError:
                yield KEEPALIVE_COMMENT


async def logged_out() -> AsyncIterator[bytes]:
    """The stream for somebody whom nobody knows: it tells where to go, and no more."""
    yield format_sse_event(event="gone", data_str=json.dumps({"why": "login"}))


async def look(request: Request, address: Address, sender: Sender) -> Seen:
    """The page as its readers would get it now."""
    answer = await ask(request.app, address.target, sender)
    status, main = answer.status_code, _MAIN.search(answer.text)
    if status in _NO_LOGIN:
        return Seen("gone", {"why": "login"}, "login")
    if status in _NOT_THEIRS:
        return Seen("gone", {"why": "gone"}, "gone")
    if status not in _SHOWN or main is None:
        return Seen("trouble", {"why": _TROUBLES.get(status, "the server has failed")}, f"trouble-{status}")
    return Seen("page", main[0], sha256(main[0].encode()).hexdigest()[:16])


@asynccontextmanager
async def _news(caller: Caller, address: Address) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
    """What waits for news of a page, or until the next look is due; it is told how long the last look has taken."""
    watch, key, rev = caller.parts.watch, await _instance(caller, address), -1

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


async def _instance(caller: Caller, address: Address) -> int | None:
    """The key of the instance that a page is about, if it is about one that is there."""
    if not address.params.keys() >= {"name", "id"}:
        return None
    feed = Feed(caller.client.catalog, address.params["name"], address.params["id"])
    with suppress(WfError):
        return await caller.parts.watch.read(feed.find)
    return None
