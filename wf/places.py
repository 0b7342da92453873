"""Where an author's code asks for a step: file and line of the call."""

from __future__ import annotations

import asyncio
import inspect
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from wf.core import CoreLoop
from wf.sides import Asked

if TYPE_CHECKING:
    from types import FrameType

    from wf.core import Request

_MACHINERY = tuple(f"{folder}/" for folder in (Path(__file__).parent, Path(asyncio.__file__).parent))
_LIBRARY = f"{sysconfig.get_path('stdlib')}/"
_INSTALLED = ("site-packages", "dist-packages")
_LOOP = CoreLoop.run_until_quiet.__code__


class Observer:
    """Notes what `run` asks for, in order, and where; to be given to a pass as `asked`.

    Attributes:
        asked: What it has asked for so far.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def __call__(self, request: Request) -> None:
        """Note a request, while the call that makes it is going on."""
        self.asked.append(Asked(request.key, _place(request)))


def _place(request: Request) -> str:
    frame = _author(sys._getframe(2))  # noqa: SLF001  # as tracebacks do, without the price of one
    if frame is not None:
        return f"{_shown(frame.f_code.co_filename)}:{frame.f_lineno}"
    # A decorated step that waited for others is started by the loop: then its function is what can be shown.
    code = getattr(inspect.unwrap(request.callback), "__code__", None) if request.callback is not None else None
    return f"{_shown(code.co_filename)}:{code.co_firstlineno}" if code is not None else ""


def _author(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of the author's; None if the loop itself has called."""
    while frame is not None and frame.f_code is not _LOOP:
        if _is_authors(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


@lru_cache(maxsize=1024)
def _is_authors(file: str) -> bool:
    if file.startswith((*_MACHINERY, "<frozen ")):
        return False
    return not file.startswith(_LIBRARY) or any(folder in file for folder in _INSTALLED)


@lru_cache(maxsize=1024)
def _shown(file: str) -> str:
    """A file as it is written from here, or its last folder and its name."""
    path = Path(file)
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return "/".join(path.parts[-2:])
