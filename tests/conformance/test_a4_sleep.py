"""A.4, A.11 and C.8: how long sleeps last, what they are keyed by, and which durations there are (SPEC 2 and 7.17)."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import DAY, MINUTE, entry, moment
from tests.conformance.kit_steps import HOUR, caught, lives, new_lifetime, output, result_of, started, wake
from tests.support.rig import START

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.answers import Answer

ACCEPTED: list[tuple[Any, float]] = [
    (0.25, 0.25), (1500, 1500), (timedelta(minutes=2), 120), (timedelta(milliseconds=5), 0.005),
    ("1 second", 1), ("30 seconds", 30), ("5  seconds", 5), ("24 hours", 86_400), ("1 week", 604_800),
    ("1 month", 30 * DAY), ("1.5 hours", 5400), ("1 minute", 60), ("2 days", 2 * DAY), ("365 days", 365 * DAY),
    ("10s", 10), ("5 min", 300), ("1h30m", 5400), ("2 hours 30 minutes", 9000), ("500 ms", 0.5), ("3 weeks", 21 * DAY),
    ("1d", DAY), ("2w", 14 * DAY), ("2 hours  30  minutes", 9000),
]  # fmt: skip
"""Forms of the reference and of the SPEC, in seconds."""

REFUSED: list[Any] = [
    "5 Seconds", "10S", " 5 seconds", "5 seconds ", "PT1H", "1 hour, 30 minutes", "five seconds", "", "soon", "5000",
    "1e3", "-1 hour", -1, math.nan, math.inf, True, None, [5], b"5 seconds", "1 fortnight", timedelta(seconds=-1),
]  # fmt: skip


def sleeping(rig: Rig, *durations: Any, until: bool = False) -> list[Answer]:
    """The descriptions of parallel sleeps, just begun."""

    async def dozing(_: Any, step: Any) -> None:
        sleep = step.sleep_until if until else step.sleep
        calls = [sleep(f"doze {number}", duration) for number, duration in enumerate(durations)]
        await asyncio.gather(*calls, step.sleep("longest", 365 * DAY))

    instance = started(rig, dozing)
    assert instance.status().status == "waiting"
    return [entry(instance, f"doze {number}-1") for number in range(len(durations))]


def test_every_form_of_a_duration(rig: Rig) -> None:
    """Numbers are seconds; every documented text means what it says, exactly."""
    found = sleeping(rig, *[form for form, _ in ACCEPTED])
    lasting = {
        str(form): (shown.wake_at - moment(0)).total_seconds() for (form, _), shown in zip(ACCEPTED, found, strict=True)
    }
    assert lasting == {str(form): expected for form, expected in ACCEPTED}


def test_other_durations_are_refused(rig: Rig) -> None:
    """A ValueError at the call that shows the accepted forms; nothing is journaled, and `run` may go on."""

    async def careful(_: Any, step: Any) -> Any:
        found = []
        for duration in REFUSED:
            error = await caught(step.sleep, "doze", duration)
            found.append((type(error) is ValueError, "1h30m" in str(error), "doze" in str(error)))
        return found

    instance = started(rig, careful)
    assert output(instance) == [(True, True, True)] * len(REFUSED)
    assert instance.describe().steps == []


def test_no_sleep_is_longer_than_365_days(rig: Rig) -> None:
    """Neither `sleep` nor `sleep_until`, which take exactly 365 days."""

    async def body(step: Any) -> Any:
        long = await caught(step.sleep, "long", "366 days")
        year = await caught(step.sleep, "year", "1 year")
        until = await caught(step.sleep_until, "until", moment(366 * DAY))
        return [(type(error) is ValueError, "365" in str(error)) for error in (long, year, until)]

    assert result_of(rig, body) == [(True, True)] * 3


def test_a_sleep_lasts_until_its_time_and_not_longer(rig: Rig) -> None:
    """A second before it the instance is `waiting`, with the wake time told; the sleep gives nothing."""

    async def dozing(_: Any, step: Any) -> Any:
        return await step.sleep("doze", "3 days")

    instance = started(rig, dozing)
    shown = instance.describe()
    assert (shown.status, shown.next_wake) == ("waiting", moment(3 * DAY))
    assert (shown.steps[0].type, shown.steps[0].name, shown.steps[0].start) == ("sleep", "doze-1", moment(0))
    wake(rig, 3 * DAY - 1)
    assert (instance.status().status, instance.describe().steps[0].status) == ("waiting", shown.steps[0].status)
    wake(rig, 1)
    shown = instance.describe()
    assert (shown.status, shown.output, shown.steps[0].success) == ("complete", None, True)
    assert shown.steps[0].end == moment(3 * DAY)


def test_sleeping_for_nothing_is_done_at_once(rig: Rig) -> None:
    """`sleep(name, 0)`, and until any moment that is past, as a datetime or a number."""
    rig.pass_time(HOUR)

    async def hasty(_: Any, step: Any) -> str:
        await step.sleep("nothing", 0)
        await step.sleep("no text", "0 seconds")
        await step.sleep_until("past", moment(0))
        await step.sleep_until("number", START)
        await step.sleep_until("epoch", 0)
        await step.sleep_until("old", datetime(1999, 12, 31, tzinfo=UTC))
        return "awake"

    instance = started(rig, hasty)
    assert output(instance) == "awake"
    assert {step.end for step in instance.describe().steps} == {moment(HOUR)}


def test_until_takes_any_kind_of_moment(rig: Rig) -> None:
    """Aware datetimes of every zone, naive ones as local time, and seconds since the epoch."""
    aware = moment(HOUR)
    elsewhere = aware.astimezone(timezone(timedelta(hours=9)))
    naive = aware.astimezone().replace(tzinfo=None)
    found = sleeping(rig, aware, elsewhere, naive, START + HOUR, int(START + HOUR), until=True)
    assert [shown.wake_at for shown in found] == [aware] * 5


def test_until_refuses_what_is_no_moment(rig: Rig) -> None:
    """A ValueError or TypeError that names the sleep."""

    async def body(step: Any) -> Any:
        wrong: list[Any] = ["tomorrow", None, math.nan, math.inf, timedelta(hours=1), True]
        found = [await caught(step.sleep_until, "doze", moment) for moment in wrong]
        return [(isinstance(error, ValueError | TypeError), "doze" in str(error)) for error in found]

    assert result_of(rig, body) == [(True, True)] * 6


def test_the_wake_time_is_stored_and_the_key_is_name_and_count(rig: Rig) -> None:
    """Code that computes another duration on replay does not sleep again, or longer: workers-sdk#12884."""
    durations = [HOUR]

    async def dozing(_: Any, step: Any) -> str:
        await step.sleep("doze", durations[0])
        await step.sleep_until("until", moment(2 * durations[0]))
        return "awake"

    instance = started(rig, dozing)
    durations[0] = 5 * HOUR
    wake(rig, HOUR - 1)
    assert instance.describe().next_wake == moment(HOUR)
    durations[0] = HOUR
    wake(rig, 1)
    assert instance.describe().next_wake == moment(2 * HOUR)
    durations[0] = 9 * HOUR
    wake(rig, HOUR)
    assert output(instance) == "awake"
    assert [step.name for step in instance.describe().steps] == ["doze-1", "until-1"]


