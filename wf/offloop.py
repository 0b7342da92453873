"""What may take a while, off the event loop.

The clients' code is the same for sync and async callers. In a transaction of an AsyncSession or AsyncConnection it runs
on the loop's thread, where SQLAlchemy has it wait for the caller's driver without holding the loop; whatever else it
waits for, the journal's own connections and Redis, would hold it.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


def off_loop(call: Callable[..., Result], *args: object) -> Result:
    """Call something; on a thread of its own if this code runs on that of an event loop."""
    if "greenlet" in sys.modules and in_greenlet():  # without, nothing of the kind can be going on
        return await_only(asyncio.to_thread(call, *args))
    return call(*args)
