"""Axes: which numbers and times stand at them, and how they are written."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STEPS = (
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)), *(n * _HOUR for n in (1, 2, 3, 4, 6, 12)),
    *(n * _DAY for n in (1, 2, 5, 10, 30)),
)  # fmt: skip
"""Seconds between two times at an axis."""

_UNITS = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s"), (0.001, "ms"))
_DURATIONS = (
    *(n * 0.001 for n in (1, 2, 5, 10, 20, 50, 100, 200, 500)), 1, 2, 5, 10, 30,
    *(n * _MINUTE for n in (1, 2, 5, 10, 30)), *(n * _HOUR for n in (1, 2, 5, 12)), *(n * _DAY for n in (1, 2)),
)  # fmt: skip
"""Seconds that stand at an axis of durations: round in the unit in which they are written."""
_HALVES = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 2 * _MINUTE, 10 * _MINUTE, _HOUR, 5 * _HOUR, _DAY, 2 * _DAY)
_MAGNITUDES = (0.001, 0.01, 0.1, 1, 10, 2 * _MINUTE, 20 * _MINUTE, 4 * _HOUR, 2 * _DAY)


class Axis(NamedTuple):
    """An upright axis.

    Attributes:
        ticks: The numbers that are written, the lowest and the highest being its ends.
        log: Whether each step multiplies.
    """

    ticks: Sequence[float]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands, from 0 at the bottom to 1 at the top."""
        low, high = self.ticks[0], self.ticks[-1]
        if self.log:
            value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
        return min(max((value - low) / (high - low), 0.0), 1.0)


def from_zero(highest: float, *, whole: bool = False, most: int = 5) -> Axis:
    """An axis from zero up to a round number.

    Args:
        highest: What must fit.
        whole: Whether there are no fractions.
        most: Steps at most.
    """
    if highest < 1e-9:  # nothing, or next to it
        return Axis((0.0, 1.0))
    size = 10.0 ** math.floor(math.log10(highest / most))
    step = next(size * n for n in (1, 2, 5, 10, 20) if size * n * most >= highest * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    number = max(math.ceil(highest / step - 1e-9), 1)
    return Axis([float(f"{step * n:.12g}") for n in range(number + 1)])


def of_seconds(highest: float, most: int = 5) -> Axis:
    """An axis of durations from zero."""
    if highest < 1:
        return from_zero(highest, most=most)
    step = next((one for one in _DURATIONS if one >= 0.2 and one * most >= highest), None)
    if step is None:
        return from_zero(highest, most=most)
    return Axis([round(step * n, 12) for n in range(max(math.ceil(highest / step - 1e-9), 1) + 1)])


def of_magnitudes(lowest: float, highest: float, most: int = 8) -> Axis:
    """An axis of durations on which a millisecond and an hour can be told apart, with so many ticks at most."""
    for known in (_DURATIONS, _HALVES, _MAGNITUDES):
        low = max((one for one in known[:-1] if one <= lowest), default=known[0])
        high = min((one for one in known[1:] if one >= highest and one > low), default=known[-1])
        ticks = [one for one in known if low <= one <= high]
        if len(ticks) <= most:
            break
    return Axis(ticks, log=True)


def times(begin: datetime, end: datetime, most: int = 8) -> list[tuple[datetime, str]]:
    """Round times in UTC, as they are written: the hour, or the day at midnight and on long axes."""
    seconds = (end - begin).total_seconds()
    step = next((one for one in _STEPS if one * most >= seconds), _STEPS[-1])
    at = datetime.fromtimestamp(math.ceil(begin.timestamp() / step) * step, UTC)
    found = []
    while at <= end:
        by_day = step >= _DAY or (at.hour, at.minute) == (0, 0)
        found.append((at, f"{at:%b} {at.day}" if by_day else f"{at:%H:%M}"))
        at += timedelta(seconds=step)
    return found


def number(value: float) -> str:
    """A number as people read it: 0.25, 12, 1,234, 1.2 M."""
    if value == 0:
        return "0"
    for size, unit in ((1e9, " G"), (1e6, " M")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.1 else f"{value:.2g}"


def duration(seconds: float) -> str:
    """Seconds as people read them: 12 ms, 1.5 s, 2 min, 3 h."""
    if seconds == 0:
        return "0"
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    return f"{number(float(f'{seconds / size:.3g}'))} {unit}"


def moment(at: datetime, *, with_day: bool) -> str:
    """A time, in UTC."""
    at = at.astimezone(UTC)
    day = f"{at:%b} {at.day}, " if with_day else ""
    return f"{day}{at.hour:02}:{at.minute:02} UTC"
