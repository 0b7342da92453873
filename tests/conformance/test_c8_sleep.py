"""A.4 and C.8: `step.sleep` and `step.sleep_until`, their length, their key, and what they do not hold."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import DAY, HOUR, flow, moment, new_lifetime, output, started
from tests.support.feeds import names, told
from tests.support.rig import START

if TYPE_CHECKING:
    from tests.support import Rig

LENGTHS = [
    (7, 7), (1.5, 1.5), (timedelta(minutes=2), 120), ("30 seconds", 30), ("1 month", 30 * DAY), ("1.5 hours", 5400),
    ("1h30m", 5400), ("500 ms", 0.5), (365 * DAY, 365 * DAY), ("52 weeks", 364 * DAY),
]  # fmt: skip


def napping(duration: Any) -> Any:
    """A workflow of one sleep."""

    async def nap(event: Any, step: Any) -> Any:
        await step.sleep("nap", duration)
        return "awake"

    return nap


@pytest.mark.parametrize(("duration", "seconds"), LENGTHS, ids=str)
def test_a_sleep_is_as_long_as_it_says(rig: Rig, duration: Any, seconds: float) -> None:
    """Numbers are seconds; it is `waiting` until then and awake at once after, be it a year."""
    instance = started(rig, napping(duration))
    rig.pass_time(seconds * 0.99)
    assert instance.status().status == "waiting"
    rig.pass_time(seconds * 0.01 + 0.001)
    assert output(instance) == "awake"


def test_a_sleep_of_nothing_completes_at_once(rig: Rig) -> None:
    """No time has to pass."""
    assert output(started(rig, napping(0))) == "awake"


@pytest.mark.parametrize("duration", [365 * DAY + 1, "366 days", -1, "five seconds", " 5 seconds", None])
def test_a_sleep_that_cannot_be_is_refused_in_run(rig: Rig, duration: Any) -> None:
    """More than 365 days, negative or no duration: an error at the call, which `run` may catch."""

    async def bad(event: Any, step: Any) -> Any:
        try:
            await step.sleep("nap", duration)
        except (ValueError, TypeError) as error:
            return str(error)

    found = output(started(rig, bad))
    assert found
    assert "365" in found or repr(duration) in found


@pytest.mark.parametrize("form", ["datetime", "number"])
def test_sleep_until_ends_at_its_time(rig: Rig, form: str) -> None:
    """An aware datetime, or seconds since the epoch."""
    at: Any = moment(HOUR) if form == "datetime" else START + HOUR

    async def until(event: Any, step: Any) -> Any:
        await step.sleep_until("alarm", at)
        return "awake"

    instance = started(rig, until)
    rig.pass_time(HOUR - 1)
    assert instance.status().status == "waiting"
    rig.pass_time(1)
    assert output(instance) == "awake"


def test_sleep_until_the_past_returns_at_once(rig: Rig) -> None:
    """No error, as SPEC decides against the local engine."""

    async def until(event: Any, step: Any) -> Any:
        await step.sleep_until("alarm", moment(-DAY))
        await step.sleep_until("number", START - 1)
        return "awake"

    assert output(started(rig, until)) == "awake"


def test_sleep_until_more_than_a_year_away_is_refused(rig: Rig) -> None:
    """At most 365 days, as for a sleep."""

    async def until(event: Any, step: Any) -> Any:
        try:
            await step.sleep_until("alarm", moment(366 * DAY))
        except ValueError as error:
            return str(error)

    assert "alarm" in output(started(rig, until))


def test_the_time_to_wake_survives_every_restart(rig: Rig) -> None:
    """A new lifetime waits for the rest, not for the whole; even with every message lost."""
    instance = started(rig, napping("1 hour"))
    for _ in range(3):
        rig.pass_time(15 * 60)
        new_lifetime(rig)
        rig.lose_messages()
        assert instance.status().status == "waiting"
    rig.pass_time(15 * 60)
    assert output(instance) == "awake"


def test_the_stored_time_to_wake_wins_over_later_code(rig: Rig) -> None:
    """A sleep is known by name and count, so that another duration at replay neither restarts nor moves it."""
    durations = [HOUR]

    async def changing(event: Any, step: Any) -> Any:
        await step.sleep("nap", durations[0])
        return "awake"

    instance = started(rig, changing)
    durations[0] = 30 * DAY
    new_lifetime(rig)
    rig.pass_time(HOUR)
    assert output(instance) == "awake"
    assert len(instance.describe().steps) == 1


def test_a_sleep_that_ended_while_nobody_looked_is_over(rig: Rig) -> None:
    """Workers that come back days later go on at once, and the sleep is told once."""
    instance = started(rig, napping("1 minute"))
    rig.lose_messages()
    new_lifetime(rig)
    rig.pass_time(3 * DAY)
    assert output(instance) == "awake"
    types = names(told(instance))
    assert (types.count("sleep_started"), types.count("sleep_completed")) == (1, 1)


def test_replays_write_a_sleep_once(rig: Rig) -> None:
    """The feed tells its length in milliseconds, one beginning and one end, however many lifetimes there were."""

    async def naps(event: Any, step: Any) -> Any:
        for _ in range(3):
            await step.sleep("nap", 1.5)

    instance = started(rig, naps)
    for _ in range(3):
        new_lifetime(rig)
        rig.pass_time(1.5)
    sleeps = [event for event in told(instance) if event.type.startswith("sleep")]
    assert [(event.type, event.step_name, event.get("durationMs")) for event in sleeps] == [
        (f"sleep_{what}", f"nap-{n}", ms) for n in (1, 2, 3) for what, ms in (("started", 1500), ("completed", None))
    ]


def test_parallel_sleeps_pass_together(rig: Rig) -> None:
    """Three hours side by side are one hour."""

    async def naps(event: Any, step: Any) -> Any:
        await asyncio.gather(*[step.sleep(f"nap {n}", "1 hour") for n in range(3)])
        return "awake"

    instance = started(rig, naps)
    rig.pass_time(HOUR)
    assert output(instance) == "awake"


def test_a_sleeping_instance_is_paused_at_once_and_sleeps_on_after_the_resume(rig: Rig) -> None:
    """No attempt runs, so nothing has to end first; the time of the pause is not slept (L.10)."""
    instance = started(rig, napping("1 hour"))
    rig.pass_time(HOUR / 2)
    instance.pause()
    assert instance.status().status == "paused"
    rig.pass_time(10 * DAY)
    assert instance.status().status == "paused"
    instance.resume()
    rig.settle()
    rig.pass_time(HOUR / 2 - 1)
    assert instance.status().status == "waiting"
    rig.pass_time(1)
    assert output(instance) == "awake"


def test_sleeps_do_not_count_toward_the_step_limit(rig: Rig) -> None:
    """Nor do waits: a workflow of one step may sleep as often as it likes."""

    async def sleepy(event: Any, step: Any) -> Any:
        for n in range(4):
            await step.sleep(f"nap {n}", 0)
        await step.wait_for_event("permit", "go")
        return await step.do("the one", lambda: "done")

    instance = rig.create(flow(sleepy, limits={"steps": 1}))
    instance.send_event("go")
    rig.settle()
    assert output(instance) == "done"


def test_a_moment_without_a_zone_is_refused(rig: Rig) -> None:
    """A naive datetime never means another moment on another worker."""

    async def naive(event: Any, step: Any) -> Any:
        try:
            await step.sleep_until("alarm", datetime(2030, 1, 1))  # noqa: DTZ001  (that is the point)
        except ValueError as error:
            return str(error)

    assert "alarm" in output(started(rig, naive))
