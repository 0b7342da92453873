"""The feed of an instance: which events it tells, and in which order."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.support.errands import Errand, RefusedError, hold
from tests.support.feeds import WorkerDiedError, drained, names, told, words
from tests.support.rig import START
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from tests.support import Rig

ONE_STEP = [
    "workflow_queued", "workflow_started", "workflow_running", "step_started", "attempt_started", "attempt_completed",
    "step_completed", "workflow_completed",
]  # fmt: skip


class OneStep(WorkflowEntrypoint, name="feed-one-step"):
    """The smallest workflow that does something."""

    async def run(self, event: Any, step: Any) -> Any:
        return await step.do("add", lambda: event.payload["n"] + 1)


def test_a_normal_run_of_one_step_gives_the_events_of_the_baseline(rig: Rig) -> None:
    """Each event carries the instance, an id that grows, the time in milliseconds, its type, and what it is about."""
    instance = rig.create(OneStep, "r-17", {"n": 1})
    rig.settle()
    events = told(instance)
    assert names(events) == ONE_STEP
    ids = [event["eventId"] for event in events]
    assert ids == sorted(set(ids))
    assert ids[0] > 0
    assert {(event["instanceId"], event.timestamp) for event in events} == {("r-17", START * 1000)}
    fields = [{n: v for n, v in e.items() if n not in ("instanceId", "eventId", "timestamp", "type")} for e in events]
    config = {"retries": {"limit": 5, "delay": 10.0, "backoff": "exponential"}, "timeout": 600.0}
    assert fields == [
        {}, {"params": {"n": 1}}, {}, {"stepName": "add-1", "config": config}, {"stepName": "add-1", "attempt": 1},
        {"stepName": "add-1", "attempt": 1}, {"stepName": "add-1", "output": 2}, {"output": 2},
    ]  # fmt: skip
    assert (events[3].step_name, events[0].instance_id, events[-1].event_id) == ("add-1", "r-17", ids[-1])


def test_a_run_without_steps_has_a_beginning_and_an_end(rig: Rig) -> None:
    """Even when one commit is the whole life of an instance, its end stands at a place of its own."""
    instance = rig.create(Errand)
    live = instance.subscribe()
    assert names(drained(live)) == ["workflow_queued"]
    rig.settle()
    assert names(drained(live)) == ["workflow_started", "workflow_running", "workflow_completed"]


def test_an_instance_that_is_terminated_before_it_began_never_started(rig: Rig) -> None:
    """Queued and terminated is all there is to tell."""
    instance = rig.create(Errand)
    instance.terminate()
    assert names(told(instance)) == ["workflow_queued", "workflow_terminated"]


def test_failed_attempts_tell_their_error_and_when_they_are_retried(rig: Rig) -> None:
    """Each failure has name and message; a delay stands there only if another attempt follows."""

    class Stubborn(WorkflowEntrypoint, name="feed-stubborn"):
        async def run(self, event: Any, step: Any) -> Any:
            def refuse(ctx: Any) -> None:
                raise RefusedError(ctx.attempt)

            await step.do("refuse", refuse, config={"retries": {"limit": 2, "delay": 2}})

    instance = rig.create(Stubborn)
    for seconds in (0, 2, 4):
        rig.pass_time(seconds)
    rig.settle()
    assert words(told(instance)) == [
        "workflow_queued", "workflow_started", "workflow_running", "step_started refuse-1",
        "attempt_started refuse-1 1", "attempt_errored refuse-1 1", "workflow_waiting",
        "workflow_running", "attempt_started refuse-1 2", "attempt_errored refuse-1 2", "workflow_waiting",
        "workflow_running", "attempt_started refuse-1 3", "attempt_errored refuse-1 3", "step_errored refuse-1",
        "workflow_errored",
    ]  # fmt: skip
    failed = told(instance, filter=["attempt_errored", "workflow_errored"])
    assert [e.get("retryDelayMs") for e in failed] == [2000, 4000, None, None]
    assert all("retryDelayMs" in e for e in failed[:2])
    assert "retryDelayMs" not in failed[2]
    assert [e.error for e in failed] == [
        {"name": "RefusedError", "message": f"order {n} refused"} for n in (1, 2, 3, 3)
    ]


def test_lost_attempts_tell_that_their_worker_was_lost(rig: Rig) -> None:
    """A lost attempt is tried again at once; the last one that is allowed fails the step."""

    class Deadly(WorkflowEntrypoint, name="feed-deadly"):
        async def run(self, event: Any, step: Any) -> None:
            def die() -> None:
                raise WorkerDiedError

            await step.do("die", die)

    instance = rig.create(Deadly)
    live, seen = instance.subscribe(), []
    for _ in range(rig.settings.max_lost + 1):
        with suppress(WorkerDiedError):
            rig.pass_time(rig.settings.lease + 1)
        seen += drained(live)
    assert words(seen)[3:] == [
        "step_started die-1", "attempt_started die-1 1", "attempt_errored die-1 1", "attempt_started die-1 2",
        "attempt_errored die-1 2", "attempt_started die-1 3", "attempt_errored die-1 3", "step_errored die-1",
        "workflow_errored",
    ]  # fmt: skip
    lost = told(instance, filter=["attempt_errored"])
    assert [e.error.name for e in lost] == ["WorkerLostError"] * 3
    assert [e.get("retryDelayMs") for e in lost] == [0, 0, None]
    assert seen == told(instance)
    assert instance.describe().retries == 0


def test_sleeps_waits_and_timers_tell_when_they_begin_and_how_they_end(rig: Rig) -> None:
    """How long a sleep is planned to be does not change when a pause makes it longer."""

    class Patient(WorkflowEntrypoint, name="feed-patient"):
        async def run(self, event: Any, step: Any) -> None:
            await step.sleep("nap", 60)
            await asyncio.sleep(5)
            await step.wait_for_event("permit", "go")
            with suppress(TimeoutError):
                await step.wait_for_event("again", "never", timeout=30)

    instance = rig.create(Patient)
    rig.settle()
    instance.pause()
    rig.pass_time(100)
    instance.resume()
    for seconds in (0, 60, 5):
        rig.pass_time(seconds)
    instance.send_event("go")
    rig.settle()
    rig.pass_time(30)
    assert words(told(instance)) == [
        "workflow_queued", "workflow_started", "workflow_running", "sleep_started nap-1 60000", "workflow_waiting",
        "workflow_waiting_for_pause", "workflow_paused", "workflow_queued", "workflow_waiting",
        "sleep_completed nap-1", "sleep_started timer-1 5000", "sleep_completed timer-1",
        "wait_started permit-1 go", "wait_completed permit-1", "wait_started again-1 never", "wait_timed_out again-1",
        "workflow_completed",
    ]  # fmt: skip


def test_parallel_steps_are_told_in_the_order_of_what_happens(rig: Rig) -> None:
    """Steps start in the order in which `run` asks for them and end as they end."""

    class Fan(WorkflowEntrypoint, name="feed-fan"):
        async def run(self, event: Any, step: Any) -> None:
            await asyncio.gather(*[step.do(name, lambda: None) for name in "abc"])

    instance = rig.create(Fan)
    rig.advance(rig.take()[0])
    for nudge in reversed(rig.take()):
        rig.advance(nudge)
    assert words(told(instance))[3:] == [
        "step_started a-1", "attempt_started a-1 1", "step_started b-1", "step_started c-1",
        "attempt_completed a-1 1", "step_completed a-1", "attempt_started c-1 1", "attempt_completed c-1 1",
        "step_completed c-1", "attempt_started b-1 1", "attempt_completed b-1 1", "step_completed b-1",
        "workflow_completed",
    ]  # fmt: skip


def test_what_is_cancelled_ends_silently(rig: Rig) -> None:
    """A race tells of the winner's end only."""

    class Race(WorkflowEntrypoint, name="feed-race"):
        async def run(self, event: Any, step: Any) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await step.wait_for_event("permit", "go")
            await step.do("after", lambda: None)

    instance = rig.create(Race)
    rig.settle()
    rig.pass_time(5)
    found = words(told(instance))
    assert "wait_started permit-1 go" in found
    assert not [event for event in found if event.startswith(("wait_completed", "wait_timed_out"))]
    assert found[-5:] == [
        "step_started after-1", "attempt_started after-1 1", "attempt_completed after-1 1", "step_completed after-1",
        "workflow_completed",
    ]  # fmt: skip


