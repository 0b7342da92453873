"""All acceptance tests under each hostile setting, one after the other, and a table: `python -m tests.hostile`.

Exit code 1: a test fails under one of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table

from tests.hostile.settings import BY_NAME, HOSTILE, Hostile
from tests.support.pgbouncer import pooler_used

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCEPTANCE = Path(__file__).parents[1] / "acceptance"

console = Console(markup=False, highlight=False, soft_wrap=True)


class Figures(NamedTuple):
    """What came of the tests under one setting.

    Attributes:
        passed: How many did.
        failed: Names of those that did not, or that could not be run.
        skipped: How many were.
        seconds: That it took.
    """

    passed: int
    failed: list[str]
    skipped: int
    seconds: float


def main(argv: Sequence[str] | None = None) -> int:
    """Run them, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(BY_NAME)}; all hostile ones if none")
    parser.add_argument("-k", default="", help="only tests whose names match, as with pytest")
    parser.add_argument("-n", type=int, default=2, help="how many tests run at once")
    options = parser.parse_args(argv)
    if unknown := set(options.names) - BY_NAME.keys():
        parser.error(f"there is no setting {', '.join(sorted(unknown))}; there are {', '.join(BY_NAME)}")
    chosen = [BY_NAME[name] for name in options.names] or list(HOSTILE)
    table = Table("setting", "what it changes", "passed", "failed", "skipped", "seconds")
    wrong: list[str] = []
    console.print(f"pooler: {pooler_used()}")
    for hostile in chosen:
        found = run(hostile, options.k, options.n)
        wrong += [f"{hostile.name}: {name}" for name in found.failed]
        numbers = (found.passed, len(found.failed), found.skipped, round(found.seconds))
        table.add_row(hostile.name, hostile.why, *map(str, numbers))
    console.print(table, *wrong, sep="\n")
    return 1 if wrong else 0


def run(hostile: Hostile, wanted: str, at_once: int) -> Figures:
    """Run the acceptance tests under one setting; what pytest says goes to the terminal as it comes."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wf-hostile-") as folder:
        report = Path(folder) / "report.xml"
        argv = [sys.executable, "-m", "pytest", "-q", str(ACCEPTANCE), "--hostile", hostile.name]
        argv += ["-n", str(at_once), "--dist", "worksteal", "--junitxml", str(report), "-k", wanted]
        done = subprocess.run(argv, check=False)
        if not report.exists():
            return Figures(0, [f"pytest ended with {done.returncode}"], 0, time.monotonic() - began)
        cases = list(ET.parse(report).iter("testcase"))
    failed = [
        f"{case.get('classname')}::{case.get('name')}" for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]  # fmt: skip
    skipped = sum(case.find("skipped") is not None for case in cases)
    passed = len(cases) - len(failed) - skipped
    if not cases:
        failed = ["no test was run"]
    return Figures(passed, failed, skipped, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
