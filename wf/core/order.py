"""The order that `asyncio.as_completed` forgets.

It puts what it is given into a set, and starts coroutines as the set gives them: in the order of memory addresses,
which is another in every pass. Steps of one name would then change places between two passes. So we look up the
author's own list, in the frame of `as_completed`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

UNORDERED = (
    "asyncio.as_completed was given coroutines without an order: which of them comes first may change, and with it "
    "which of several steps of one name is whose. Give it a list."
)


def siblings() -> Iterable[Any] | None:
    """What `as_completed` was given, if it is `as_completed` that starts a task at this moment."""
    frame = sys._getframe(2).f_back  # noqa: SLF001  # the caller of `create_task`
    while frame is not None and frame.f_globals is vars(asyncio.tasks):
        if frame.f_code.co_name == "as_completed":
            given: Iterable[Any] = frame.f_locals["fs"]
            return given
        frame = frame.f_back
    return None
