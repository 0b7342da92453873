"""Chaos: `python -m tests.chaos --seconds 600`. Exit code 1: something was lost, doubled, or not done."""

from __future__ import annotations

import argparse
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
    "orders", "complete", "steps", "executions", "recoveries", "late_executions", "latency_p50", "latency_p99",
    "latency_max", "took_after",
)  # fmt: skip

console = Console(markup=False, highlight=False, soft_wrap=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it, tell what came of it, and leave JSON and picture in the current folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long things are broken")
    parser.add_argument("--seed", type=int, default=1, help="of the luck")
    parser.add_argument("--rate", type=float, default=5, help="orders in a second")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="wf-chaos-") as folder:
        report = run(Path(folder), seconds=options.seconds, seed=options.seed, rate=options.rate)
        for name in ("report.json", "report.svg"):
            shutil.copy(Path(folder) / name, f"chaos-{name}")
    for name in SHOWN:
        console.print(f"{name:16} {report[name]}")
    console.print(f"{'deeds':16} {len(report['deeds'])}")
    console.print(*(report["wrong"] or ["nothing is wrong"]), sep="\n")
    return 1 if report["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
