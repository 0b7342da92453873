"""How much gets done: chains of steps, many small instances, many parallel steps."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.bench.figures import Figure, Goal
from tests.bench.profiler import profiled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.bench.groups import Ours
    from tests.bench.stage import Stage

_PROFILED = 5  # runs in one profile, so that there are enough samples


def steps(stage: Stage) -> list[Figure]:
    """40 instances of 50 steps, with one step and with 50 steps in a task, and 40 bare chains of 50 tasks."""
    number, length = stage.plan.size(40), 50
    with ExitStack() as stack:
        threads, prefork = (stack.enter_context(stage.bare(pool)) for pool in ("threads", "prefork"))
        one, fifty = (stack.enter_context(stage.ours(steps_per_task=n)) for n in (1, length))
        best = best_of(stage.plan.rounds, {
            "bare": lambda: threads.chains(number, length),
            "bare prefork": lambda: prefork.chains(number, length),
            "one": lambda: one.run("chain", number, length, length),
            "one async": lambda: one.run("async-chain", number, length, length),
            "fifty": lambda: fifty.run("chain", number, length, length),
            "fifty async": lambda: fifty.run("async-chain", number, length, length),
        })  # fmt: skip
        _profile(stage, "steps", one, number, length)
        _profile(stage, "steps-batched", fifty, number, length)
    rate = {name: number * length / min(took) for name, took in best.items()}

    def figure(what: str, name: str, goal: Goal | None = None) -> Figure:
        return Figure("steps", what, rate[name], "/s", rate["bare"], goal, {"seconds": best[name]})

    return [
        Figure("steps", "bare Celery chain, pool threads", rate["bare"], "/s", detail={"seconds": best["bare"]}),
        figure("bare Celery chain, pool prefork", "bare prefork"),
        figure(f"{number} x {length} steps, one in a task", "one", Goal(1.0, of_ratio=True)),
        figure("the same, async callbacks", "one async"),
        figure(f"{number} x {length} steps, WF_STEPS_PER_TASK={length}", "fifty", Goal(4.0, of_ratio=True)),
        figure("the same, async callbacks", "fifty async"),
    ]


def instances(stage: Stage) -> list[Figure]:
    """500 instances of one step, created by one thread and by two, and 500 bare tasks."""
    number = stage.plan.size(500)
    with stage.bare() as bare, stage.ours() as ours:
        best = best_of(stage.plan.rounds, {
            "bare": lambda: bare.tasks(number),
            "one": lambda: ours.run("chain", number, 1, 1),
            "two": lambda: ours.run("chain", number, 1, 1, threads=2),
        })  # fmt: skip
    rate = {name: number / min(took) for name, took in best.items()}
    what = f"{number} one-step instances, created by"
    goal = Goal(400)
    return [
        Figure("instances", f"{what} one thread", rate["one"], "/s", rate["bare"], goal, {"seconds": best["one"]}),
        Figure("instances", f"{what} two threads", rate["two"], "/s", rate["bare"], goal, {"seconds": best["two"]}),
    ]


def parallel(stage: Stage) -> list[Figure]:
    """200 parallel steps in one instance, and a bare group of 200 tasks."""
    number = stage.plan.size(200)
    with stage.bare() as bare, stage.ours() as ours:
        best = best_of(stage.plan.rounds, {
            "bare": lambda: bare.group(number),
            "ours": lambda: ours.run("fan", 1, number, number),
        })  # fmt: skip
    took = min(best["ours"])
    what = f"one instance, {number} parallel steps"
    return [Figure("parallel", what, took, "s", min(best["bare"]), detail={"seconds": best["ours"]})]


def best_of(rounds: int, measurements: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Take each measurement in turn, and all of them again; so a noisy minute hits all alike."""
    took: dict[str, list[float]] = {name: [] for name in measurements}
    for _ in range(rounds):
        for name, measure in measurements.items():
            took[name].append(measure())
    return took


def _profile(stage: Stage, name: str, ours: Ours, number: int, length: int) -> None:
    """Some more runs, not counted, with a profiler at the first worker."""
    if stage.plan.profiles is not None:
        with profiled(ours.workers[0].pid, stage.plan.profiles / f"bench-profile-{name}.txt"):
            for _ in range(_PROFILED):
                ours.run("chain", number, length, length)
