"""One look for all feeds: however many subscribers wait, Postgres is asked once a tick which instances have moved on.

A subscriber that polled by itself would cost a query every quarter of a second; ten thousand of them, 40,000 a second.
Here they cost one statement by primary keys for each `BATCH` of instances, and a feed is read only when its instance
has something new: once for all who follow the same instance from the same place. It stops with the last subscriber.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, LiteralString, NoReturn, TypeVar

import structlog
from anyio import CapacityLimiter, to_thread

from wf.errors import WfError
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from wf.database import Database, Rows

BATCH = 5000
"""Instances in one statement: some milliseconds of Postgres."""

READERS = 8
"""Feeds that are read at a time, lest a burst of news keep every thread and connection from other requests."""

GONE = 2**63 - 1
"""Stands for the rev of an instance that is not there any more: newer than any."""

T = TypeVar("T")

log = structlog.get_logger("wf")


@dataclass
class _Watched:
    """An instance that feeds follow: its rev when last looked at, and an event that is set when it grows."""

    rev: int = -1
    watchers: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    pages: dict[object, Future[Rows]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, rev: int) -> None:
        if rev != self.rev:
            with self.lock:
                self.pages = {}  # what was read before may lack what is new
            self.rev = rev
            self.news.set()
            self.news = asyncio.Event()

    def shared(self, what: object, read: Callable[[], Rows]) -> Rows:
        """What one of the followers has read since the last news, or reads now; else it is read by this call."""
        if self.watchers < 2:
            return read()
        with self.lock:
            pages, page = self.pages, self.pages.get(what)
            if mine := page is None:
                page = pages[what] = Future()
        assert page is not None
        if mine:
            try:
                page.set_result(read())
            except BaseException as error:  # whoever waits for it shall hear of it; the next one tries again
                pages.pop(what, None)
                page.set_exception(error)
        return page.result()


class Watch:
    """Watches instances for the feeds of one process, on its event loop.

    Args:
        database: Where they are.
        tick: Seconds between two looks.
    """

    def __init__(self, database: Database, tick: float) -> None:
        self._database, self._tick = database, tick
        self._watched: dict[int, _Watched] = {}
        self._looking: asyncio.Task[NoReturn] | None = None
        self._readers = CapacityLimiter(READERS)

    @property
    def watchers(self) -> int:
        """Feeds that are followed now."""
        return sum(watched.watchers for watched in self._watched.values())

    async def read(self, look: Callable[[], T]) -> T:
        """Read a feed on a thread, when its turn comes."""
        return await to_thread.run_sync(look, limiter=self._readers)

    @asynccontextmanager
    async def on(self, key: int) -> AsyncIterator[None]:
        """Watch an instance for as long as the block lasts."""
        watched = self._watched.setdefault(key, _Watched())
        watched.watchers += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            watched.watchers -= 1
            if not watched.watchers:
                del self._watched[key]
            if not self._watched and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def rows(self, sql: LiteralString, params: Mapping[str, Any]) -> Rows:
        """Run a statement of a feed, or share what another follower of the same instance has just been told by it."""
        watched = self._watched.get(params.get("key", 0))
        if watched is None:
            return self._database.read(sql, params)
        return watched.shared((sql, *params.values()), lambda: self._database.read(sql, params))

    async def beyond(self, key: int, rev: int) -> int:
        """Wait until a watched instance has a greater rev than this, or is gone; gives its rev."""
        watched = self._watched[key]
        while watched.rev <= rev:
            await watched.news.wait()
        return watched.rev

    async def _look(self) -> NoReturn:
        while True:
            await asyncio.sleep(self._tick)
            keys = list(self._watched)
            try:
                for first in range(0, len(keys), BATCH):
                    await self._look_at(keys[first : first + BATCH])
            except WfError as error:  # the next look may succeed; who subscribes meanwhile is refused by the feed
                log.warning("feeds stand still", subscribers=self.watchers, reason=str(error))
            except Exception:  # nobody else would hear of it, and every feed would be silent for ever
                log.exception("feeds stand still", subscribers=self.watchers)

    async def _look_at(self, keys: list[int]) -> None:
        rows = await to_thread.run_sync(self._database.read, statements()["feed_watch"], {"keys": keys})
        revs: dict[int, int] = dict(rows)
        for key in keys:
            if (watched := self._watched.get(key)) is not None:
                watched.tell(revs.get(key, GONE))
