"""Errors that are the same but for the things they name: grouped by a fingerprint of what stays when those are gone."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

LENGTH = 300
"""Characters of a message that count."""

LINES = 3
"""Lines of a message that are shown."""

TEXT = 100
"""Characters of a text by which a list finds such errors again."""

_LEAST = 4  # characters of a text that says something

_THINGS = re.compile(
    r"""
    (?=["'`0-9a-fA-F])
    (?:
      (?P<text> "[^"\n]*" | (?<!\w)'[^'\n]*'(?!\w) | `[^`\n]*` )
    | (?<![0-9A-Za-z]) (?:
        (?P<uuid> [0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12} )
      | (?P<hex>  0[xX][0-9a-fA-F]+ | (?=[a-fA-F]*[0-9])(?=[0-9]*[a-fA-F])[0-9a-fA-F]{8,} )
      ) (?![0-9A-Za-z])
    | (?P<number> [0-9]+ (?: [.,:][0-9]+ )* )
    )
    """,
    re.VERBOSE,
)
"""What differs from error to error: ids, quoted texts, addresses, numbers, times."""


class Fingerprint(NamedTuple):
    """What errors of one kind have in common.

    Attributes:
        name: Their name.
        pattern: Their message with `<number>`, `<text>`, `<hex>` and `<uuid>` in the place of things.
    """

    name: str
    pattern: str

    @property
    def hash(self) -> str:
        """The same, short."""
        return sha256(f"{self.name}\0{self.pattern}".encode(errors="surrogatepass")).hexdigest()[:12]


def fingerprint(name: str, message: str) -> Fingerprint:
    """The fingerprint of an error."""
    return _fingerprint(name[:LENGTH], message[:LENGTH])


@lru_cache(maxsize=4096)  # whoever looks, looks again in a moment
def _fingerprint(name: str, message: str) -> Fingerprint:
    return Fingerprint(name, _THINGS.sub(lambda found: f"<{found.lastgroup}>", message))


def common_text(name: str, message: str) -> str:
    """The longest part of a message that stands in all errors of its fingerprint; their name if that says more."""
    parts = [part.strip()[:TEXT].strip() for part in _THINGS.sub("\n", message[:LENGTH]).splitlines()]
    longest = max(parts, key=len, default="")
    return longest if len(longest) >= _LEAST else name[:TEXT]


def first_lines(message: str) -> str:
    """The beginning of a message."""
    return "\n".join(message[:LENGTH].splitlines()[:LINES])
