"""Play many seeds: `python -m tests.simulation --seeds 5000`. Exit code 1: one of them has failed, and is told."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console

from tests.simulation.many import play_all

if TYPE_CHECKING:
    from collections.abc import Sequence


console = Console(markup=False, highlight=False, soft_wrap=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Play them in several processes, each with servers of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args(argv)
    jobs = max(1, min(options.jobs, options.seeds))
    shares = [range(options.first + job, options.first + options.seeds, jobs) for job in range(jobs)]
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        told = pool.map(play_all, shares)
    failures = [failure for _, found in told for failure in found]
    moves: Counter[str] = sum((counted for counted, _ in told), Counter())
    console.print(*failures, sep="\n\n")
    console.print(f"{options.seeds} seeds in {time.monotonic() - began:.0f} s, {len(failures)} failed; what happened:")
    for what, number in sorted(moves.items()):
        console.print(f"{number:10,} {what}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
