"""py-spy at a worker: collapsed stacks in a file, the hottest functions on the screen."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.bench.groups import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN = 45


@contextmanager
def profiled(pid: int, path: Path) -> Iterator[None]:
    """Sample a process while the block runs.

    Args:
        pid: The process.
        path: Where the stacks go; any flame graph tool reads them.

    Raises:
        BenchError: py-spy is not installed, or may not look into the process.
    """
    # Only threads that hold the GIL: what waits costs nothing.
    argv = [_program(), "record", "--gil", "--pid", str(pid), "--format", "raw", "--rate", "250", "--output", str(path)]
    sampler = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        sampler.send_signal(signal.SIGINT)
        _, said = sampler.communicate(timeout=30)
    if not path.exists():
        raise BenchError(f"py-spy wrote no profile: {said.strip()}")
    Console(width=150).print(_hottest(path))


def _program() -> str:
    found = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if found is None:
        raise BenchError("--profile needs py-spy: pip install py-spy")
    return found


def _hottest(path: Path) -> Table:
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    samples = 0
    for line in path.read_text().splitlines():
        stack, _, times = line.rpartition(" ")
        functions = [frame.rpartition(":")[0] for frame in stack.split(";")]  # without the line number
        samples += int(times)
        own[functions[-1]] += int(times)
        for function in set(functions):
            total[function] += int(times)
    shown = Table(title=f"{path.name}: {samples} samples, % of them", title_justify="left", title_style="")
    for name in ("total", "function", "own", "function "):
        shown.add_column(name, justify="right" if name in ("total", "own") else "left")
    for (outer, all_), (inner, alone) in zip(total.most_common(_SHOWN), own.most_common(_SHOWN), strict=False):
        shown.add_row(f"{all_ / samples:.1%}", outer, f"{alone / samples:.1%}", inner)
    return shown
