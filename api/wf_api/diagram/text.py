"""Text in a picture: about how wide it is, and cut where there is no more room."""

from __future__ import annotations

import unicodedata
from functools import cache

NAME, DETAIL, CODE, PLAIN = 13.0, 11.0, 11.0, 10.3
"""Sizes of fonts, in pixels; `diagram.css` has the same. Plain text of 11 is narrower than what is bold."""

ELLIPSIS = "…"
_LONGEST = 2_000
"""Characters of a name that are looked at."""

_NARROW, _SLIM, _BROAD = frozenset("ijlI.,:;'|!`"), frozenset('frt()[]{}-/\\" *'), frozenset("mwMW@%—…<>+=~#&")


def clean(text: object) -> str:
    """A text on one line, without what no page can hold."""
    if isinstance(text, str):
        found = " ".join(text[:_LONGEST].split())
        return "".join(char if char.isprintable() or _is_kept(char) else "\N{REPLACEMENT CHARACTER}" for char in found)
    return "" if text is None else clean(str(text))


def width(text: str, size: float, *, code: bool = False) -> float:
    """About how wide it is, rather too much than too little; code has letters of one width."""
    return sum(map(_share_of_code if code else _share, text)) * size


def cut(text: str, room: float, size: float, *, code: bool = False) -> str:
    """As much of it as there is room for, an ellipsis in place of the rest."""
    if width(text, size, code=code) <= room:
        return text
    share = _share_of_code if code else _share
    left = room / size - share(ELLIPSIS)
    for number, char in enumerate(text):
        left -= share(char)
        if left < 0:
            return text[:number].rstrip() + ELLIPSIS
    return text


@cache
def _share(char: str) -> float:
    """How wide a character is, in heights of the font."""
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.1
    if char in _NARROW:
        return 0.32
    if char in _SLIM:
        return 0.42
    if char in _BROAD:
        return 0.98
    return 0.75 if char.isupper() or ord(char) > 0x2000 else 0.63


@cache
def _share_of_code(char: str) -> float:
    return 0.62 if char.isascii() else _share(char)


def _is_kept(char: str) -> bool:
    """Marks of the direction of text and joiners are part of words; a picture isolates what they do."""
    return unicodedata.category(char) == "Cf"
