"""Some seeds in each run of the suite; `python -m tests.simulation` plays thousands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.simulation.programs import PROGRAMS
from tests.simulation.watch import Broken
from tests.simulation.world import World
from wf.feed_events import Telling
from wf.status import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf import Settings

SHARE = 10
"""Seeds of one test."""

SEEDS = 70
"""Seeds in each run of the suite."""


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    """A world on a journal of its own."""
    with World(settings) as made:
        yield made


@pytest.mark.parametrize("first", range(0, SEEDS, SHARE))
def test_seeds(world: World, first: int) -> None:
    """Whatever workers, alarms, senders and people do in whatever order, killed or cut off, every invariant holds."""
    for seed in range(first, first + SHARE):
        world.play(seed)


def test_a_seed_is_the_same_each_time(world: World) -> None:
    """A seed that fails can be looked at again, statement by statement."""
    assert [world.play(seed) for seed in range(5)] == [world.play(seed) for seed in range(5)]


def test_a_broken_engine_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed that forgets the attempt which a terminate has cut off is found, and its seed and story are told."""
    run: Any = Telling._run

    def forgetful(self: Telling, fact: Any, name: str, prefix: str) -> None:
        cut_off = fact.status == StepStatus.CANCELLED
        run(self, fact._replace(attempt_rev=None) if cut_off else fact, name, prefix)

    monkeypatch.setattr(Telling, "_run", forgetful)
    with pytest.raises(Broken, match="The feed told live, and not afterwards") as broken:
        [world.play(seed) for seed in range(60)]
    assert "python -m tests.simulation --first" in broken.value.__notes__[-1]
    assert len(broken.value.__notes__[0].splitlines()) > 5


def test_a_write_without_its_step_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that commits what it should roll back has written a row that belongs to no step."""
    monkeypatch.setattr("wf.exactly_once._roll_back", lambda connection: connection.commit())
    with pytest.raises(Broken, match="each transaction that ended well has written its row, once"):
        play(world, "sim-booking")


def test_a_schedule_that_fires_twice_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alarm that does not look whether somebody else was quicker fires what is long past."""
    fire = world.alarm.alarm._schedules._sql["schedule_fire"]
    careless: Any = fire.replace(" and next_at = %(was)s", "")
    assert careless != fire
    monkeypatch.setitem(world.alarm.alarm._schedules._sql, "schedule_fire", careless)
    with pytest.raises(Broken):
        play(world, "sim-daily")


def play(world: World, workflow: str) -> None:
    """Play some seeds of one workflow."""
    (number,) = [number for number, one in enumerate(PROGRAMS) if one.workflow.workflow_name == workflow]
    for seed in range(number, 10 * len(PROGRAMS), len(PROGRAMS)):
        world.play(seed)
