"""The whole matrix as a table: `python -m tests.crashmatrix --report FILE`. Exit code 1: a cell is not right."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.crashmatrix.cells import POINTS, CellFailed, Matrix
from tests.crashmatrix.scenarios import SCENARIOS
from wf.settings import Settings
from wf.testing.servers import servers

if TYPE_CHECKING:
    from collections.abc import Sequence

KILLED, UNREACHED, WRONG = "killed, right", "", "**wrong**"

console = Console(markup=False, highlight=False, soft_wrap=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run every cell, write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.crashmatrix", description=__doc__)
    parser.add_argument("--report", type=Path, default=Path("crash-matrix.md"), help="where the table goes")
    parser.add_argument("--times", type=int, default=1, help="how often each cell is run")
    options = parser.parse_args(argv)
    began, wrong = time.monotonic(), []
    table: dict[str, dict[str, str]] = {name: {} for name in SCENARIOS}
    with servers() as started, tempfile.TemporaryDirectory(prefix="wf-crash-matrix-") as folder:
        urls = {"database_url": started.database_url, "redis_url": started.redis_url}
        matrix = Matrix(Settings(**urls, key_prefix=started.prefix, queue="matrix"), Path(folder))
        for name, row in table.items():
            for point in POINTS:
                row[point] = UNREACHED
                for _ in range(options.times):
                    try:
                        row[point] = KILLED if matrix.run(name, point).killed else UNREACHED
                    except CellFailed as error:
                        row[point] = WRONG
                        wrong.append(f"{name} at {point}: {error}")
            console.print(f"{name}: killed at {sum(cell == KILLED for cell in row.values())} points")
    cells = [cell for row in table.values() for cell in row.values()]
    told = (
        f"{len(SCENARIOS)} primitives, {len(POINTS)} points, {cells.count(KILLED)} cells in which a process was killed "
        f"by SIGKILL and another one went on, {len(wrong)} wrong; {time.monotonic() - began:.0f} s."
    )
    options.report.write_text(_markdown(table, told))
    console.print(*wrong, told, sep="\n")
    return 1 if wrong else 0


INTRODUCTION = """# Crash matrix

Each cell: the primitive runs, the first process that comes to the point is killed by SIGKILL, another process goes on,
and status, output, effects and journal are what they must be. An empty cell: the primitive does not come to that point.
"""


def _markdown(table: dict[str, dict[str, str]], told: str) -> str:
    head = ["| primitive | " + " | ".join(POINTS) + " |", "|---|" + "---|" * len(POINTS)]
    lines = [f"| {name} | " + " | ".join(row.values()) + " |" for name, row in table.items()]
    return "\n".join([INTRODUCTION, told, "", *head, *lines, ""])


if __name__ == "__main__":
    sys.exit(main())
