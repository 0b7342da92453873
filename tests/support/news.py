"""Somebody who follows a page."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.sse import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.api import Api


class News(NamedTuple):
    """An event as the script gets it."""

    event: str
    data: Any
    id: str


def news(stream: Stream) -> Iterator[News]:
    """The events of a stream, to its end."""
    while (block := stream.block()) is not None:
        if "event" in block:
            yield News(block["event"], json.loads(block["data"]), block.get("id", ""))


@contextmanager
def following(api: Api, page: str, seen: str = "", **headers: str) -> Iterator[Iterator[News]]:
    """The news of a page.

    Args:
        api: The server.
        page: Path and query.
        seen: The id of what is known.
        **headers: What the reader shows of themselves.
    """
    sent = headers | ({"Last-Event-ID": seen} if seen else {})
    with api.http.stream("GET", "/live", params={"page": page}, headers=sent) as answer:
        assert answer.status_code == 200, answer.read()
        yield news(Stream(answer.iter_lines(), answer.headers))
