"""What outlives a process that is killed: the clock, and the side effects that it has had."""

from __future__ import annotations

import json
import mmap
import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

START = 4_000_000_000.0
"""When each cell begins, in seconds since the epoch."""


class SharedClock:
    """A clock that stands still until somebody moves it, in memory that processes share: nobody has to wait."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)
        self.set(START)

    def now(self) -> float:
        """Seconds since the epoch."""
        (found,) = struct.unpack("d", self._memory[:8])
        return float(found)

    def observe(self, database_now: float) -> None:
        """Nothing to learn: this clock is the truth."""

    def override(self) -> float | None:
        """Statements take this time instead of the database's."""
        return self.now()

    def set(self, at: float) -> None:
        """Move it."""
        self._memory[:8] = struct.pack("d", round(at, 6))


class Ledger:
    """Side effects, one a line; a line is written at once or not at all.

    Args:
        path: Of the file.

    Attributes:
        path: The same.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, *what: object) -> None:
        """Have an effect."""
        line = json.dumps(what).encode() + b"\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, line)
        finally:
            os.close(file)

    def read(self) -> list[list[object]]:
        """All of them."""
        return [json.loads(line) for line in self.path.read_bytes().splitlines()] if self.path.exists() else []

    def has(self, *what: object) -> bool:
        """Whether there was this effect."""
        return list(what) in self.read()
