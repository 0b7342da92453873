"""C.13 and SPEC 7.12: what `describe()` shows, field by field, in first-start order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.conformance.kit_events import HOUR, ONE_TRY, entry, flow, moment, new_lifetime, send, started, wait_for_go
from tests.support.rig import START

if TYPE_CHECKING:
    from tests.support import Rig

TOP = {
    "status", "params", "trigger", "versionId", "queued", "start", "end", "success", "error", "output", "rollback",
    "stepCount", "steps", "warnings",
}  # fmt: skip
STEP = {"type", "name", "start", "end", "success", "config", "output", "attempts"}
SLEEP = {"type", "name", "start", "end", "finished", "error"}
WAIT = {"type", "name", "start", "end", "finished", "error", "output"}


def seconds(value: Any) -> float:
    """When that was, counted from the start of the clock."""
    return float(value.timestamp() - START)


async def all_kinds(event: Any, step: Any) -> Any:
    """A step, a sleep, a wait, and a step with a failed attempt."""
    tries: list[int] = []

    def flaky(ctx: Any) -> int:
        tries.append(1)
        if ctx.attempt == 1:
            raise ValueError("not yet")
        return int(ctx.attempt)

    one = await step.do("one", lambda: {"n": 1})
    await step.sleep("nap", "1 minute")
    got = await step.wait_for_event("permit", "go", timeout="1 hour")
    two = await step.do("flaky", flaky, config={"retries": {"limit": 2, "delay": 10}})
    return [one, got.payload, two]


def whole_life(rig: Rig) -> Any:
    """Created at 0, begun at 5, the sleep until 65, the event at 100, the retry at 110."""
    instance = rig.create(flow(all_kinds, version="7"), "r-17", {"p": 1})
    rig.clock.advance(5)
    rig.settle()
    rig.pass_time(60)
    rig.clock.advance(35)
    send(rig, instance, "go", "yes")
    new_lifetime(rig)
    rig.pass_time(10)
    return instance


def test_the_top_has_every_field(rig: Rig) -> None:
    """Status, params, trigger, version, three times, success, error, output, rollback, and how many `do` steps."""
    found = whole_life(rig).describe()
    assert set(found) >= TOP
    assert (found.status, found.params, found.version_id) == ("complete", {"p": 1}, "7")
    assert (found.success, found.error, found.rollback) == (True, None, None)
    assert found.output == [{"n": 1}, "yes", 2]
    assert found.trigger == {"source": "binding"}
    assert [seconds(found[name]) for name in ("queued", "start", "end")] == [0, 5, 110]
    assert found.warnings == []
    assert (found.step_count, len(found.steps)) == (2, 4)


def test_the_steps_stand_in_the_order_of_their_first_start(rig: Rig) -> None:
    """With their counters, of every kind, whatever ended first."""

    async def shuffled(event: Any, step: Any) -> Any:
        waiting = asyncio.gather(step.sleep("long", 100), step.wait_for_event("permit", "go"), step.sleep("short", 50))
        await step.do("same", lambda: 1)
        await step.do("same", lambda: 2)
        await waiting

    instance = started(rig, shuffled)
    send(rig, instance, "go", 1)
    rig.pass_time(100)
    steps = instance.describe().steps
    assert instance.status().status == "complete"
    assert [(step.type, step.name) for step in steps] == [
        ("sleep", "long-1"), ("waitForEvent", "permit-1"), ("sleep", "short-1"), ("step", "same-1"), ("step", "same-2"),
    ]  # fmt: skip


def test_a_step_shows_config_output_and_attempts(rig: Rig) -> None:
    """Each attempt with start, end, success, and its error."""
    instance = whole_life(rig)
    one, flaky = entry(instance, "one-1"), entry(instance, "flaky-1")
    assert set(one) >= STEP
    assert (one.type, one.success, one.output) == ("step", True, {"n": 1})
    assert (seconds(one.start), seconds(one.end)) == (5, 5)
    assert (one.config["retries"]["limit"], one.config["timeout"]) == (5, 600)
    assert flaky.config["retries"]["limit"] == 2
    first, second = flaky.attempts
    assert set(first) >= {"start", "end", "success", "error"}
    assert (first.success, first.error["name"], first.error["message"]) == (False, "ValueError", "not yet")
    assert (second.success, second.error) == (True, None)
    assert [seconds(one.start) for one in flaky.attempts] == [100, 110]
    assert seconds(flaky.end) == 110


def test_a_sleep_shows_when_it_is_over(rig: Rig) -> None:
    """`finished` and no error."""
    nap = entry(whole_life(rig), "nap-1")
    assert set(nap) >= SLEEP
    assert (nap.type, nap.finished, nap.error) == ("sleep", True, None)
    assert (seconds(nap.start), seconds(nap.end)) == (5, 65)


def test_a_wait_shows_its_type_and_the_event(rig: Rig) -> None:
    """The envelope is the output."""
    permit = entry(whole_life(rig), "permit-1")
    assert set(permit) >= WAIT
    assert (permit.type, permit.finished, permit.error, permit.event_type) == ("waitForEvent", True, None, "go")
    assert {**permit.output} == {"type": "go", "payload": "yes", "timestamp": moment(100)}
    assert (seconds(permit.start), seconds(permit.end)) == (65, 100)


def test_what_goes_on_is_shown_as_open(rig: Rig) -> None:
    """`end` and `success` of the instance are None, and an open wait or sleep is not finished."""

    async def open_ends(event: Any, step: Any) -> Any:
        await asyncio.gather(step.sleep("nap", HOUR), wait_for_go(event, step))

    instance = started(rig, open_ends)
    found = instance.describe()
    assert (found.status, found.end, found.success, found.output, found.error) == ("waiting", None, None, None, None)
    assert [(step.finished, step.error) for step in found.steps] == [(False, None)] * 2


def test_a_wait_that_timed_out_shows_its_error(rig: Rig) -> None:
    """Name and message; so does the instance, with a traceback; it is finished."""
    instance = started(rig, wait_for_go)
    rig.pass_time(24 * HOUR)
    found, permit = instance.describe(), entry(instance, "permit-1")
    assert (permit.finished, permit.error["name"]) == (True, "WorkflowTimeoutError")
    assert (found.success, found.error.name) == (False, "WorkflowTimeoutError")
    assert "WorkflowTimeoutError" in found.error.traceback


def test_a_failed_step_shows_all_its_attempts(rig: Rig) -> None:
    """No success, no output, and each attempt's error."""

    def fail() -> None:
        raise KeyError("gone")

    async def fails(event: Any, step: Any) -> Any:
        await step.do("fail", fail, config={"retries": {"limit": 1, "delay": 0}})

    instance = started(rig, fails)
    found = entry(instance, "fail-1")
    assert (found.success, found.get("output")) == (False, None)
    assert [attempt.error["name"] for attempt in found.attempts] == ["KeyError", "KeyError"]


def test_a_terminated_instance_shows_when(rig: Rig) -> None:
    """It has an end, and neither success nor failure; what it waited for is there still."""
    instance = started(rig, wait_for_go)
    rig.clock.advance(30)
    instance.terminate()
    found = instance.describe()
    assert (found.status, found.output, seconds(found.end)) == ("terminated", None, 30)
    assert found.success is not True
    assert [step.type for step in found.steps] == ["waitForEvent", "termination"]
    assert (found.steps[-1].trigger, seconds(found.steps[-1].end)) == ({"source": "binding"}, 30)


def test_a_rollback_is_shown_among_the_steps(rig: Rig) -> None:
    """Of type `rollback`, with attempts, and the outcome at the top."""

    async def saga(event: Any, step: Any) -> Any:
        await step.do("book", lambda: 1, rollback=lambda: None)
        await step.do("fail", lambda: 1 / 0, config=ONE_TRY)

    found = started(rig, saga).describe()
    rollbacks = [step for step in found.steps if step.type == "rollback"]
    assert [(step.success, len(step.attempts)) for step in rollbacks] == [(True, 1)]
    assert found.rollback.outcome == "complete"
    assert found.error.name == "ZeroDivisionError"