def test_a_sensitive_output_is_not_told(rig: Rig) -> None:
    """The step's result is redacted; its errors, the params and the output of the instance are not."""

    class Discreet(WorkflowEntrypoint, name="feed-discreet"):
        async def run(self, event: Any, step: Any) -> int:
            return len(await step.do("token", lambda: "s3cr3t", config={"sensitive": "output"}))

    instance = rig.create(Discreet, params={"user": "ada"})
    rig.settle()
    started, completed, ended = told(instance, filter=["workflow_started", "step_completed", "workflow_completed"])
    assert (started.params, completed.output, ended.output) == ({"user": "ada"}, "[REDACTED]", 6)
    assert "s3cr3t" not in str(told(instance))
    assert told(instance, filter=["step_started"])[0].config["sensitive"] == "output"


def test_a_pause_in_the_middle_of_an_attempt_is_told_as_it_goes(rig: Rig) -> None:
    """First the wish, then the end of the attempt, then the pause."""
    began, finish = threading.Event(), threading.Event()

    class Slow(WorkflowEntrypoint, name="feed-slow"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("slow", lambda: hold(began, finish))
            await step.do("next", lambda: None)

    instance = rig.create(Slow)
    running = rig.in_thread(rig.settle)
    assert began.wait(10)
    instance.pause()
    finish.set()
    running.result(timeout=10)
    live = instance.subscribe()
    assert words(drained(live))[3:] == [
        "step_started slow-1", "attempt_started slow-1 1", "workflow_waiting_for_pause", "attempt_completed slow-1 1",
        "step_completed slow-1", "workflow_paused",
    ]  # fmt: skip
    instance.resume()
    rig.settle()
    assert words(drained(live)) == [
        "workflow_queued", "workflow_running", "step_started next-1", "attempt_started next-1 1",
        "attempt_completed next-1 1", "step_completed next-1", "workflow_completed",
    ]  # fmt: skip


def test_an_attempt_that_is_cut_off_stays_told(rig: Rig) -> None:
    """What the feed told live of an attempt, it tells after the instance was terminated in the middle of it, too."""
    begun, go_on = threading.Event(), threading.Event()

    class CutOff(WorkflowEntrypoint, name="feed-cut-off"):
        async def run(self, event: Any, step: Any) -> None:
            def hold() -> None:
                begun.set()
                go_on.wait(30)

            await step.do("hold", hold)

    instance = rig.create(CutOff)
    (nudge,) = rig.take()
    working = rig.in_thread(rig.advance, nudge)
    begun.wait(10)
    live = told(instance)
    instance.terminate()
    go_on.set()
    working.result(10)
    assert names(live)[-1] == "attempt_started"
    assert told(instance)[: len(live)] == live
