"""The clock of the journal, as a process carries it on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wf.clock import DatabaseClock

if TYPE_CHECKING:
    import pytest


def step(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The machine's wall clock is set anew."""
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + seconds)


def test_a_clock_that_nobody_observes_follows_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was wrong when the process began, or the machine has slept: signatures are checked by it."""
    clock = DatabaseClock()
    step(monkeypatch, 3_600)
    assert abs(clock.now() - time.time()) < 1


def test_a_clock_that_was_observed_follows_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the wall clock of this machine says."""
    clock = DatabaseClock()
    clock.observe(1_800_000_000)
    step(monkeypatch, 3_600)
    assert 0 <= clock.now() - 1_800_000_000 < 1
