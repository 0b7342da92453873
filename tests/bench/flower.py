"""What Flower costs: while it runs, workers tell of each task, and it listens to that."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.bench.figures import Figure
from tests.bench.throughput import best_of

if TYPE_CHECKING:
    from tests.bench.stage import Stage


def flower(stage: Stage) -> list[Figure]:
    """40 instances of 50 steps, and 40 bare chains of 50 tasks, by workers with Flower and by others without."""
    number, length = stage.plan.size(40), 50
    with ExitStack() as stack:
        bare, bare_watched = (stack.enter_context(stage.bare()) for _ in range(2))
        ours, ours_watched = (stack.enter_context(stage.ours()) for _ in range(2))
        stack.enter_context(stage.flower(bare_watched, lambda: bare_watched.chains(1, 1)))
        stack.enter_context(stage.flower(ours_watched, lambda: ours_watched.run("chain", 1, 1, 1)))
        best = best_of(stage.plan.rounds, {
            "bare": lambda: bare.chains(number, length),
            "bare watched": lambda: bare_watched.chains(number, length),
            "ours": lambda: ours.run("chain", number, length, length),
            "ours watched": lambda: ours_watched.run("chain", number, length, length),
        })  # fmt: skip
    rate = {name: number * length / min(took) for name, took in best.items()}

    def figure(what: str, name: str) -> Figure:
        watched = f"{name} watched"
        detail = {"seconds": best[watched], "baseline_seconds": best[name]}
        return Figure("flower", what, rate[watched], "/s", rate[name], detail=detail)

    return [
        figure("bare Celery chain with Flower; the baseline is without", "bare"),
        figure(f"{number} x {length} steps with Flower; the baseline is without", "ours"),
    ]
