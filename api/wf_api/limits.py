"""How often one caller may ask. Counted in this process: each of several counts for itself."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from wf_api.problems import TooManyRequests

if TYPE_CHECKING:
    from wf.settings import Settings

FAILURES = RateLimitItemPerMinute(20)
"""Tokens that nobody knows, from one address."""


class Limits:
    """Counts requests and failures.

    Args:
        settings: `api_rate` is used.
    """

    def __init__(self, settings: Settings) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._rate = _per_second(settings.api_rate) if settings.api_rate else None

    def take(self, caller: str) -> None:
        """Count a request.

        Raises:
            TooManyRequests: They were too many; this one did not count.
        """
        if self._rate is not None and not self._limiter.hit(self._rate, caller):
            wait = self._wait(self._rate, caller)
            raise TooManyRequests(
                f"More than {_shown(self._rate)} (WF_API_RATE). Nothing was done; try again in {wait} s.", wait
            )

    def distrusts(self, address: str) -> bool:
        """Whether an address has tried too many tokens that nobody knows."""
        return not self._limiter.test(FAILURES, "failed", address)

    def failed(self, address: str) -> None:
        """Count a token that nobody knows.

        Raises:
            TooManyRequests: There were too many from this address.
        """
        if not self._limiter.hit(FAILURES, "failed", address):
            wait = self._wait(FAILURES, "failed", address)
            raise TooManyRequests(f"Too many unknown tokens from this address; try again in {wait} s.", wait)

    def _wait(self, item: RateLimitItem, *identifiers: str) -> int:
        left = self._limiter.get_window_stats(item, *identifiers).reset_time - time.time()
        return max(1, math.ceil(min(left, item.get_expiry())))


def _per_second(rate: float) -> RateLimitItem:
    """A rate in whole requests: less than one per second are one in several."""
    return RateLimitItemPerSecond(int(rate)) if rate >= 1 else RateLimitItemPerSecond(1, math.ceil(1 / rate))


def _shown(rate: RateLimitItem) -> str:
    return f"{rate.amount} requests in {rate.get_expiry()} s"
