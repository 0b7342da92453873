"""Style sheets, scripts and pictures of pages, by addresses that change with them: browsers need not ask again."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

STATIC_FOLDER = Path(__file__).parent / "static"
STATIC = "/static/"
"""Below this path they are served."""


@cache
def asset(name: str) -> str:
    """The address of a file, with a mark of its content."""
    return f"{STATIC}{name}?v={_mark(name)}"


def is_lasting(path: str, query: bytes) -> bool:
    """Whether an address will always stand for what is there now.

    Not that of another release, which a server may be asked for while both serve.
    """
    name = path.removeprefix(STATIC)
    return query.startswith(b"v=") and name in _names() and query == f"v={_mark(name)}".encode()


@cache
def _mark(name: str) -> str:
    return sha256((STATIC_FOLDER / name).read_bytes()).hexdigest()[:12]


@cache
def _names() -> frozenset[str]:
    return frozenset(file.name for file in STATIC_FOLDER.iterdir())
