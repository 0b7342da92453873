"""How long things take at idle, whether a long history slows an instance down, and what waiting costs."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.figures import Figure, Goal, percentile

if TYPE_CHECKING:
    from tests.bench.stage import Stage


def latency(stage: Stage) -> list[Figure]:
    """From `create()` to the first line of the first step, one instance after the other."""
    number = stage.plan.size(200)
    with stage.bare() as bare, stage.ours() as ours:
        pairs = [(bare.start(), *ours.start()) for _ in range(number)]
    bares, starts, creates = ([seconds * 1000 for seconds in column] for column in zip(*pairs, strict=True))
    goals = {0.5: Goal(10, at_most=True)}
    figures = [
        Figure(
            "latency",
            f"create() to first line, p{share * 100:.0f} of {number}",
            percentile(starts, share),
            "ms",
            percentile(bares, share),
            goals.get(share),
        )
        for share in (0.5, 0.95, 0.99)
    ]
    return [*figures, Figure("latency", "of which create(), p50", percentile(creates, 0.5), "ms")]


def flat(stage: Stage) -> list[Figure]:
    """Time for each step, late in a long instance and early."""
    number = stage.plan.size(1000)
    tenth = number // 10
    runs = []
    with stage.ours() as ours:
        for _ in range(stage.plan.rounds):
            ends = ours.ends(number)
            gaps = [(after - before) * 1000 for before, after in pairwise(ends)]
            runs.append((median(gaps[-tenth:]), median(gaps[:tenth])))
    late, early = min(runs, key=lambda run: run[0] / run[1])
    what = f"steps {number - tenth} to {number} by steps 1 to {tenth}"
    detail = {"late_ms": late, "early_ms": early}
    return [
        Figure("flat", what, late / early, "x", goal=Goal(1.5, at_most=True), detail=detail),
        Figure("flat", "a step of one instance alone, late", late, "ms"),
    ]


def sleep(stage: Stage) -> list[Figure]:
    """From the end of a sleep to the first line of the step after it, with beat running."""
    number = stage.plan.size(100)
    seconds = [1.2 + 2.8 * n / max(number - 1, 1) for n in range(number)]
    with stage.ours(beat=True) as ours:
        runs = [[lag * 1000 for lag in ours.lags(seconds)] for _ in range(stage.plan.rounds)]
    lags = min(runs, key=lambda run: percentile(run, 0.99))
    what = f"lag after sleeps of 1.2 to 4 s, of {number}"
    return [
        Figure("sleep", f"{what}: p50", percentile(lags, 0.5), "ms"),
        Figure("sleep", f"{what}: p99", percentile(lags, 0.99), "ms", goal=Goal(100, at_most=True)),
        Figure("sleep", f"{what}: least (never early)", min(lags), "ms", goal=Goal(0)),
    ]


def memory(stage: Stage) -> list[Figure]:
    """Resident memory of a worker after 1,000 and after 10,000 instances, and with 2,000 asleep."""
    few, many, asleep = (stage.plan.size(number) for number in (1_000, 10_000, 2_000))
    with stage.ours() as ours:
        ours.run("chain", few, 1, 1)
        before = ours.rss()
        ours.run("chain", many - few, 1, 1)
        after = ours.rss()
        ours.put_to_sleep(asleep, 3600)
        sleeping, queued = ours.rss(), ours.queued()
    growth = after - before
    each = {"bytes_per_instance": growth * 1e6 / (many - few), "before_mb": before, "after_mb": after}
    return [
        Figure("memory", f"largest worker after {few:,} instances", before, "MB"),
        Figure("memory", f"growth until {many:,} instances", growth, "MB", goal=Goal(5, at_most=True), detail=each),
        Figure("memory", "the same, for each instance", each["bytes_per_instance"], "B"),
        Figure("memory", f"growth by {asleep:,} sleepers", sleeping - after, "MB", goal=Goal(5, at_most=True)),
        Figure("memory", f"messages queued for {asleep:,} sleepers", queued, "", goal=Goal(0, at_most=True)),
    ]
