"""Keys that are pressed while a live view runs."""

from __future__ import annotations

import os
import select
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def pressed() -> Iterator[Callable[[float], str]]:
    """Read single keys: gives a function that waits so many seconds for one, and returns "" if none came.

    Ctrl-C interrupts as ever. Without a terminal to read from, the function only waits.
    """
    if not sys.stdin.isatty():
        yield _only_wait
        return
    import termios  # noqa: PLC0415  (not on every system)
    import tty  # noqa: PLC0415

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)

    def key(timeout: float) -> str:
        ready, _, _ = select.select([terminal], [], [], timeout)
        return os.read(terminal, 16).decode(errors="replace")[:1] if ready else ""

    try:
        tty.setcbreak(terminal)
        yield key
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _only_wait(timeout: float) -> str:
    time.sleep(timeout)
    return ""
