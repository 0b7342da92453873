"""Histograms of seconds: how often something took how long, in so few numbers that they can be kept and added up.

Every histogram has the same bounds, each twice the one before, from a millisecond to a day and a half. So histograms of
processes, minutes and workflows add up element by element, and a quantile is wrong by less than half a bucket's width.
A list may be shorter than there are buckets: what is missing at its end is zero.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BOUNDS = tuple(0.001 * 2**n for n in range(28))
"""The upper bound of each bucket, in seconds; it belongs to the bucket. The last one holds all that is longer, too."""

_LAST = len(BOUNDS) - 1


def bucket(seconds: float) -> int:
    """The number of the bucket for so many seconds; the first one also takes what is negative, as clocks may tell."""
    return min(bisect_left(BOUNDS, seconds), _LAST)


def added(one: Iterable[int], other: Iterable[int]) -> list[int]:
    """Two histograms as one."""
    return [a + b for a, b in zip_longest(one, other, fillvalue=0)]


def quantile(counts: Sequence[int], q: float) -> float | None:
    """The seconds below which a part of all has stayed, as if each bucket were filled evenly.

    Args:
        counts: A histogram.
        q: Which part, from 0 to 1.

    Returns:
        None if nothing was counted.
    """
    rank, below = q * sum(counts), 0
    found = None
    for number, count in enumerate(counts):
        if not count:
            continue
        low = BOUNDS[number - 1] if number else 0.0
        part = min(max((rank - below) / count, 0.0), 1.0)
        found = low + (BOUNDS[number] - low) * part
        below += count
        if below >= rank:
            break
    return found
