"""Some columns of the matrix in each run of the suite; `python -m tests.crashmatrix` runs it all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crashmatrix.cells import POINTS, CellFailed, Matrix
from tests.crashmatrix.scenarios import SCENARIOS
from wf import crashpoints
from wf.live import Live

if TYPE_CHECKING:
    from pathlib import Path

    from wf import Settings


@pytest.fixture
def matrix(settings: Settings, tmp_path: Path) -> Matrix:
    """A matrix on a journal of its own."""
    return Matrix(settings, tmp_path)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_row(matrix: Matrix, name: str) -> None:
    """A primitive that is killed, at each point that it reaches, comes to its one right end."""
    points = matrix.reached(name)
    assert len(points) >= 6
    assert [point for point in points if not matrix.run(name, point).killed] == []


def test_every_point_is_reached_by_something(matrix: Matrix) -> None:
    """No column of the table is empty."""
    rows = ("do", "sleep", "event", "pause", "transaction", "schedule", "restart by the reaper")
    assert {point for name in rows for point in matrix.reached(name)} == set(POINTS)


def test_what_is_lost_is_found(matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the alarm did not look again at what was claimed by somebody who is dead, the matrix would say so."""
    monkeypatch.setattr(Live, "expired", lambda self, now: None)
    with pytest.raises(CellFailed):
        matrix.run("do", crashpoints.AFTER_CLAIM)