def test_parallel_sleeps_wake_one_after_the_other(rig: Rig) -> None:
    """Each at its own time, in whatever order they were called."""

    async def body(step: Any) -> Any:
        woken: list[str] = []

        async def doze(name: str, minutes: int) -> None:
            await step.sleep(name, f"{minutes} minutes")
            woken.append(f"{name} {int((step.now() - moment(0)) / timedelta(minutes=1))}")

        await asyncio.gather(doze("c", 3), doze("a", 1), doze("b", 2), doze("c", 1))
        return woken

    assert result_of(rig, body) == ["a 1", "c 1", "b 2", "c 3"]


def test_a_worker_that_was_away_makes_a_sleep_longer_and_no_more(rig: Rig) -> None:
    """A sleep that ended long ago is over when anybody looks; the next one begins then."""

    async def dozing(_: Any, step: Any) -> None:
        await step.sleep("first", MINUTE)
        await step.sleep("second", MINUTE)

    instance = started(rig, dozing)
    wake(rig, HOUR)
    assert instance.describe().next_wake == moment(HOUR + MINUTE)


def test_sleeps_do_not_count_as_steps(rig: Rig) -> None:
    """Neither for the limit of steps nor in the count that a description shows."""

    async def dozing(_: Any, step: Any) -> int:
        for _ in range(5):
            await step.sleep("doze", 0)
            await step.sleep_until("until", 0)
        return int(await step.do("only", lambda: 1))

    instance = started(rig, dozing, limits={"steps": 1})
    assert output(instance) == 1
    assert (instance.describe().step_count, len(instance.describe().steps)) == (1, 11)


