"""Numbers in words."""

from __future__ import annotations

from itertools import pairwise


def duration(seconds: float | None) -> str:
    """A duration for the eyes, in its two biggest units: `3 h 12 min`, `4.2 s`, `18 ms`."""
    if seconds is None:
        return "-"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    for (size, name), (less, smaller) in pairwise(_UNITS):
        if seconds >= size:
            whole, rest = divmod(round(seconds / less), size // less)
            return f"{whole} {name} {rest} {smaller}" if rest else f"{whole} {name}"
    raise AssertionError(seconds)


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
