"""The feed: what happens to an instance, as events, first those of the past and then each as it comes."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, LiteralString, Self

from wf.answers import Answer
from wf.clock import pauses
from wf.codec import decode
from wf.errors import InvalidSubscription
from wf.feed_events import EVENT_TYPES, PLACES, Fact, Standing, Telling
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from wf.catalog import Catalog
    from wf.database import Rows

FACTS = 500
"""Facts of the journal in one page."""

BYTES = 4 * 1_048_576
"""Bytes of results in one page, unless one fact alone has more."""

CURSOR_MAX = 2**62

_WIDTH = len(Standing._fields)


class Feed:
    """The events of one instance, a page at a time; whoever wants them waits between two looks.

    Args:
        catalog: Where the instance is looked up.
        workflow: Its workflow.
        id: Its id.
        cursor: Only events with a greater id; None for all.
        filter: Only events of these types; None for all.
        read: How to read stored values; what it cannot read is shown as `wf.plain.legible` can.
        rows: Runs the statements, in place of the catalog's database: feeds that wait together may share what is read.
        facts: Facts of the journal in one page, for who wants a few events only; `FACTS` by default.

    Attributes:
        cursor: The id of the last event taken: whoever begins there misses nothing.
        over: Whether there will be no more.
        workflow: Of the instance.
        id: Of the instance.

    Raises:
        InvalidSubscription: Cursor or filter cannot be used.
    """

    def __init__(
        self,
        catalog: Catalog,
        workflow: str,
        id: str,
        *,
        cursor: int | None = None,
        filter: Iterable[str] | None = None,
        read: Callable[[bytes], Any] = decode,
        rows: Callable[[LiteralString, Mapping[str, Any]], Rows] | None = None,
        facts: int | None = None,
    ) -> None:
        self.cursor = check_cursor(cursor)
        self.over = False
        self._types = check_filter(filter)
        self._catalog, self.workflow, self.id, self._read = catalog, workflow, id, read
        self._rows = rows or catalog.database.read
        self._facts = facts or FACTS
        self._sql = statements()
        self._key: int | None = None
        self._after = self.cursor
        self._seen: tuple[int, int, str] | None = None
        self._generation, self._from_seq = 0, 0
        self._found: deque[Answer] = deque()
        self._lock = threading.Lock()  # a look whose waiter has gone may still be on its way

    @property
    def rev(self) -> int:
        """The rev of the instance up to which everything has been taken; -1 before the first look."""
        return -1 if self._seen is None else self._seen[1]

    def find(self) -> int:
        """The key of the instance.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        if self._key is None:
            of = {"workflow": self.workflow, "id": self.id}
            found = self._rows(self._sql["feed_find"], of)
            if not found:
                raise self._catalog.missing(self.workflow, self.id)
            self._key = found[0][0]
        return self._key

    def take(self) -> Answer | None:
        """The next event if there is one, without waiting for it.

        Raises:
            InstanceNotFound: The instance has been deleted, or never was.
            JournalUnavailable: Postgres does not answer; what was missed comes with the next call.
        """
        with self._lock:
            while not self._found and not self.over:
                if not self._look():
                    return None
            return self._pop()

    def taken(self) -> Answer | None:
        """The next event of those that were read already."""
        with self._lock:
            return self._pop()

    def look(self) -> None:
        """Read what is new, a page of it at most, because somebody knows that there is something; raises as `take`."""
        with self._lock:
            self._read_page(self.find())

    @property
    def whole(self) -> bool:
        """Whether everything has been read that there was at the last look."""
        return self._seen is not None

    def _pop(self) -> Answer | None:
        if not self._found:
            return None
        event = self._found.popleft()
        self.cursor = event["eventId"]
        return event

    def _look(self) -> bool:
        """Read what is new, a page of it at most; False if nothing is."""
        key = self.find()
        if self._seen is not None:
            rows = self._rows(self._sql["feed_look"], {"key": key})
            if rows and rows[0] == self._seen:
                return False
        self._read_page(key)
        return True

    def _read_page(self, key: int) -> None:
        values = {
            "key": key, "generation": self._generation, "from_seq": self._from_seq,
            "from_rev": (self._after + 1) // PLACES, "facts": self._facts, "bytes": BYTES,
            "outputs": "step_completed" in self._types,
        }  # fmt: skip
        rows = self._rows(self._sql["feed_page"], values)
        if not rows:
            raise self._catalog.missing(self.workflow, self.id)
        standing = Standing(*rows[0][:_WIDTH])
        facts = [Fact(*row[_WIDTH:]) for row in rows if row[_WIDTH] is not None]
        self._found.extend(Telling(self.id, self._after, self._types, self._read).tell(standing, facts))
        self._after = max(self._after, standing.upto * PLACES + PLACES - 1)
        self._generation, self._from_seq = standing.generation, standing.next_seq
        whole = standing.upto == standing.rev
        self._seen = (standing.generation, standing.rev, standing.status) if whole else None
        self.over = standing.ended


