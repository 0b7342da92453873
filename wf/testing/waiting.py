"""Waiting for a state instead of for a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_POLL = 0.01  # seconds


def wait_until(predicate: Callable[[], T], timeout: float = 10, what: str = "") -> T:
    """Wait until the predicate gives something true, and return that.

    Args:
        predicate: Asked every 10 ms.
        timeout: Seconds.
        what: What should happen, for the message.

    Raises:
        AssertionError: It did not happen in time.
    """
    deadline = time.monotonic() + timeout
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Did not happen in {timeout:g} s: {what or predicate}. Last seen: {value!r}")
        time.sleep(_POLL)
    return value
