"""B.6, C.12 and SPEC 5: what `subscribe()` tells of each kind of life, its ids, cursors and filters."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import ONE_TRY, Gates, crew, echo, flow, new_lifetime, send, started, wait_for_go
from tests.support import wait_until
from tests.support.feeds import drained, names, told, words
from tests.support.rig import START
from wf import AsyncClient, InstanceNotFound, WorkflowTimeoutError
from wf.errors import InvalidSubscription

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.answers import Answer

BEGIN = ["workflow_queued", "workflow_started", "workflow_running"]


def did(step: str, *, attempt: int = 1) -> list[str]:
    """A step that succeeds at its first attempt."""
    return [
        f"step_started {step}", f"attempt_started {step} {attempt}", f"attempt_completed {step} {attempt}",
        f"step_completed {step}",
    ]  # fmt: skip


def check(events: list[Answer]) -> list[Answer]:
    """What holds of every feed: the instance, ids that grow strictly, and times in milliseconds that never fall."""
    assert {event["instanceId"] for event in events} == {"i-1"}
    ids = [event["eventId"] for event in events]
    assert ids == sorted(set(ids))
    assert ids[0] >= 1
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)
    assert times[0] >= START * 1000
    return events


async def one_step(event: Any, step: Any) -> Any:
    """The smallest run that does something."""
    return await step.do("add", lambda: 2)


def flaky(failures: int) -> Any:
    """A step that fails so many times, with two retries allowed."""

    async def run(event: Any, step: Any) -> Any:
        def work(ctx: Any) -> str:
            if ctx.attempt <= failures:
                raise KeyError("not yet")
            return "done"

        return await step.do("flaky", work, config={"retries": {"limit": 2, "delay": 2, "backoff": "constant"}})

    return run


def test_a_normal_run(rig: Rig) -> None:
    """Beginning, step, attempt, end; params, config, step name with counter, outputs."""
    events = check(told(started(rig, one_step, {"p": 1})))
    assert words(events) == [*BEGIN, *did("add-1"), "workflow_completed"]
    by_type = {event.type: event for event in events}
    assert by_type["workflow_started"].params == {"p": 1}
    config = by_type["step_started"].config
    assert (config["retries"]["limit"], config["retries"]["delay"], config["timeout"]) == (5, 10, 600)
    assert config["retries"]["backoff"] == "exponential"
    assert (by_type["step_completed"].output, by_type["workflow_completed"].output) == (2, 2)
    assert by_type["attempt_started"]["attempt"] == 1


def test_a_retried_step(rig: Rig) -> None:
    """Each failure has its error and, in milliseconds, when the next attempt comes."""
    instance = started(rig, flaky(1))
    rig.pass_time(2)
    events = check(told(instance))
    assert words(events) == [
        *BEGIN, "step_started flaky-1", "attempt_started flaky-1 1", "attempt_errored flaky-1 1", "workflow_waiting",
        "workflow_running", "attempt_started flaky-1 2", "attempt_completed flaky-1 2", "step_completed flaky-1",
        "workflow_completed",
    ]  # fmt: skip
    (failed,) = [event for event in events if event.type == "attempt_errored"]
    assert (failed.error.name, failed["retryDelayMs"]) == ("KeyError", 2000)


def test_an_exhausted_step(rig: Rig) -> None:
    """One attempt more than the limit; the last failure has no delay; then the step and the instance are errored."""
    instance = started(rig, flaky(9))
    rig.pass_time(2)
    rig.pass_time(2)
    events = check(told(instance))
    kept = [word for word in words(events) if not word.startswith(("workflow_waiting", "workflow_running"))]
    assert kept == [
        "workflow_queued", "workflow_started", "step_started flaky-1",
        *[f"attempt_{what} flaky-1 {n}" for n in (1, 2, 3) for what in ("started", "errored")],
        "step_errored flaky-1", "workflow_errored",
    ]  # fmt: skip
    assert ["retryDelayMs" in event for event in events if event.type == "attempt_errored"] == [True, True, False]
    assert events[-1].error["name"] == "KeyError"


def test_a_sleep_and_a_wait(rig: Rig) -> None:
    """Their lengths and types, their ends, and that the instance waits."""

    async def patient(event: Any, step: Any) -> Any:
        await step.sleep("nap", "1 minute")
        await wait_for_go(event, step)
        try:
            await step.wait_for_event("in vain", "never", timeout=30)
        except WorkflowTimeoutError:
            return "done"

    instance = started(rig, patient)
    new_lifetime(rig)
    rig.pass_time(60)
    send(rig, instance, "go", 1)
    rig.pass_time(30)
    assert words(check(told(instance))) == [
        *BEGIN, "sleep_started nap-1 60000", "workflow_waiting", "sleep_completed nap-1", "wait_started permit-1 go",
        "wait_completed permit-1", "wait_started in vain-1 never", "wait_timed_out in vain-1", "workflow_completed",
    ]  # fmt: skip


def test_a_run_that_is_rolled_back(rig: Rig) -> None:
    """Last step first, between the failure and the end."""

    async def saga(event: Any, step: Any) -> Any:
        await step.do("one", lambda: 1, rollback=lambda: None)
        await step.do("two", lambda: 2, rollback=lambda: None)
        await step.do("fail", lambda: 1 / 0, config=ONE_TRY)

    found = words(check(told(started(rig, saga))))
    begin = found.index("rollback_started")
    assert found[begin - 1] == "step_errored fail-1"
    assert found[begin:] == [
        "rollback_started",
        *[
            f"rollback_{what} {name}{number}"
            for name in ("two-1", "one-1")
            for what, number in (
                ("step_started", ""), ("attempt_started", " 1"), ("attempt_completed", " 1"), ("step_completed", ""),
            )
        ],
        "rollback_completed", "workflow_errored",
    ]  # fmt: skip


def test_a_run_that_is_paused_and_resumed(rig: Rig) -> None:
    """The wish, the end of the attempt, the pause; after the resume queued and running again."""
    gates = Gates("slow")

    async def slow(event: Any, step: Any) -> Any:
        await step.do("slow", lambda: gates.hold("slow"))
        return await step.do("next", lambda: "done")

    instance = rig.create(flow(slow))
    with crew(rig):
        gates.wait_inside()
        instance.pause()
        gates.let_go("slow")
        wait_until(lambda: instance.status().status == "paused", what="it is paused")
        instance.resume()
        assert instance.result(timeout=30) == "done"
    assert words(check(told(instance))) == [
        *BEGIN, "step_started slow-1", "attempt_started slow-1 1", "workflow_waiting_for_pause",
        "attempt_completed slow-1 1", "step_completed slow-1", "workflow_paused", "workflow_queued", "workflow_running",
        *did("next-1"), "workflow_completed",
    ]  # fmt: skip


def test_a_run_that_is_terminated(rig: Rig) -> None:
    """The feed ends with it."""
    instance = started(rig, wait_for_go)
    instance.terminate()
    assert words(check(told(instance))) == [
        *BEGIN, "wait_started permit-1 go", "workflow_waiting", "workflow_terminated",
    ]  # fmt: skip


def test_a_run_that_is_restarted(rig: Rig) -> None:
    """A full restart erases the old life; one from a step keeps what stood before it."""

    async def two_steps(event: Any, step: Any) -> Any:
        await step.do("one", lambda: 1)
        return await step.do("two", lambda: 2)

    instance = started(rig, two_steps)
    whole = [*BEGIN, *did("one-1"), *did("two-1"), "workflow_completed"]
    assert words(told(instance)) == whole
    instance.restart()
    rig.settle()
    assert words(check(told(instance))) == whole
    instance.restart(from_step="two")
    rig.settle()
    assert words(check(told(instance))) == [
        *BEGIN, *did("one-1"), "workflow_queued", "workflow_running", *did("two-1"), "workflow_completed",
    ]  # fmt: skip


def test_replays_tell_nothing(rig: Rig) -> None:
    """New lifetimes add no event (L.7)."""
    instance = started(rig, wait_for_go)
    before = told(instance)
    for _ in range(3):
        new_lifetime(rig)
        rig.pass_time(60)
    assert told(instance) == before


def test_live_events_come_after_history_in_one_order(rig: Rig) -> None:
    """Who listened from the beginning has seen what a later listener reads."""
    instance = rig.create(flow(flaky(1)))
    live = instance.subscribe()
    seen = drained(live)
    rig.settle()
    seen += drained(live)
    rig.pass_time(2)
    seen += list(live)
    assert seen == told(instance) == list(instance.subscribe())


def test_a_cursor_gives_what_comes_after_it(rig: Rig) -> None:
    """Strictly after; 0 and None are everything; at the last event, and beyond it, the feed ends at once."""
    instance = started(rig, one_step)
    events = told(instance)
    for n, event in enumerate(events):
        assert list(instance.subscribe(cursor=event.event_id)) == events[n + 1 :]
    assert list(instance.subscribe(cursor=0)) == list(instance.subscribe()) == events
    assert list(instance.subscribe(cursor=events[-1].event_id + 1000)) == []


def test_a_filter_leaves_out_types_and_not_the_end(rig: Rig) -> None:
    """The feed ends after the last event, even if nobody wanted to see that."""
    instance = started(rig, one_step)
    assert names(list(instance.subscribe(filter=["step_completed", "step_started"]))) == [
        "step_started", "step_completed",
    ]  # fmt: skip
    assert list(instance.subscribe(filter=["rollback_started"])) == []


@pytest.mark.parametrize("asked", [{"cursor": -1}, {"cursor": 1.5}, {"filter": ["nonsense"]}, {"filter": "a"}])
def test_a_subscription_that_makes_no_sense_is_refused(rig: Rig, asked: dict[str, Any]) -> None:
    """Before it delivers anything."""
    with pytest.raises(InvalidSubscription):
        started(rig, one_step).subscribe(**asked)


def test_an_unknown_option_is_refused(rig: Rig) -> None:
    """There are cursor and filter, and our timeout."""
    options: dict[str, Any] = {"nonsense": 1}
    with pytest.raises(TypeError):
        started(rig, one_step).subscribe(**options)


def test_closing_ends_a_subscription(rig: Rig) -> None:
    """Afterwards it gives nothing, as often as it is asked."""
    with started(rig, echo).subscribe() as live:
        assert next(live).type == "workflow_queued"
    assert list(live) == list(live) == []


def test_the_async_feed_is_the_same(rig: Rig) -> None:
    """`async for` gives the events of `for`."""
    instance = started(rig, flaky(0))

    async def read() -> list[Answer]:
        async with AsyncClient(settings=rig.settings, clock=rig.clock) as client:
            found = await client.workflow(instance.workflow).get("i-1")
            return [event async for event in found.subscribe()]

    assert asyncio.run(read()) == told(instance)


def test_what_is_not_there_cannot_be_subscribed_to(rig: Rig) -> None:
    """Not found."""
    instance = started(rig, echo)
    instance.delete()
    with pytest.raises(InstanceNotFound):
        instance.subscribe()
