"""Chaos: `python -m tests.chaos --seconds 600`. Exit code 1: something was lost, doubled, not done, or late."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.chaos.run import run

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = (
    "instances", "acknowledged", "ended", "steps", "transactions", "effects", "failed_attempts", "lost_attempts",
    "effects_of_the_skewed", "latency",
)  # fmt: skip
TRIALS = ("kill_worker", "flush", "no_beat")

console = Console(markup=False, highlight=False, soft_wrap=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it, tell what came of it, and leave JSON and picture in a folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long things are broken")
    parser.add_argument("--seed", type=int, help="of what is broken when; a new one by default")
    parser.add_argument("--rate", type=float, default=2, help="users in a second")
    parser.add_argument("--lease", type=float, default=30, help="WF_LEASE and WF_RENUDGE of the workers, in seconds")
    parser.add_argument("--out", type=Path, default=Path(), help="the folder for chaos.json and chaos.svg")
    parser.add_argument("--keep", type=Path, help="a folder for everything else, which is kept")
    options = parser.parse_args(argv)
    seed = secrets.randbelow(10_000) if options.seed is None else options.seed
    console.print(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="wf-chaos-", ignore_cleanup_errors=True) as temporary:
        folder = options.keep or Path(temporary)
        report = run(
            folder, seconds=options.seconds, seed=seed, rate=options.rate, lease=options.lease, renudge=options.lease
        )
        for name in ("chaos.json", "chaos.svg"):
            shutil.copy(folder / name, options.out / name)
    for name in SHOWN:
        value = report[name]
        console.print(
            f"{name:24} {', '.join(f'{k} {v}' for k, v in value.items()) if isinstance(value, dict) else value}"
        )
    for name in TRIALS:
        console.print(f"{name:24} {', '.join('{seconds} s ({number})'.format(**one) for one in report[name])}")
    console.print(f"{'disturbances':24} {len(report['deeds'])}")
    console.print(*(report["wrong"] or ["nothing is lost, doubled, changed or undone"]), sep="\n")
    console.print(*(report["late"] or ["every figure holds"]), sep="\n")
    return 1 if report["wrong"] or report["late"] else 0


if __name__ == "__main__":
    sys.exit(main())
