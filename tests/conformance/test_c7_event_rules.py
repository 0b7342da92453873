"""C.7 and L.11, L.12: who gets which event, buffers and waiters, and deadlines over restarts and outages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import DAY, HOUR, flow, moment, new_lifetime, output, send, started, wait_for_go
from tests.support import Rig
from tests.support.feeds import names, told
from wf import InstanceFinished, InstanceNotFound, WorkflowTimeoutError

if TYPE_CHECKING:
    from wf.settings import Settings


async def collect(event: Any, step: Any) -> Any:
    """Takes as many events of type `go` as the payload says, one after the other."""
    return [(await step.wait_for_event(f"permit {n}", "go")).payload for n in range(event.payload)]


@pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "live"])
def test_events_of_one_type_are_consumed_in_their_order(rig: Rig, buffered: bool) -> None:
    """Twelve of them, so that 10 does not come before 2; each is consumed once."""
    instance = rig.create(flow(collect), params=12)
    if buffered:
        for n in range(12):
            instance.send_event("go", n)
        rig.settle()
    else:
        rig.settle()
        for n in range(12):
            send(rig, instance, "go", n)
            new_lifetime(rig)
    assert output(instance) == list(range(12))


def test_an_event_of_another_type_stays_buffered_until_its_wait(rig: Rig) -> None:
    """It wakes nobody, is not lost, and is there when a wait of its type comes."""

    async def two_types(event: Any, step: Any) -> Any:
        first = await step.wait_for_event("first", "a")
        second = await step.wait_for_event("second", "b")
        return [first.payload, second.payload]

    instance = started(rig, two_types)
    send(rig, instance, "b", "early")
    assert instance.status().status == "waiting"
    send(rig, instance, "c", "for nobody")
    send(rig, instance, "a", "late")
    assert output(instance) == ["late", "early"]


def test_parallel_waits_of_one_type_need_an_event_each(rig: Rig) -> None:
    """The oldest waiter gets the first event, and one event wakes exactly one wait."""
    reached: list[str] = []

    async def parallel(event: Any, step: Any) -> Any:
        async def one(name: str) -> Any:
            got = await step.wait_for_event(name, "go")
            reached.append(name)
            return got.payload

        return await asyncio.gather(one("older"), one("younger"))

    instance = started(rig, parallel)
    send(rig, instance, "go", 1)
    assert (instance.status().status, reached) == ("waiting", ["older"])
    new_lifetime(rig)
    send(rig, instance, "go", 2)
    assert output(instance) == [1, 2]


def test_one_buffered_event_serves_one_of_two_parallel_waits(rig: Rig) -> None:
    """What was sent before both waits began goes to the first of them only."""

    async def parallel(event: Any, step: Any) -> Any:
        waits = [step.wait_for_event(name, "go", timeout=60) for name in ("older", "younger")]
        found = await asyncio.gather(*waits, return_exceptions=True)
        return [getattr(one, "payload", type(one).__name__) for one in found]

    instance = rig.create(flow(parallel))
    instance.send_event("go", "only one")
    rig.settle()
    rig.pass_time(60)
    assert output(instance) == ["only one", "WorkflowTimeoutError"]


def test_parallel_waits_of_different_types_are_independent(rig: Rig) -> None:
    """The younger wait may end first, when its event comes first."""

    async def parallel(event: Any, step: Any) -> Any:
        order: list[str] = []

        async def one(type: str) -> None:
            await step.wait_for_event(f"wait {type}", type)
            order.append(type)

        await asyncio.gather(one("a"), one("b"))
        return order

    instance = started(rig, parallel)
    send(rig, instance, "b", 1)
    send(rig, instance, "a", 1)
    assert output(instance) == ["b", "a"]


def test_an_event_brings_an_instance_back_that_no_worker_remembers(rig: Rig) -> None:
    """Sent to an instance whose workers are all new: it is replayed, and finds the event."""
    instance = started(rig, wait_for_go)
    new_lifetime(rig)
    rig.lose_messages()
    send(rig, instance, "go", "still there")
    assert output(instance) == "still there"


@pytest.mark.parametrize("asked_while", ["paused", "waitingForPause"])
def test_a_paused_instance_keeps_the_event_and_stays_paused(rig: Rig, asked_while: str) -> None:
    """The event does not wake it, not even hours later; after the resume it is there."""

    async def step_and_wait(event: Any, step: Any) -> Any:
        if asked_while == "waitingForPause":
            await step.do("pause me", pause_and_send)
        return await wait_for_go(event, step)

    def pause_and_send() -> None:
        handle = rig.client.workflow(cls).get("i-1")
        handle.pause()
        assert handle.status().status == "waitingForPause"
        handle.send_event("go", "kept")

    cls = flow(step_and_wait)
    instance = rig.create(cls)
    rig.settle()
    if asked_while == "paused":
        instance.pause()
        instance.send_event("go", "kept")
        rig.settle()
    rig.pass_time(HOUR)
    assert instance.status().status == "paused"
    instance.resume()
    rig.settle()
    assert output(instance) == "kept"


def test_the_deadline_of_a_wait_is_absolute(rig: Rig) -> None:
    """New lifetimes and new workers do not begin the time anew."""
    instance = started(rig, wait_for_go)
    for _ in range(3):
        rig.pass_time(6 * HOUR)
        new_lifetime(rig)
        rig.lose_messages()
    assert instance.status().status == "waiting"
    rig.pass_time(6 * HOUR)
    assert instance.status().error.name == "WorkflowTimeoutError"


@pytest.mark.parametrize("after", [0, 1], ids=["at", "after"])
def test_an_event_at_or_after_the_deadline_does_not_rescue_the_wait(rig: Rig, after: float) -> None:
    """Even when no worker has looked since the deadline."""
    instance = started(rig, wait_for_go)
    rig.clock.advance(DAY + after)
    send(rig, instance, "go", "too late")
    assert instance.status().error.name == "WorkflowTimeoutError"


def test_an_event_in_time_counts_even_if_all_workers_were_down_over_the_deadline(rig: Rig) -> None:
    """A second before the deadline it was accepted; a week later, when workers are back, the wait gets it."""
    instance = started(rig, wait_for_go)
    rig.clock.advance(DAY - 1)
    instance.send_event("go", "in time")
    rig.lose_messages()
    new_lifetime(rig)
    rig.pass_time(7 * DAY)
    assert output(instance) == "in time"


def test_a_wait_that_timed_out_does_not_swallow_the_next_event(rig: Rig) -> None:
    """It is no waiter any more: the event goes to the next wait of its type, live and replayed."""

    async def twice(event: Any, step: Any) -> Any:
        try:
            await step.wait_for_event("first", "go", timeout="1 minute")
        except WorkflowTimeoutError:
            return (await step.wait_for_event("second", "go")).payload

    instance = started(rig, twice)
    rig.pass_time(60)
    new_lifetime(rig)
    send(rig, instance, "go", "for the second")
    assert output(instance) == "for the second"


def test_an_event_that_came_too_late_is_there_for_the_next_wait(rig: Rig) -> None:
    """Too late for the first, in the buffer for the second."""

    async def twice(event: Any, step: Any) -> Any:
        try:
            await step.wait_for_event("first", "go", timeout="1 minute")
        except WorkflowTimeoutError:
            return (await step.wait_for_event("second", "go")).payload

    instance = started(rig, twice)
    rig.clock.advance(61)
    send(rig, instance, "go", "late")
    assert output(instance) == "late"


def test_replays_write_a_wait_once(rig: Rig) -> None:
    """Over five lifetimes the feed tells one beginning and one end, and every replay gives the same value."""
    seen: list[Any] = []

    async def remember(event: Any, step: Any) -> Any:
        got = await step.wait_for_event("permit", "go")
        seen.append((got.payload, got.timestamp))
        await step.sleep("nap", 60)

    instance = started(rig, remember)
    for _ in range(2):
        new_lifetime(rig)
        rig.pass_time(60)
    send(rig, instance, "go", {"n": 1})
    new_lifetime(rig)
    rig.pass_time(60)
    assert set(map(str, seen)) == {str(({"n": 1}, moment(120)))}
    assert len(seen) >= 2
    types = names(told(instance))
    assert (types.count("wait_started"), types.count("wait_completed")) == (1, 1)


def test_equal_events_without_an_id_are_two_events(rig: Rig) -> None:
    """Duplicates are the sender's to tell apart."""
    instance = started(rig, collect, 2)
    send(rig, instance, "go", "same", "same")
    assert output(instance) == ["same", "same"]


