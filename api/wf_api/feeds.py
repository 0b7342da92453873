"""How many feeds or pages one caller follows at a time. Counted in this process: each of several counts for itself."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastapi.responses import StreamingResponse

from wf_api.problems import TooManyRequests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from contextlib import AbstractContextManager

    from starlette.types import Receive, Scope, Send

RETRY_AFTER = 10
"""Seconds; nobody knows when the caller ends a feed."""


class Feeds:
    """Counts the feeds of each caller, on the event loop.

    Args:
        most: That one caller may follow.
        what: What is followed.
        setting: Where the most stands.
    """

    def __init__(self, most: int, what: str = "feeds", setting: str = "WF_API_MAX_FEEDS") -> None:
        self._most, self._open, self._what, self._setting = most, Counter[str](), what, setting

    @contextmanager
    def one_more(self, name: str) -> Iterator[None]:
        """Count a feed of this caller for as long as the block lasts.

        Raises:
            TooManyRequests: They follow as many as they may.
        """
        if self._open[name] >= self._most:
            raise TooManyRequests(
                f"{name} follows {self._most} {self._what} already ({self._setting}). End one first.", RETRY_AFTER
            )
        self._open[name] += 1
        try:
            yield
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]


class FeedResponse(StreamingResponse):
    """A stream that is counted while it is sent: also if its reader has gone before the first line.

    Args:
        lines: The stream.
        counted: Entered before it begins; what that raises is the answer.
        headers: More headers.
    """

    media_type = "text/event-stream"

    def __init__(
        self, lines: AsyncIterator[bytes], counted: AbstractContextManager[None], headers: Mapping[str, str]
    ) -> None:
        super().__init__(lines, headers=headers)
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._counted:
            await super().__call__(scope, receive, send)