def test_asyncio_sleeps_durably(rig: Rig) -> None:
    """`asyncio.sleep` in `run` survives its worker; the time that `run` sees is that of the journal."""

    async def dozing(_: Any, step: Any) -> float:
        begun = asyncio.get_running_loop().time()
        await asyncio.sleep(2 * HOUR)
        return asyncio.get_running_loop().time() - begun

    instance = started(rig, dozing)
    assert (instance.status().status, instance.describe().next_wake) == ("waiting", moment(2 * HOUR))
    wake(rig, 2 * HOUR - 1)
    assert instance.status().status == "waiting"
    new_lifetime(rig)
    wake(rig, 1)
    assert output(instance) == pytest.approx(2 * HOUR, abs=1e-3)


def test_timeouts_of_asyncio_are_durable(rig: Rig) -> None:
    """`timeout`, `wait_for` and `wait` end a wait at their time, live and on replay."""

    async def body(step: Any) -> Any:
        found: list[Any] = []
        try:
            async with asyncio.timeout(60):
                await step.sleep("long a", "1 day")
        except TimeoutError:
            found.append("timeout")
        try:
            await asyncio.wait_for(step.wait_for_event("never", "never"), 60)
        except TimeoutError:
            found.append("wait_for")
        short = step.sleep("short", 30)
        done, pending = await asyncio.wait([short, step.sleep("long b", "1 day")], timeout=60)
        found.append(("wait", len(done), len(pending), short in done))
        async with asyncio.timeout(HOUR):
            found.append(await step.do("in time", lambda: "in time"))
        return [*found, (step.now() - moment(0)).total_seconds()]

    expected = ["timeout", "wait_for", ("wait", 1, 1, True), "in time", 180]
    assert result_of(rig, body) == expected


def test_a_race_is_replayed_as_it_was_run(rig: Rig) -> None:
    """`as_completed`, `wait(FIRST_COMPLETED)` and `TaskGroup` see the order of the journal again."""

    async def body(step: Any) -> Any:
        naps = [asyncio.ensure_future(nap(step, name, seconds)) for name, seconds in (("a", 2), ("b", 0), ("c", 1))]
        order = [await next_one for next_one in asyncio.as_completed(naps)]
        racers = [step.do(name, lambda name=name: name) for name in ("x", "y")]
        done, _ = await asyncio.wait(racers, return_when=asyncio.FIRST_COMPLETED)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(nap(step, name, 0)) for name in ("t", "u")]
        await asyncio.gather(*racers)
        return [order, sorted(racer.result() for racer in done), [task.result() for task in tasks]]

    async def nap(step: Any, name: str, seconds: float) -> str:
        await step.sleep(name, seconds)
        return name

    async def awaited(_: Any, step: Any) -> Any:
        seen.append(await body(step))
        await step.sleep("between", HOUR)

    seen: list[Any] = []
    instance = started(rig, awaited)
    rig.pass_time(1)
    rig.pass_time(1)
    assert len(seen) == 1
    wake(rig)
    output(instance)
    assert seen[0] == seen[1]
    assert seen[0][0] == ["b", "c", "a"]
    assert seen[0][2] == ["t", "u"]


def test_the_clock_of_run_does_not_move_on_replay(rig: Rig) -> None:
    """`step.now()`, `step.random()` and `step.uuid4()` are the same in each lifetime."""

    async def body(step: Any) -> Any:
        before = step.now(), step.random(), step.uuid4()
        await step.sleep("nothing", 0)
        return before, step.now(), step.random(), step.uuid4()

    first, second = lives(rig, body)
    assert first == second
