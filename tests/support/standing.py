"""Doors at which callbacks and whole workers stand until a test lets them through."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wf import crashpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

LIMIT = 20.0
"""Seconds after which a door that nobody opens, or to which nobody comes, fails the test."""


class Door:
    """A door that is closed at first."""

    def __init__(self) -> None:
        self._arrived, self._opened = threading.Event(), threading.Event()

    def stand(self) -> None:
        """Say that we are here, and wait."""
        self._arrived.set()
        assert self._opened.wait(LIMIT), "nobody opened the door"

    def wait_for(self) -> None:
        """Wait until somebody stands at the door."""
        assert self._arrived.wait(LIMIT), "nobody came to the door"

    def open(self) -> None:
        """Let everybody through, now and later."""
        self._opened.set()


@contextmanager
def held_at(point: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """Let the first worker that reaches a crash point stand there; the others pass."""
    door, first = Door(), threading.Lock()

    def stop() -> None:
        if first.acquire(blocking=False):
            door.stand()

    with monkeypatch.context() as armed:
        armed.setattr(crashpoints, "_armed", point)
        armed.setattr(crashpoints, "_stop", stop)
        try:
            yield door
        finally:
            door.open()