def test_an_event_id_counts_once_in_an_instance(rig: Rig) -> None:
    """Sent again, even with another payload and after it was consumed, it is nothing; another instance takes it."""
    cls = flow(collect)
    first, other = rig.create(cls, "i-1", 2), rig.create(cls, "i-2", 1)
    rig.settle()
    first.send_event("go", "a", event_id="e-1")
    first.send_event("go", "b", event_id="e-1")
    rig.settle()
    first.send_event("go", "c", event_id="e-1")
    rig.settle()
    assert first.status().status == "waiting"
    other.send_event("go", "x", event_id="e-1")
    first.send_event("go", "d", event_id="e-2")
    rig.settle()
    assert (output(first), output(other)) == (["a", "d"], ["x"])


@pytest.mark.parametrize("end", ["complete", "errored", "terminated"])
def test_a_finished_instance_takes_no_event(rig: Rig, end: str) -> None:
    """The sender learns the status and the code instance.finished; a restart opens the instance again."""

    async def ends(event: Any, step: Any) -> Any:
        if end == "errored":
            raise ValueError("as told")
        return await wait_for_go(event, step)

    instance = started(rig, ends)
    if end == "complete":
        send(rig, instance, "go", 1)
    elif end == "terminated":
        instance.terminate()
    with pytest.raises(InstanceFinished) as caught:
        instance.send_event("go", 2)
    assert (caught.value.code, caught.value.status, caught.value.id) == ("instance.finished", end, "i-1")
    instance.restart()
    instance.send_event("go", 3)


def test_an_unknown_instance_takes_no_event(rig: Rig) -> None:
    """Not found, with its id."""
    cls = flow(wait_for_go)
    instance = rig.create(cls)
    instance.delete()
    with pytest.raises(InstanceNotFound) as caught:
        instance.send_event("go", 1)
    assert (caught.value.id, caught.value.code) == ("i-1", "instance.not_found")


def test_two_workers_consume_each_event_once(settings: Settings) -> None:
    """Whichever worker advances the instance, the order and the number stay the same."""
    with Rig(settings, workers=2) as rig:
        instance = rig.create(flow(collect), params=6)
        rig.settle()
        for n in range(6):
            instance.send_event("go", n)
            rig.settle(worker=n % 2)
        assert output(instance) == list(range(6))
