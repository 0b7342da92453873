"""Durations: everything an author may write for one, as seconds, and back as a short text.

`text` says exactly what somebody has written, `about` what was measured, on pages as in commands.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta

_UNITS = {
    "year": 31_557_600.0,  # 365.25 days
    "month": 2_592_000.0,  # 30 days
    "week": 604_800.0,
    "day": 86_400.0,
    "hour": 3_600.0,
    "minute": 60.0,
    "second": 1.0,
    "ms": 0.001,
}
_SHORT = {"w": "week", "d": "day", "h": "hour", "m": "minute", "min": "minute", "s": "second", "ms": "ms"}
_FACTORS = (
    {name: factor for name, factor in _UNITS.items() if name != "ms"}
    | {f"{name}s": factor for name, factor in _UNITS.items() if name != "ms"}
    | {short: _UNITS[name] for short, name in _SHORT.items()}
)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?) *([a-z]+) *")

FORMS = (
    "a number of seconds, a timedelta, or text such as '30 seconds', '1.5 hours', '10s', '5 min', '1h30m', "
    "'2 hours 30 minutes' or '500 ms' (units: year, month, week, day, hour, minute, second, w, d, h, min, m, s, ms; "
    "lower case, largest first)"
)


def seconds(value: float | str | timedelta, *, what: str = "duration") -> float:
    """Read a duration.

    Args:
        value: Seconds as a number, a `timedelta`, or a text such as `"10 seconds"` or `"1h30m"`.
        what: What the duration is for; error messages begin with it.

    Returns:
        Seconds, finite and not negative.

    Raises:
        ValueError: The value is none of the accepted forms; the message shows it and them.
    """
    result = math.nan
    if isinstance(value, str):
        result = _parse(value)
    elif isinstance(value, timedelta):
        result = value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
    if not 0 <= result < math.inf:
        raise ValueError(f"{what} {value!r:.120} is not a duration: use {FORMS}.")
    return result


def _parse(text: str) -> float:
    """Seconds of a text; NaN when it is not a duration."""
    total, largest, end = 0.0, math.inf, 0
    while end < len(text):
        part = _PART.match(text, end)
        factor = _FACTORS.get(part[2], math.inf) if part else math.inf
        # Each unit once and largest first: '30m 1h' or '1h 2h' is more likely a slip than a wish.
        if part is None or factor >= largest:
            return math.nan
        # 1/1000 is not exact in binary, a division by 1000 is rounded once only.
        total += float(part[1]) / 1000 if part[2] == "ms" else float(part[1]) * factor
        largest, end = factor, part.end()
    return total if text and text[-1] != " " else math.nan


def about(seconds: float) -> str:
    """Write a duration that was measured, for the eyes: in two units at most, and no more exact than people read it.

    It is rounded before its units are chosen: what is nearly a minute is a minute, not 60 seconds.

    Args:
        seconds: Seconds, finite; a negative one gets a minus sign.
    """
    size = abs(seconds)
    return text(round(seconds, 4 if size < 0.01 else 3 if size < 1 else 1 if size < 10 else 0))


_SCALE = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def text(seconds: float) -> str:
    """Write a duration for people: at most two units, such as `1 h 30 min`, `10 s` or `250 ms`.

    Args:
        seconds: Seconds, finite; a negative one gets a minus sign.
    """
    if seconds < 0:
        return f"-{text(-seconds)}"
    if (small := round(seconds * 1000, 3)) < 1000:
        return f"{small:g} ms" if small else "0 s"
    if (few := round(seconds, 3)) < 60:
        return f"{few:g} s"
    place = next(i for i, (size, _) in enumerate(_SCALE) if seconds >= size)
    (size, unit), (part, subunit) = _SCALE[place], _SCALE[min(place + 1, 3)]
    rounded = round(seconds / part) * part
    if place and rounded >= _SCALE[place - 1][0]:
        return text(rounded)
    whole, rest = divmod(rounded, size)
    return f"{whole} {unit}" + (f" {rest // part} {subunit}" if rest else "")