class Subscription:
    """An iterator over the events of an instance; also a context manager.

    It ends after the event with which the instance ends, even if the filter leaves that out.

    Args:
        feed: The events.
        timeout: Seconds to wait for an event at most; None waits for ever.
    """

    def __init__(self, feed: Feed, timeout: float | None = None) -> None:
        self._feed, self._timeout = feed, timeout
        self._turn = threading.Lock()
        self._closed = threading.Event()

    @property
    def cursor(self) -> int:
        """The id of the last event: a subscription that begins there goes on behind it."""
        return self._feed.cursor

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Answer:
        """Wait for the next event; threads that call this are served one after another.

        Raises:
            StopIteration: The instance has ended and its last event was given, or the subscription is closed.
            TimeoutError: No event came in time; the next call waits again.
            InstanceNotFound: The instance has been deleted.
            JournalUnavailable: Postgres does not answer; nothing is missed by calling again.
        """
        with self._turn:
            for pause in pauses(self._timeout):
                if self._closed.is_set():
                    raise StopIteration
                if (event := self._feed.take()) is not None:
                    return event
                if self._feed.over:
                    raise StopIteration
                self._closed.wait(pause)
        raise _late(self._timeout)

    def next(self) -> Answer:
        """The next event as `{done, value}`; after the last one `done` is True."""
        return _answer(next(self, None))

    def close(self) -> None:
        """End it: whoever waits for an event, or asks for one later, is told that there are no more."""
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncSubscription:
    """As `Subscription`, to be awaited; no thread is held while it waits."""

    def __init__(self, feed: Feed, timeout: float | None = None) -> None:
        self._feed, self._timeout = feed, timeout
        self._turn = asyncio.Lock()
        self._closed = asyncio.Event()

    @property
    def cursor(self) -> int:
        """The id of the last event: a subscription that begins there goes on behind it."""
        return self._feed.cursor

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Answer:
        """As `Subscription.__next__`."""
        async with self._turn:
            for pause in pauses(self._timeout):
                event = None if self._closed.is_set() else await asyncio.to_thread(self._feed.take)
                if self._closed.is_set():
                    raise StopAsyncIteration
                if event is not None:
                    return event
                if self._feed.over:
                    raise StopAsyncIteration
                await _first(self._closed, pause)
        raise _late(self._timeout)

    async def next(self) -> Answer:
        """As `Subscription.next`."""
        return _answer(await anext(self, None))

    async def close(self) -> None:
        """As `Subscription.close`."""
        self._closed.set()

    aclose = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


async def _first(event: asyncio.Event, timeout: float) -> None:
    """Wait until the event is set, or the timeout is over."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([waiting], timeout=timeout)
    finally:
        waiting.cancel()


def _answer(event: Answer | None) -> Answer:
    return Answer(done=event is None, value=event)


def _late(timeout: float | None) -> TimeoutError:
    return TimeoutError(f"No event came within {timeout} s. The subscription is still open; ask again, or close it.")


def check_cursor(cursor: int | None) -> int:
    """The cursor as a number; 0 begins at the first event.

    Raises:
        InvalidSubscription: It is not a whole number from 0 on.
    """
    if cursor is None:
        return 0
    if isinstance(cursor, bool) or not isinstance(cursor, int) or cursor < 0:
        raise InvalidSubscription(f"cursor must be the eventId of an event, or 0 for all, not {cursor!r:.60}.")
    return min(cursor, CURSOR_MAX)


def check_filter(filter: Iterable[str] | None) -> frozenset[str]:
    """The types of events that are wanted.

    Raises:
        InvalidSubscription: It is not a list of types of events.
    """
    if filter is None:
        return frozenset(EVENT_TYPES)
    if isinstance(filter, str | bytes) or not isinstance(filter, list | tuple | set | frozenset):
        raise InvalidSubscription(f"filter must be a list of types of events, not {filter!r:.60}.")
    for type in filter:
        if type not in EVENT_TYPES:
            raise InvalidSubscription(f"There are no events of type {type!r:.60}. Types: {', '.join(EVENT_TYPES)}.")
    return frozenset(filter)
