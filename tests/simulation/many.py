"""Many seeds in one process, with servers of their own."""

from __future__ import annotations

from collections import Counter

from tests.simulation.programs import PROGRAMS
from tests.simulation.world import World
from wf.settings import Settings
from wf.testing.servers import servers

FAILURES = 3
"""After so many a process stops."""

HAPPENINGS = ("is killed", "loses its connection", "is lost", "not for the last time", "stands still", "forgets")


def play_all(seeds: range) -> tuple[Counter[str], list[str]]:
    """Play seeds, one after the other.

    Returns:
        How often what has happened, and the stories of those that failed.
    """
    happened: Counter[str] = Counter()
    failures: list[str] = []
    with servers() as started:
        urls = {"database_url": started.database_url, "redis_url": started.redis_url}
        with World(Settings(**urls, key_prefix=started.prefix, queue="simulation")) as world:
            for seed in seeds:
                try:
                    story = world.play(seed)
                except AssertionError as error:
                    failures.append("\n".join([*error.__notes__, f"{type(error).__name__}: {error}"]))
                    if len(failures) == FAILURES:
                        break
                    continue
                happened["plays of " + PROGRAMS[seed % len(PROGRAMS)].workflow.workflow_name] += 1
                for what in HAPPENINGS:
                    happened[what] += sum(what in line for line in story)
                happened["moves"] += len(story)
    return happened, failures
