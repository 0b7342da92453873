"""What goes wrong at the external API: random errors, slow answers, an outage, and an answer held back on request."""

from __future__ import annotations

import time
from random import Random
from typing import NamedTuple


class Fault(NamedTuple):
    """What happens to one request."""

    name: str = ""
    delay: float = 0.0  # seconds between applying the request and answering it


class Faults:
    """Draws the fault of each request from a seed.

    The draw depends on the key and on how often it was seen, not on the order in which requests arrive: the same
    requests meet the same faults, however they interleave.
    """

    def __init__(self, seed: int, rate: float, pace: float = 1.0) -> None:
        """`rate` (0 to 1) is the share of requests that fail; twice as many are slow. All take `pace` times as long."""
        self._seed, self._rate, self._pace = seed, rate, pace
        self._outage_until = 0.0
        self._hold: dict[str, float] = {}

    def start_outage(self, seconds: float) -> None:
        """From now on, for so many seconds, every request is refused."""
        self._outage_until = time.monotonic() + seconds

    def hold_next(self, action: str, seconds: float) -> None:
        """Apply the next request for this action, but hold back its answer for so many seconds."""
        self._hold[action] = seconds

    def draw(self, key: str, seen: int, action: str) -> Fault:
        """The fault of a request whose key was seen so often before."""
        if time.monotonic() < self._outage_until:
            return Fault("outage")
        if (seconds := self._hold.pop(action, None)) is not None:
            return Fault("held", seconds)
        random = Random(f"{self._seed}/{key}/{seen}")
        draw, delay = random.random(), random.uniform(0.03, 0.15) * self._pace
        if draw < self._rate / 2:
            return Fault("error before", delay)
        if draw < self._rate:
            return Fault("error after", delay)
        return Fault("slow", delay * 5) if draw < self._rate * 3 else Fault("", delay)
