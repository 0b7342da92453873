"""Files to which several processes append a line at a time: what they did, in their own words."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def now() -> float:
    """The machine's time, in seconds since the epoch; not `time.time()`, which may be skewed."""
    return time.clock_gettime(time.CLOCK_REALTIME)


def append(path: Path | str, **entry: Any) -> None:
    """Write one line, at once and whole."""
    line = json.dumps({"at": now(), **entry}).encode() + b"\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def read(path: Path) -> list[dict[str, Any]]:
    """All entries, in their order; none if nobody has written."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
