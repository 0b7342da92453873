"""Testing workflows: what the `wf` fixture costs a user's test, as pytest itself measures it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tests.bench.figures import Figure, Goal, percentile
from tests.bench.groups import BenchError

if TYPE_CHECKING:
    from tests.bench.stage import Stage

TESTS = 100
"""Tests of each kind."""

PROJECT = f"""
import pytest
from wf import WorkflowEntrypoint

class Month(WorkflowEntrypoint, name="bench-month"):
    async def run(self, event, step):
        for day in range(3):
            await step.sleep(f"sleep {{day}}", "10 days")
            await step.do(f"step {{day}}", lambda: day)

@pytest.mark.parametrize("number", range({TESTS}))
def test_nothing(wf, number):
    pass

@pytest.mark.parametrize("number", range({TESTS}))
def test_month(wf, number):
    month = wf.workflow(Month).create("m")
    wf.time.advance("31 days")
    assert month.status().status == "complete"

def test_explored(wf):
    assert wf.explore(Month, check=lambda run: None, examples={TESTS}) == {TESTS}
"""


def testing(stage: Stage) -> list[Figure]:
    """What tests with the fixture take: the first one, those that follow, and what they may do with it."""
    del stage  # a user's project brings nothing
    figures = []
    with tempfile.TemporaryDirectory(prefix="wf-bench-") as folder:
        for run, what in enumerate(("the first run of pytest", "each later run")):
            times = _times(Path(folder))
            name = f"first test of {what}: servers start"
            figures.append(Figure("testing", name, times["nothing"][0], "s", goal=Goal(2, at_most=True)))
            if run:
                figures += _later(times)
    return figures


def _later(times: dict[str, list[float]]) -> list[Figure]:
    nothing = [seconds * 1000 for seconds in times["nothing"][1:]]
    month = [seconds * 1000 for seconds in times["month"]]
    return [
        Figure(
            "testing", "each further test, p50", percentile(nothing, 0.5), "ms", goal=Goal(50, at_most=True),
            detail={"p95_ms": percentile(nothing, 0.95)},
        ),
        Figure("testing", "a test of a month with 3 sleeps and 3 steps, p50", percentile(month, 0.5), "ms"),
        Figure("testing", "one run of it in explore()", times["explored"][0] * 1000 / TESTS, "ms"),
    ]  # fmt: skip


def _times(folder: Path) -> dict[str, list[float]]:
    """Seconds of each test, with its fixtures, by the kind of test."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_project.py").write_text(PROJECT)
    report = folder / "report.xml"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "--durations=0"], cwd=folder, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    if run.returncode:
        raise BenchError(f"The tests of the project failed:\n{run.stdout}{run.stderr}")
    times: dict[str, list[float]] = {}
    for case in ET.parse(report).iter("testcase"):  # our own file of a moment ago
        kind = case.attrib["name"].removeprefix("test_").partition("[")[0]
        times.setdefault(kind, []).append(float(case.attrib["time"]))
    return times
