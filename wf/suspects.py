"""What may have come between a journal and the code: the usual causes, as far as they fit what is seen."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from wf.fingerprints import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wf.core import Key
    from wf.sides import Asked, Recorded

ALIKE = 0.6
"""How alike two names are, from 0 to 1, that may be old and new name of one step."""

_NAME = 60  # characters of a name in a sentence
_SHOWN = 90  # characters of a name that is compared with another
_COMPARED = 50  # new names with an old one
_AROUND = 30  # of them before the first difference


def causes(
    recorded: Recorded | None, asked: Asked | None, journal: Sequence[Recorded], code: Sequence[Asked], end: str = ""
) -> list[str]:
    """Sentences about the place where the sides part, the likeliest cause first.

    Args:
        recorded: What the journal holds there.
        asked: What the code asks for there.
        journal: All that the journal holds.
        code: All that the code asks for.
        end: How `run` ends after that, if it does.
    """
    known = {one.key for one in journal}
    if recorded is None or recorded.key in {one.key for one in code}:
        return list(_of_order(recorded, asked, known))
    if (other := _other_kind(recorded.key, code, known)) is not None:
        return [_of_kind(recorded.key, other)]
    if times := _times(recorded.key, [one.key for one in code]):
        return [_of_count(recorded.key, _times(recorded.key, [one.key for one in journal]), times)]
    if (other := _namesake(recorded.key, asked, code, known)) is not None:
        return [_of_names(recorded.key, other)]
    if asked is not None:
        return [_of_replaced(recorded.key, asked)]
    return list(_of_removed(recorded, journal, code, end))


def _of_order(recorded: Recorded | None, asked: Asked | None, known: set[Key]) -> Iterator[str]:
    if asked is not None and asked.key not in known:
        yield (
            f"The code asks for {_named(asked.key)}{_at(asked)}, which the journal does not hold: was a step added? "
            f"Whatever comes after it waits until it has run."
        )
    elif recorded is not None and asked is not None:
        yield (
            f"The same steps in another order, from {_named(recorded.key)} on: does the order come from a set, or from "
            f"what ends first? Steps of one name would change places."
        )


def _other_kind(key: Key, code: Sequence[Asked], known: set[Key]) -> Asked | None:
    return next((one for one in code if one.key[1:] == key[1:] and one.key not in known), None)


def _of_kind(key: Key, other: Asked) -> str:
    return (
        f"Its kind differs: the journal holds {_named(key)}, the code asks for it as {other.key.kind}{_at(other)}. "
        f"A step of another kind is another step: give it another name, and the class a new version=."
    )


def _of_count(key: Key, recorded: int, asked: int) -> str:
    return (
        f'Its count differs: the journal holds {key.kind} "{_cut(key.name)}" {_often(recorded)}, the code asks for it '
        f"{_often(asked)}. Does a loop make fewer turns, over something that `run` does not get from its payload or "
        f"from a step?"
    )


def _of_replaced(key: Key, other: Asked) -> str:
    return (
        f"The code asks for {_named(other.key)}{_at(other)} where the journal holds {_named(key)}: was a step added or "
        f"replaced, or does a condition depend on time, randomness, the environment or I/O outside a step?"
    )


def _of_removed(recorded: Recorded, journal: Sequence[Recorded], code: Sequence[Asked], end: str) -> Iterator[str]:
    wanted = {one.key for one in code}
    if any(one.key in wanted for one in journal if one.seq > recorded.seq):
        yield (
            f"The code goes on without {_named(recorded.key)}, and asks for what came after it: was the step removed, "
            f"or does a condition leave it out now?"
        )
    elif end:
        yield f"Before it comes to {_named(recorded.key)}, {end}. Was the step removed, or what led to it?"
    else:
        yield f"The code does not ask for {_named(recorded.key)}. Was the step removed, or what led to it?"


def _namesake(key: Key, asked: Asked | None, code: Sequence[Asked], known: set[Key]) -> Asked | None:
    """What may be the same step under another name: the one in its place, else the one that is most like it."""
    first = [] if asked is None else [asked]
    new = [one for one in (*first, *code) if one.key not in known and one.key.kind is key.kind]
    scored = [(_likeness(one.key.name, key.name), one) for one in new[:_COMPARED]]
    best = max(scored, key=lambda pair: pair[0], default=None)
    return best[1] if best is not None and best[0] >= ALIKE else None


def _likeness(one: str, other: str) -> float:
    if _pattern(one) == _pattern(other):
        return 1.0
    return SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False).ratio()


def _of_names(key: Key, other: Asked) -> str:
    shown = _difference(key.name, other.key.name)
    if _pattern(key.name) == _pattern(other.key.name):
        return (
            f"Its name holds something that changes{_at(other)}: build names from the payload or from results of "
            f"steps, never from the time, a random number, an id made in `run`, or the order of a set.\n{shown}"
        )
    return (
        f'Did you mean "{_cut(key.name)}"? It seems to be renamed{_at(other)}: keep the old name, or give the class a '
        f"new version= with the new one.\n{shown}"
    )


def _difference(old: str, new: str) -> str:
    """Two names below each other, with a mark under what differs."""
    alike = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    start = max(alike - _AROUND, 0) if max(len(old), len(new)) > _SHOWN else 0
    tail = 0
    while tail < min(len(old), len(new)) - alike and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    length = max(max(len(old), len(new)) - alike - tail, 1)
    dots = "…" if start else ""
    marks = " " * (alike - start + len(dots)) + "^" * length
    lines = (f"journal  {dots}{old[start:]}", f"code     {dots}{new[start:]}", f"         {marks}")
    return "\n".join(line[:_SHOWN] for line in lines)


def _pattern(name: str) -> str:
    return fingerprint("", name).pattern


def _times(key: Key, keys: Sequence[Key]) -> int:
    return max((one.count for one in keys if one[:2] == key[:2]), default=0)


def _often(times: int) -> str:
    return "once" if times == 1 else f"{times} times"


def _at(asked: Asked) -> str:
    return f" ({asked.place})" if asked.place else ""


def _named(key: Key) -> str:
    return f'{key.kind} "{_cut(key.name)}" count {key.count}'


def _cut(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
