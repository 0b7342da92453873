"""A.5, `step.wait_for_event` and `send_event`: types, timeouts, the result of a wait, and early events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import DAY, MIB, flow, moment, new_lifetime, output, send, started, wait_for_go
from wf import InvalidEventType, PayloadTooLarge, WorkflowTimeoutError

if TYPE_CHECKING:
    from tests.support import Rig

LEGAL = ["a", "A9", "_x", "9", "a-b_c", "approval-received", "x" * 100]
ILLEGAL = ["", "x" * 101, "a.b", "-a", "a b", "a/b", "ä", "a\n", None, 7]


def test_the_result_of_a_wait_is_the_envelope(rig: Rig) -> None:
    """A wait gives payload, type, and an aware timestamp: attributes, and items as in Cloudflare's sources."""
    seen: list[Any] = []

    async def look(event: Any, step: Any) -> Any:
        got = await step.wait_for_event("permit", "go", timeout="1 hour")
        seen.append((got.payload, got.type, got.timestamp, got["payload"], got["type"], got["timestamp"]))
        await step.sleep("nap", 10)

    instance = started(rig, look)
    rig.clock.advance(100)
    send(rig, instance, "go", {"by": "reviewer-7"})
    new_lifetime(rig)
    rig.pass_time(10)
    assert instance.status().status == "complete"
    live, replayed = seen
    assert live == replayed == ({"by": "reviewer-7"}, "go", moment(100)) * 2


def test_the_timestamp_says_when_the_event_was_received(rig: Rig) -> None:
    """An event that waited in the buffer for an hour carries the time at which it was sent."""

    async def late(event: Any, step: Any) -> Any:
        await step.sleep("nap", 3600)
        return (await step.wait_for_event("permit", "go")).timestamp

    instance = started(rig, late)
    rig.clock.advance(50)
    send(rig, instance, "go", None)
    rig.pass_time(3550)
    assert output(instance) == moment(50)


@pytest.mark.parametrize("type", LEGAL, ids=lambda value: value[:20])
def test_a_legal_type_is_sent_and_waited_for(rig: Rig, type: str) -> None:
    """Letters, digits, '-' and '_', not beginning with '-', up to 100 characters."""

    async def legal(event: Any, step: Any) -> Any:
        return (await step.wait_for_event("permit", type)).type

    instance = started(rig, legal)
    send(rig, instance, type, 1)
    assert output(instance) == type


@pytest.mark.parametrize("type", ILLEGAL, ids=lambda value: repr(value)[:20])
def test_an_illegal_type_is_refused_by_sender_and_wait(rig: Rig, type: Any) -> None:
    """A dot, too: the sender gets workflow.invalid_event_type and nothing is stored; the wait raises in `run`."""

    async def illegal(event: Any, step: Any) -> Any:
        try:
            await step.wait_for_event("bad", type)
        except Exception as error:  # which one it is, the test asks below
            await wait_for_go(event, step)
            return [getattr(error, "code", None), isinstance(error, InvalidEventType)]

    instance = started(rig, illegal)
    with pytest.raises(InvalidEventType) as caught:
        instance.send_event(type, 1)
    assert (caught.value.code, caught.value.type) == ("workflow.invalid_event_type", type)
    send(rig, instance, "go", 1)
    assert output(instance) == ["workflow.invalid_event_type", True]


def test_a_wait_without_timeout_lasts_24_hours(rig: Rig) -> None:
    """One second before the end of the day it still waits; at its end the wait fails."""
    instance = started(rig, wait_for_go)
    rig.pass_time(DAY - 1)
    assert instance.status().status == "waiting"
    rig.pass_time(1)
    assert instance.status().status == "errored"


@pytest.mark.parametrize(("timeout", "seconds"), [("365 days", 365 * DAY), (0.5, 0.5), ("1 second", 1), (90, 90)])
def test_a_timeout_is_as_long_as_it_says(rig: Rig, timeout: Any, seconds: float) -> None:
    """Numbers are seconds, up to 365 days; no shortest one is enforced."""

    async def timed(event: Any, step: Any) -> Any:
        return (await step.wait_for_event("permit", "go", timeout=timeout)).payload

    instance = started(rig, timed)
    rig.pass_time(seconds * 0.9)
    assert instance.status().status == "waiting"
    rig.pass_time(seconds * 0.1 + 0.01)
    assert instance.status().error.name == "WorkflowTimeoutError"


