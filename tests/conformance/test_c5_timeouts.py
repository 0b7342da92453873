"""C.5, L.15 and the timeout row of SPEC 2: each attempt has its time; what comes later is dropped."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import entry
from tests.conformance.kit_steps import delays, flow, once, output, result_of, started, to_the_end
from tests.support import wait_until
from wf import WorkflowTimeoutError

if TYPE_CHECKING:
    from tests.support import Rig

SHORT = 0.05


def short(retries: int = 0, **retry: Any) -> dict[str, Any]:
    """A configuration whose attempts have little time."""
    return {**once(retries, **retry), "timeout": SHORT}


async def hang() -> None:
    """Never ends by itself."""
    await asyncio.Event().wait()


def test_an_attempt_that_takes_too_long_has_failed(rig: Rig) -> None:
    """With WorkflowTimeoutError `Execution timed out after <ms>ms`, in the attempt, the step and the instance."""

    async def hanging(_: Any, step: Any) -> None:
        await step.do("hang", hang, config=short())

    instance = started(rig, hanging)
    shown = instance.describe()
    errors = [shown.error, shown.steps[0].error, shown.steps[0].attempts[0].error]
    assert [(error.name, error.message) for error in errors] == [
        ("WorkflowTimeoutError", "Execution timed out after 50ms")
    ] * 3
    with pytest.raises(WorkflowTimeoutError) as raised:
        instance.result(timeout=1)
    assert isinstance(raised.value, TimeoutError)
    assert raised.value.seconds == SHORT


def test_a_timeout_is_retried_like_any_error(rig: Rig) -> None:
    """Each attempt has the whole time; the delay between them is not part of it."""
    calls: list[int] = []

    async def slow(ctx: Any) -> str:
        calls.append(ctx.attempt)
        if ctx.attempt < 3:
            await hang()
        return "in time"

    async def retried(_: Any, step: Any) -> Any:
        return await step.do("slow", slow, config=short(2, delay=3600))

    instance = started(rig, retried)
    found = to_the_end(rig, instance, lifetimes=True)
    assert (found.output, calls) == ("in time", [1, 2, 3])
    assert delays(entry(instance, "slow-1")) == [3600, 7200]


def test_classes_of_timeouts_can_be_left_out_of_the_retries(rig: Rig) -> None:
    """`no_retry_on` and `retry_on` hold for timeouts, too."""

    async def hanging(_: Any, step: Any) -> None:
        for retry in ({"no_retry_on": TimeoutError}, {"retry_on": ValueError}, {"retry_on": WorkflowTimeoutError}):
            with pytest.raises(WorkflowTimeoutError):
                await step.do("hang", hang, config=short(1, **retry))

    instance = started(rig, hanging)
    found = to_the_end(rig, instance)
    assert [len(step.attempts) for step in found.steps] == [1, 1, 2]


def test_an_async_callback_is_cancelled(rig: Rig) -> None:
    """It sees a CancelledError at its await, `ctx.cancelled` is set, and its `finally` runs."""
    seen: list[Any] = []

    async def watch(ctx: Any) -> None:
        try:
            await hang()
        except asyncio.CancelledError:
            seen.append(("cancelled", ctx.cancelled.is_set()))
            raise
        finally:
            seen.append("finally")

    async def hanging(_: Any, step: Any) -> str:
        try:
            await step.do("watch", watch, config=short())
        except TimeoutError:
            return "went on"
        return "never"

    assert output(started(rig, hanging)) == "went on"
    assert seen == [("cancelled", True), "finally"]


def test_a_sync_callback_is_abandoned_and_its_late_result_dropped(rig: Rig) -> None:
    """The next attempt begins while the first still runs; what that returns in the end changes nothing."""
    gate, left, cancelled = threading.Event(), threading.Event(), []

    def block(ctx: Any) -> str:
        if ctx.attempt == 2:
            return "second"
        gate.wait(30)
        cancelled.append(ctx.cancelled.is_set())
        left.set()
        return "late"

    async def blocking(_: Any, step: Any) -> Any:
        found = await step.do("block", block, config=short(1, delay=1))
        await step.sleep("between", 3600)
        return found

    instance = rig.create(flow(blocking))
    (nudge,) = rig.take()
    running = rig.in_thread(rig.advance, nudge)
    wait_until(lambda: rig.queued() > 0, what="the attempt is over, and its instance nudged")
    rig.settle()
    assert instance.status().status == "waiting"
    rig.pass_time(1)
    gate.set()
    assert left.wait(10)
    running.result(timeout=30)
    found = to_the_end(rig, instance, lifetimes=True)
    assert (found.output, cancelled) == ("second", [True])
    attempts = entry(instance, "block-1").attempts
    assert [(attempt.attempt, attempt.success) for attempt in attempts] == [(1, False), (2, True)]
    assert attempts[0].error.name == "WorkflowTimeoutError"


def test_a_timeout_of_the_callbacks_own_is_its_own_error(rig: Rig) -> None:
    """`asyncio.timeout` and TimeoutError inside a callback are errors like others, and not the step's timeout."""

    async def impatient() -> None:
        async with asyncio.timeout(0.01):
            await hang()

    async def body(step: Any) -> Any:
        try:
            await step.do("impatient", impatient, config=once())
        except TimeoutError as error:
            return type(error) is TimeoutError

    assert result_of(rig, body) is True


def test_an_attempt_in_time_is_not_disturbed(rig: Rig) -> None:
    """A callback that ends before its time is done, async or sync; no trace of the timer is left."""

    async def quick() -> str:
        await asyncio.sleep(0.01)
        return "async"

    def quickly() -> str:
        time.sleep(0.01)
        return "sync"

    async def body(step: Any) -> Any:
        return [await step.do(f.__name__, f, config={**once(), "timeout": "30 seconds"}) for f in (quick, quickly)]

    assert result_of(rig, body) == ["async", "sync"]
