"""Why a journal and the code do not fit: both sides beside each other, where they part, and what the cause may be."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from wf.suspects import causes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wf.core import Key
    from wf.sides import Asked, Recorded

WIDTH = 120
"""Columns of an explanation."""

BEFORE, AFTER = 3, 8
"""Lines that are shown before the place where the sides part, and from there on."""

_LEFT, _RIGHT = 56, 60  # columns of the two sides; two more are the mark's
_NAME = 26  # characters that stay of a name however long its line is
_BLANK = "-"


class Pair(NamedTuple):
    """A line of both sides; one may have nothing there."""

    recorded: Recorded | None
    asked: Asked | None


def explain(
    recorded: Sequence[Recorded], asked: Sequence[Asked], end: str = "", *, before: int = BEFORE, after: int = AFTER
) -> str:
    """Both sides in order, the first place where they part marked, and the causes that fit.

    Args:
        recorded: What the journal holds, in the order of its numbers.
        asked: What the code asks for now, in its order.
        end: How `run` ends after that, such as "`run` returns"; empty if it waits.
        before: Lines to show before the place where they part.
        after: Lines to show from there on.

    Returns:
        Lines of at most `WIDTH` columns, fewer than forty.
    """
    pairs = side_by_side(recorded, asked)
    parting = place_of_parting(pairs, recorded, asked)
    middle = len(pairs) if parting is None else parting
    shown = range(max(middle - before, 0), min(middle + after, len(pairs)))
    lines = list(_table(pairs, shown, parting, end))
    if parting is not None:
        pair = pairs[parting]
        lines += ["", *_listed(causes(pair.recorded, pair.asked, recorded, asked, end))]
    return "\n".join(lines)


def side_by_side(recorded: Sequence[Recorded], asked: Sequence[Asked]) -> list[Pair]:
    """What belongs together on one line: the same step, or one that stands in the place of another."""
    known, wanted = {one.key for one in recorded}, {one.key for one in asked}
    pairs, left, right = [], list(reversed(recorded)), list(reversed(asked))
    while left or right:
        gone, new = bool(left) and left[-1].key not in wanted, bool(right) and right[-1].key not in known
        take_left = bool(left) and (gone or not new)
        take_right = bool(right) and (new or not gone)
        pairs.append(Pair(left.pop() if take_left else None, right.pop() if take_right else None))
    return pairs


def place_of_parting(pairs: Sequence[Pair], recorded: Sequence[Recorded], asked: Sequence[Asked]) -> int | None:
    """The line at which the sides part: a step of the journal that is not asked for; if all are, one that is new.

    `run` may ask for what the journal does not hold without harm, if it takes it back at once. So a new step counts
    only if nothing is missing, and another order only if nothing is new.
    """
    known, wanted = {one.key for one in recorded}, {one.key for one in asked}
    rules = (
        lambda pair: pair.recorded is not None and pair.recorded.key not in wanted,
        lambda pair: pair.asked is not None and pair.asked.key not in known,
        lambda pair: pair.recorded is not None and pair.asked is not None and pair.recorded.key != pair.asked.key,
    )
    for rule in rules:
        for number, pair in enumerate(pairs):
            if rule(pair):
                return number
    return None


def _table(pairs: Sequence[Pair], shown: range, parting: int | None, end: str) -> Iterable[str]:
    yield _line(" ", "the journal holds", "the code asks for now")
    if shown.start:
        yield _line(" ", f"… {shown.start} more before", "…")
    for number in shown:
        recorded, asked = pairs[number]
        mark = ">" if number == parting else " "
        yield _line(mark, _BLANK if recorded is None else _left(recorded), _BLANK if asked is None else _right(asked))
    if left := pairs[shown.stop :]:
        counts = [sum(pair[side] is not None for pair in left) for side in (0, 1)]
        yield _line(" ", *(f"… {count} more" if count else "" for count in counts))
    if end:
        yield _line(" ", "", f"… and then {end}")


def _line(mark: str, left: str, right: str) -> str:
    return f"{mark} {shortened(left, _LEFT):<{_LEFT}}  {shortened(right, _RIGHT)}".rstrip()


def _left(one: Recorded) -> str:
    return str(one._replace(key=_fitting(one.key, str(one), _LEFT)))


def _right(one: Asked) -> str:
    if len(str(one)) > _RIGHT:
        one = one._replace(place=one.place.rpartition("/")[2])
    return str(one._replace(key=_fitting(one.key, str(one), _RIGHT)))


def _fitting(key: Key, text: str, width: int) -> Key:
    """The key with so much of its name that the line fits; the rest of a line is worth more."""
    room = max(len(key.name) - max(len(text) - width, 0), _NAME)
    return key._replace(name=shortened(key.name, room))


def shortened(text: str, width: int) -> str:
    """A text of at most so many characters; what is too much goes out of its middle."""
    if len(text) <= width:
        return text
    half = (width - 1) // 2
    return f"{text[: width - 1 - half]}…{text[len(text) - half :]}"


def _listed(sentences: Iterable[str]) -> Iterable[str]:
    """Sentences below each other, wrapped; lines after the first of one stay as they are."""
    for sentence in sentences:
        first, *others = sentence.split("\n")
        yield from textwrap.wrap(first, WIDTH, initial_indent="* ", subsequent_indent="  ", break_on_hyphens=False)
        yield from (f"  {line}" for line in others)