@pytest.mark.parametrize("timeout", ["366 days", 365 * DAY + 1, -1, "soon", "5 Seconds", True])
def test_a_timeout_that_cannot_be_used_is_a_value_error(rig: Rig, timeout: Any) -> None:
    """More than 365 days, a negative time or something that is no duration: an error that can be caught."""

    async def bad(event: Any, step: Any) -> Any:
        try:
            await step.wait_for_event("permit", "go", timeout=timeout)
        except ValueError as error:
            return "permit" in str(error)

    assert output(started(rig, bad)) is True


def test_a_timeout_that_nobody_catches_ends_the_instance(rig: Rig) -> None:
    """It is errored with WorkflowTimeoutError and the time in the message; `result()` raises that class."""
    instance = started(rig, wait_for_go)
    rig.pass_time(DAY)
    found = instance.status()
    assert (found.status, found.error.name, found.output) == ("errored", "WorkflowTimeoutError", None)
    with pytest.raises(WorkflowTimeoutError) as caught:
        instance.result(timeout=0)
    assert str(caught.value) == found.error.message


def test_a_timeout_that_is_caught_lets_the_run_go_on(rig: Rig) -> None:
    """The same error comes on every replay, without waiting again."""
    raised: list[str] = []

    async def patient(event: Any, step: Any) -> Any:
        try:
            await step.wait_for_event("permit", "go", timeout="1 minute")
        except WorkflowTimeoutError as error:
            raised.append(str(error))
        await step.sleep("nap", "1 hour")
        return await step.do("after", lambda: "went on")

    instance = started(rig, patient)
    rig.pass_time(60)
    new_lifetime(rig)
    rig.pass_time(3600)
    assert output(instance) == "went on"
    assert len(raised) >= 2
    assert len(set(raised)) == 1


@pytest.mark.parametrize("moment_of_sending", ["queued", "asleep", "paused"])
def test_an_event_that_comes_early_waits_for_its_wait(rig: Rig, moment_of_sending: str) -> None:
    """Any time after creation is early enough: before the first worker looked, during a sleep, and while paused."""

    async def slow(event: Any, step: Any) -> Any:
        await step.sleep("nap", 60)
        return await wait_for_go(event, step)

    instance = rig.create(flow(slow))
    if moment_of_sending != "queued":
        rig.settle()
    if moment_of_sending == "paused":
        instance.pause()
    instance.send_event("go", moment_of_sending)
    if moment_of_sending == "paused":
        rig.settle()
        assert instance.status().status == "paused"
        instance.resume()
    rig.settle()
    rig.pass_time(60)
    assert output(instance) == moment_of_sending


def test_a_payload_holds_one_mebibyte(rig: Rig) -> None:
    """That much arrives; more is refused with size and limit, and the instance waits on."""
    instance = started(rig, wait_for_go)
    with pytest.raises(PayloadTooLarge) as caught:
        instance.send_event("go", "x" * MIB)
    assert (caught.value.limit, caught.value.size > MIB) == (MIB, True)
    assert instance.status().status == "waiting"
    send(rig, instance, "go", "x" * (MIB - 1000))
    assert len(output(instance)) == MIB - 1000


def test_an_event_without_payload_carries_none(rig: Rig) -> None:
    """`send_event(type)` delivers None, which is not the same as `{}`."""
    instance = started(rig, wait_for_go)
    instance.send_event("go")
    rig.settle()
    assert output(instance) is None


def test_a_sleep_is_no_wait(rig: Rig) -> None:
    """An event does not cut a sleep short."""

    async def asleep(event: Any, step: Any) -> Any:
        await step.sleep("nap", 60)
        return "slept"

    instance = started(rig, asleep)
    send(rig, instance, "go", 1)
    assert instance.status().status == "waiting"
    rig.pass_time(60)
    assert output(instance) == "slept"
