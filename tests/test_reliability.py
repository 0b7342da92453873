"""RELIABILITY.md names what is there, and its numbers are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.chaos.deployment import WORKERS
from tests.chaos.test_chaos import SECONDS
from tests.integration.test_poison import MANY
from tests.simulation.test_simulation import SEEDS
from wf.settings import Settings
from wf_tasks.runtime import Watch

ROOT = Path(__file__).parents[1]
TEXT = " ".join((ROOT / "RELIABILITY.md").read_text().split())

NUMBERS = {3: "three", 4: "four"}


def default(name: str) -> float:
    """What a setting is if nobody sets it."""
    return float(Settings.model_fields[name].default)


def test_every_place_it_names_is_there() -> None:
    """Tests, folders and modules."""
    named = re.findall(r"`((?:tests|wf)/[^`]*)`", TEXT)
    assert len(named) > 10
    assert [place for place in named if not (ROOT / place).exists()] == []


def test_every_command_it_names_is_there() -> None:
    """Those of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)`", TEXT))
    assert {"chaos", "crash-matrix", "hostile", "simulate"} <= named <= targets


@pytest.mark.parametrize(
    "said",
    [
        f"(`make simulate`; {SEEDS} seeds in the suite)",
        f"ten minutes; {SECONDS} seconds in the suite",
        f"{NUMBERS[WORKERS]} workers and a beat under load",
        f"among {MANY} healthy instances",
        f"within its lease (`WF_LEASE`, {default('lease'):g} s)",
        f"within `WF_RENUDGE` ({default('renudge'):g} s)",
        f"up to half an hour; if beat is gone, workers stand in after {NUMBERS[Watch.SILENCE + 1]} ticks at the latest",
    ],
)
def test_its_numbers_are_those_of_the_code(said: str) -> None:
    """Whoever changes one changes the sentence, too."""
    assert said in TEXT


def test_a_lost_message_is_repeated_after_half_an_hour_at_the_latest() -> None:
    """The pauses double six times: `alarm_due` says so."""
    assert "power(2, least(nudges, 6))" in (ROOT / "wf/sql/alarm.sql").read_text()
    assert default("renudge") * 2**6 <= 1.1 * 1_800
