"""What the monkey will do: a list out of a seed, in rounds of storms and trials.

In a storm one thing breaks upon the other. In a trial one thing breaks alone, and is left alone for as long as recovery
may take: there it is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from wf.settings import Settings

KILL_LIMIT = 2.0
"""Seconds after the lease within which what a killed worker held must be claimed again."""
FLUSH_LIMIT = 5.0
"""Seconds after the time of a repeated nudge within which everything must go on after a FLUSHALL."""
BEAT_LIMIT = 5.0
"""Seconds by which something may be late while there is no beat."""


@dataclass(frozen=True)
class Deed:
    """One thing to break.

    Attributes:
        what: The name of a method of the monkey.
        after: Seconds to wait before it.
        who: Which worker, if it is one.
        seconds: How long it lasts, if it does.
        hard: Whether a server is killed; else it is asked to stop.
        trial: Whether nothing else is broken for as long as recovery may take.
    """

    what: str
    after: float
    who: int = 0
    seconds: float = 0.0
    hard: bool = False
    trial: bool = False


STORM = (
    "kill_worker", "kill_worker", "kill_beat", "restart_postgres", "restart_valkey", "flush", "cut_postgres",
    "cut_valkey", "shut_valkey", "slow_postgres", "slow_valkey",
)  # fmt: skip


def plan(luck: random.Random, workers: int, settings: Settings) -> Iterator[Deed]:
    """Deeds without an end; whoever does them stops when the time is over."""
    trials = cycle(["kill_worker", "flush", "stop_beat"])
    while True:
        deeds = luck.sample(STORM, len(STORM))
        half = len(deeds) // 2
        for part in (deeds[:half], deeds[half:]):
            lasting = settings.lease * 1.2
            yield Deed("stop_worker", luck.uniform(0.5, 1.5), who=luck.randrange(workers), seconds=lasting)
            for what in part:
                yield _deed(what, luck, workers)
            yield _trial(next(trials), luck, workers, settings)


def _deed(what: str, luck: random.Random, workers: int) -> Deed:
    after, who, hard = luck.uniform(0.5, 3.0), luck.randrange(workers), luck.random() < 0.5
    return Deed(what, after, who=who, seconds=luck.uniform(0.5, 2.5), hard=hard)


def _trial(what: str, luck: random.Random, workers: int, settings: Settings) -> Deed:
    seconds = {
        "kill_worker": settings.lease + KILL_LIMIT, "flush": settings.renudge + FLUSH_LIMIT, "stop_beat": 15.0,
    }[what]  # fmt: skip
    return Deed(what, 3.0, who=luck.randrange(workers), seconds=seconds, trial=True)
