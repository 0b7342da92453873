"""The steps of an instance as bars over time: where each piece begins and how long it is, in thousandths of the width.

The end of the scale moves on in jumps, each a small part of the whole, so that a page with something that still goes on
stays the same from one look to the next.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil, log2
from typing import TYPE_CHECKING, NamedTuple

from wf.durations import about

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wf.answers import Answer

WIDTH = 1000
LEAST = 3
"""No piece is thinner, however short it was."""

JUMPS = 16
"""The end of the scale moves on in jumps: a so manieth of the power of two below its length, and a second at least."""

TICKS = 6
"""Marks on the scale, at most."""

_ROUND = (
    *(digit * 10.0**power for power in range(-3, 1) for digit in (1, 2, 5)), 10.0, 15.0, 30.0, 60.0, 120.0, 300.0,
    600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0, 1_209_600.0,
    2_592_000.0, 7_776_000.0, 31_536_000.0, 315_360_000.0,
)  # fmt: skip
"""Seconds between two marks that people can count by."""


class Piece(NamedTuple):
    """A part of a bar.

    Attributes:
        x: Where it begins.
        width: How long it is.
        kind: What went on: the outcome of an attempt, `ready`, `backoff`, `sleep` or `waitForEvent`.
        title: The same in words.
    """

    x: int
    width: int
    kind: str
    title: str


class Row(NamedTuple):
    """A step with its bar, and the seconds from when it was asked for to its end; None while it has none."""

    step: Answer
    pieces: list[Piece]
    seconds: float | None


class Tick(NamedTuple):
    """A mark on the scale."""

    x: int
    label: str


class Timeline(NamedTuple):
    """Rows over one scale."""

    rows: list[Row]
    ticks: list[Tick]
    start: datetime
    end: datetime


def timeline(steps: Sequence[Answer], now: datetime) -> Timeline | None:
    """The bars of some steps over the time that these steps have taken; None without steps.

    Args:
        steps: As `Catalog.steps` lists them.
        now: How long something that goes on has been going on.
    """
    if not steps:
        return None
    start = min(step.start for step in steps)
    ends = [step.end for step in steps]
    last = max((end for end in ends if end is not None), default=start)
    end = max(last, _jumped(start, max(now, last))) if None in ends else last
    scale = _Scale(start, max(end, start + timedelta(milliseconds=1)))
    rows = [Row(step, list(_pieces(step, scale)), _seconds(step)) for step in steps]
    return Timeline(rows, list(scale.ticks()), scale.start, scale.end)


class _Scale(NamedTuple):
    start: datetime
    end: datetime

    def piece(self, since: datetime, until: datetime | None, kind: str, title: str) -> Piece:
        """From one time to another, or to the end of the scale."""
        x = min(self._place(since), WIDTH - LEAST)
        width = max(self._place(self.end if until is None else until) - x, LEAST)
        took = "" if until is None else f" for {about((until - since).total_seconds())}"
        return Piece(x, width, kind, f"{title}{took}")

    def ticks(self) -> Iterator[Tick]:
        """Marks at round numbers, from the beginning on; none so near to the end that its label has no room."""
        total = (self.end - self.start).total_seconds()
        between = next((seconds for seconds in _ROUND if total / seconds <= TICKS), total)
        for number in range(TICKS):
            if (x := round(number * between / total * WIDTH)) <= WIDTH * 0.92:
                yield Tick(x, f"+{about(number * between)}" if number else "0")

    def _place(self, at: datetime) -> int:
        return round(max((at - self.start) / (self.end - self.start), 0) * WIDTH)


def _jumped(start: datetime, now: datetime) -> datetime:
    """The next end of the scale after now."""
    passed = max((now - start).total_seconds(), 1.0)
    jump = max(2.0 ** int(log2(passed)) / JUMPS, 1.0)
    return start + timedelta(seconds=ceil(passed / jump) * jump)


def _seconds(step: Answer) -> float | None:
    return None if step.end is None else (step.end - step.start).total_seconds()


def _pieces(step: Answer, scale: _Scale) -> Iterator[Piece]:
    if step.type not in {"step", "rollback"}:
        name = "waits for an event" if step.type == "waitForEvent" else "sleeps"
        yield scale.piece(step.start, step.end, step.type, name)
        return
    free = step.start
    for attempt in step.attempts:
        begun = attempt.start or free
        if begun > free:
            between = (
                ("backoff", "waits for the next attempt") if attempt.attempt > 1 else ("ready", "waits for a worker")
            )
            yield scale.piece(free, begun, *between)
        where = f" on {attempt.worker}" if attempt.worker else ""
        yield scale.piece(begun, attempt.end, attempt.outcome, f"attempt {attempt.attempt}: {attempt.outcome}{where}")
        free = attempt.end or scale.end
    if step.status == "retrying":
        yield scale.piece(free, None, "backoff", "waits for the next attempt")
    elif step.status == "ready":
        yield scale.piece(free, None, "ready", "waits for a worker")
