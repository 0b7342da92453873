"""Replay: keys, the order of feeding, and the ends that a pass can have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.passes import asked, begin, done, fired, three_in_a_row, work
from wf.core import Completed, Event, Failed, Key, Kind, Pass
from wf.core.history import ReceivedEvent
from wf.errors import StepLimitError

if TYPE_CHECKING:
    from wf.core import Request, Step


def test_the_same_name_counts_up() -> None:
    """A name that is used again is another step, known by its occurrence."""
    suspended = begin(three_in_a_row)
    assert asked(suspended) == ["do:same-1"]
    suspended.feed(done("same", "a"))
    assert asked(suspended) == ["do:same-2"]
    suspended.feed(done("same", "b", count=2), done("same", "c", count=3))
    assert suspended.outcome == Completed(["a", "b", "c"])


def test_counters_start_again_in_every_pass() -> None:
    """A second pass asks under the same keys as the first."""
    history = [done("same", 1), done("same", 2, count=2)]
    first, second = begin(three_in_a_row, *history), begin(three_in_a_row, *history)
    assert asked(first) == asked(second) == ["do:same-3"]


def test_kinds_are_counted_apart() -> None:
    """A step, a sleep and a wait of one name are three things, each the first of its kind."""

    async def run(_event: Event, step: Step) -> Any:
        return await asyncio.gather(
            step.do("x", work), step.sleep("x", 1), step.wait_for_event("x", "go"), asyncio.sleep(1)
        )

    suspended = begin(run)
    assert sorted(asked(suspended)) == ["do:x-1", "sleep:x-1", "timer:timer-1", "waitForEvent:x-1"]
    suspended.feed(
        done("x", kind=Kind.SLEEP), done("x", 1), fired(), done("x", ReceivedEvent(payload=2), kind=Kind.WAIT)
    )
    assert suspended.outcome == Completed([1, None, {"payload": 2}, None])


def test_whoever_asks_to_know_is_told_of_each_request_once() -> None:
    """In the order in which `run` asks, whether the result is there already or not; timers count."""
    told: list[Request] = []

    async def run(_event: Event, step: Step) -> Any:
        await step.do("x", work)
        await asyncio.gather(step.do("x", work), step.sleep("y", 1), asyncio.sleep(1))

    suspended = Pass(run, Event(), asked=told.append)
    suspended.feed(done("x", 1, count=2))
    assert [str(request.key) for request in told] == ["x-1"]
    suspended.feed(done("x", 1), done("y", kind=Kind.SLEEP))
    assert [str(request.key) for request in told] == ["x-1", "x-2", "y-1", "timer-1"]


def test_results_are_fed_one_at_a_time() -> None:
    """`run` comes to rest between two results, so it can react to the first before the second exists."""

    async def run(_event: Event, step: Step) -> Any:
        seen: list[str] = []

        async def follow(name: str) -> None:
            await step.do(name, work)
            seen.append(f"{name}: {len(seen)}")
            await asyncio.sleep(0)
            seen.append(f"{name} again: {len(seen)}")

        await asyncio.gather(follow("a"), follow("b"))
        return seen

    suspended = begin(run, done("b"), done("a"))
    assert suspended.outcome == Completed(["b: 0", "b again: 1", "a: 2", "a again: 3"])


def test_a_journaled_error_is_raised_at_the_step() -> None:
    """The error object of the journal is what `except` catches."""

    async def run(_event: Event, step: Step) -> Any:
        try:
            await step.do("a", work)
        except LookupError as error:
            return error

    error = KeyError("k")
    assert begin(run, done("a", error=error)).outcome == Completed(error)


def test_results_of_withdrawn_steps_are_ignored() -> None:
    """A result whose step was cancelled in the meantime changes nothing, whether or not anyone looked before."""

    async def run(_event: Event, step: Step) -> Any:
        loser = step.do("loser", work)
        await step.do("winner", work)
        loser.cancel()
        return await step.do("next", work)

    looked, fed_blindly = begin(run, done("winner")), begin(run, done("winner"))
    assert asked(looked) == ["do:next-1"]
    for suspended in (looked, fed_blindly):
        suspended.feed(done("loser", "late"))
        assert asked(suspended) == ["do:next-1"]
        assert suspended.unreached == []
        suspended.feed(done("next", "end"))
        assert suspended.outcome == Completed("end")


def test_a_result_is_taken_once() -> None:
    """Feeding a result again is harmless."""
    suspended = begin(three_in_a_row, done("same", 1), done("same", "other"))
    assert asked(suspended) == ["do:same-2"]
    assert suspended.unreached == []


def test_early_results_wait_until_they_are_asked_for() -> None:
    """A result that the code asks for later is given then; until then it is listed as unreached."""

    async def run(_event: Event, step: Step) -> Any:
        first = await step.do("first", work)
        await asyncio.sleep(5)
        return first, await step.do("second", work)

    suspended = begin(run, done("second", 2), fired())
    assert suspended.unreached == [Key(Kind.DO, "second", 1), Key(Kind.TIMER, "timer", 1)]
    assert asked(suspended) == ["do:first-1"]
    suspended.feed(done("first", 1))
    assert suspended.outcome == Completed((1, 2))
    assert suspended.unreached == []


def test_a_pass_knows_what_it_has_asked_for() -> None:
    """A key counts as asked for from its request on, and for ever."""
    suspended = begin(three_in_a_row, done("same"))
    assert [suspended.asked(Key(Kind.DO, "same", count)) for count in (1, 2, 3)] == [True, True, False]
    assert not suspended.asked(Key(Kind.SLEEP, "same", 1))


def test_results_that_are_never_asked_for_stay_unreached() -> None:
    """What the journal recorded and this code does not call is told at the end."""
    suspended = begin(three_in_a_row, done("renamed"), done("same"), done("same", count=2), done("same", count=3))
    assert isinstance(suspended.outcome, Completed)
    assert suspended.unreached == [Key(Kind.DO, "renamed", 1)]
    suspended.feed(done("more"))
    assert suspended.unreached == [Key(Kind.DO, "renamed", 1), Key(Kind.DO, "more", 1)]


def test_there_is_a_limit_of_steps() -> None:
    """Only `do` counts, in parallel or not; the step beyond the limit raises where it is called."""

    async def run(_event: Event, step: Step) -> Any:
        await step.sleep("nap", 1)
        await asyncio.gather(step.do("a", work), step.do("b", work))
        with pytest.raises(StepLimitError, match="limit of 2 steps"):
            step.do("c", work)
        return "at the limit"

    suspended = begin(run, done("nap", kind=Kind.SLEEP), done("a"), done("b"), max_steps=2)
    assert suspended.outcome == Completed("at the limit")


def test_replayed_steps_count_for_the_limit() -> None:
    """A step whose result is already there counts like a new one."""
    early = begin(three_in_a_row, done("same", 2, count=2), done("same", 3, count=3), done("same", 1), max_steps=2)
    assert isinstance(early.outcome, Failed)
    assert isinstance(early.outcome.error, StepLimitError)
    assert early.outcome.error.limit == 2


def test_events_are_read_as_items_and_attributes() -> None:
    """The event has its fields under both spellings, and says which attribute it lacks."""
    event = Event(payload=1, instanceId="r-17", workflowName="report")
    assert (event["payload"], event.payload) == (1, 1)
    assert (event.instanceId, event.instance_id) == ("r-17", "r-17")
    assert (event.workflowName, event.workflow_name) == ("report", "report")
    with pytest.raises(AttributeError, match="Event has no 'nothing'; its fields are payload, "):
        _ = event.nothing
    assert ReceivedEvent(payload=1, type="go").type == "go"


def test_keys_are_shown_with_their_occurrence() -> None:
    """A key reads as name and count, and works as a key across kinds."""
    key = Key(Kind.DO, "upload", 2)
    assert str(key) == "upload-2"
    assert {key: 1}[Key(Kind("do"), "upload", 2)] == 1
    assert key != Key(Kind.SLEEP, "upload", 2)
