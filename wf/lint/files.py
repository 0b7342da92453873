"""Which files are checked, and their text."""

from __future__ import annotations

import io
import os
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SKIPPED = {"__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist"}
"""Folders that hold no source of the user's; nor do those whose names begin with a dot."""


def python_files(paths: Iterable[str]) -> Iterator[str]:
    """Files as they are named, and all Python files below folders, in order; each once.

    Raises:
        FileNotFoundError: There is neither a file nor a folder of this name.
    """
    seen: set[str] = set()
    for path in paths:
        if not os.path.lexists(path):
            raise FileNotFoundError(path)
        for file in _below(path) if os.path.isdir(path) else [path]:  # noqa: PTH112  # paths stay as they were given
            if (real := os.path.realpath(file)) not in seen:
                seen.add(real)
                yield file


def _below(folder: str) -> Iterator[str]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not _skipped(here, each))
        named = (os.path.normpath(os.path.join(here, each)) for each in sorted(files) if each.endswith(".py"))  # noqa: PTH118
        yield from (each for each in named if os.path.isfile(each))  # noqa: PTH113  # a pipe would never end


def _skipped(here: str, name: str) -> bool:
    made = os.path.join(here, name, "pyvenv.cfg")  # noqa: PTH118
    return name.startswith(".") or name in _SKIPPED or os.path.exists(made)  # noqa: PTH110


def text_of(data: bytes) -> str:
    """The text of a file, in the encoding that it declares.

    Raises:
        SyntaxError: It is not in that encoding, or there is no such encoding.
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SyntaxError(f"not {encoding}: byte {data[error.start]:#04x}", ("", line, 1, "")) from None
