"""Subscribers of feeds over REST."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.errands import Errand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig
    from tests.support.api import Api

FEED = "/api/workflows/errand/instances/r-17/subscribe"

WAITING = ["workflow_queued", "workflow_started", "workflow_running", "wait_started", "workflow_waiting"]
ENDED = ["wait_completed", "workflow_completed"]
"""What is told of an errand that waits, and of its end."""


def finish(rig: Rig, id: str = "r-17") -> None:
    """Give an errand that waits what it waits for."""
    rig.client.workflow(Errand).get(id).send_event("go", "done")
    rig.settle()


class Told(NamedTuple):
    """An event as a browser gets it."""

    id: int
    type: str
    data: dict[str, Any]


class Stream:
    """A subscriber; it iterates over the events, and notes all else."""

    def __init__(self, lines: Iterator[str], headers: Any) -> None:
        self._lines, self.headers = lines, headers
        self.retry: list[str] = []
        self.comments: list[str] = []

    def block(self) -> dict[str, str] | None:
        """What stands before the next empty line; None at the end."""
        found: dict[str, str] = {}
        for line in self._lines:
            if not line:
                return found
            name, _, value = line.partition(":")
            found[name] = value.removeprefix(" ")
        assert not found, f"the stream was cut off in the middle of {found}"
        return None

    def __iter__(self) -> Iterator[Told]:
        return self

    def __next__(self) -> Told:
        while (block := self.block()) is not None:
            if "data" in block:
                return Told(int(block["id"]), block["event"], json.loads(block["data"]))
            if "" in block:
                self.comments.append(block[""])
            if "retry" in block:
                self.retry.append(block["retry"])
        raise StopIteration


@contextmanager
def follow(api: Api, path: str = FEED, after: int | None = None, **query: Any) -> Iterator[Stream]:
    """A subscription that was accepted."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with api.http.stream("GET", path, params=query, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield Stream(answer.iter_lines(), answer.headers)


def take(stream: Iterator[Told], number: int) -> list[str]:
    return [next(stream).type for _ in range(number)]
