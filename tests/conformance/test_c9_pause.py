"""B.5 and C.9, pause and resume: what is waited for, what is cut short, and what becomes of deadlines."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import wait_until
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from tests.support import Rig

HOLD = threading.Event()
RAN: list[str] = []


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Nothing is held, and nothing has run."""
    HOLD.clear()
    RAN.clear()


class Two(WorkflowEntrypoint, name="conformance-pause-two"):
    """A long step and one after it."""

    async def run(self, event: Any, step: Any) -> Any:
        got = await step.do("long", lambda: HOLD.wait(30) and "kept")
        await step.do("after", lambda: RAN.append("after"))
        return got


def test_a_pause_waits_for_the_running_attempt_and_keeps_its_result(rig: Rig) -> None:
    """The step that finishes while pausing is journaled; the code after it runs only after the resume."""
    instance = rig.create(Two)
    (nudge,) = rig.take()
    run = rig.in_thread(rig.advance, nudge)
    wait_until(lambda: instance.status().status == "running", what="the step runs")
    instance.pause()
    assert instance.status().status == "waitingForPause"
    HOLD.set()
    run.result(timeout=30)
    assert instance.status().status == "paused"
    (step,) = instance.describe().steps
    assert (step.status, step.output, RAN) == ("complete", "kept", [])
    rig.pass_time(3600)
    assert instance.status().status == "paused"
    instance.resume()
    assert instance.status().status == "queued"
    rig.settle()
    assert (instance.result(timeout=1), RAN.count("after")) == ("kept", 1)


def test_a_resume_calls_a_pending_pause_off(rig: Rig) -> None:
    """The instance is running again, as if nobody had asked for a pause."""
    instance = rig.create(Two)
    (nudge,) = rig.take()
    run = rig.in_thread(rig.advance, nudge)
    wait_until(lambda: instance.status().status == "running", what="the step runs")
    instance.pause()
    instance.resume()
    assert instance.status().status == "running"
    HOLD.set()
    run.result(timeout=30)
    rig.settle()
    assert instance.result(timeout=1) == "kept"


def test_a_pause_that_loses_its_worker_comes_about_when_the_lease_ends(rig: Rig) -> None:
    """The attempt of a dead worker does not hold a pause up for ever; after the resume the step is tried again."""
    instance = rig.create(Two)
    (nudge,) = rig.take()
    HOLD.set()
    worker = rig.workers[0]
    live = worker.engine.passes.load(nudge)
    assert live is not None
    moved, claimed = worker.engine.mover.move(live, 0, None, may_claim=True)
    assert moved
    assert claimed is not None  # claimed, and never run: as if the worker had died
    worker.engine.passes.drop(live)
    instance.pause()
    assert instance.status().status == "waitingForPause"
    rig.pass_time(rig.settings.lease + 1)
    assert instance.status().status == "paused"
    instance.resume()
    rig.settle()
    assert instance.result(timeout=1) == "kept"
    assert instance.describe().recoveries == 1


class Timers(WorkflowEntrypoint, name="conformance-pause-timers"):
    """Waits for one thing or another for a hundred seconds."""

    async def run(self, event: Any, step: Any) -> Any:
        def fail(ctx: Any) -> str:
            if ctx.attempt == 1:
                raise ValueError("the first time")
            return "retried"

        match event.payload:
            case "sleep":
                return await step.sleep("nap", 100)
            case "wait":
                return (await step.wait_for_event("permit", "go", timeout=100)).payload
            case _:
                return await step.do("flaky", fail, config={"retries": {"limit": 1, "delay": 100}})


@pytest.mark.parametrize("what", ["sleep", "wait", "retry"])
def test_every_deadline_is_later_by_the_length_of_the_pause(rig: Rig, what: str) -> None:
    """Sleeps, waits and retry delays are paused at once; after the resume only the rest of their time is left."""
    instance = rig.create(Timers, params=what)
    rig.settle()
    rig.pass_time(40)
    instance.pause()
    assert instance.status().status == "paused"
    rig.pass_time(1000)
    instance.resume()
    rig.settle()
    assert instance.status().status == "waiting"
    rig.pass_time(58)
    assert instance.status().status == "waiting"
    rig.pass_time(3)
    assert instance.status().status == ("errored" if what == "wait" else "complete")


def test_an_event_during_a_pause_is_kept_for_the_wait(rig: Rig) -> None:
    """It wakes nobody; after the resume the wait gets it, even if its first deadline passed in the pause."""
    instance = rig.create(Timers, params="wait")
    rig.settle()
    instance.pause()
    rig.pass_time(500)
    instance.send_event("go", "in time")
    rig.settle()
    assert instance.status().status == "paused"
    instance.resume()
    rig.settle()
    assert instance.result(timeout=1) == "in time"


def test_parallel_attempts_are_all_waited_for(rig: Rig) -> None:
    """The instance is paused when the last of its running attempts has ended; steps not begun are not begun."""
    gates = [threading.Event(), threading.Event()]

    class Three(WorkflowEntrypoint, name="conformance-pause-three"):
        async def run(self, event: Any, step: Any) -> Any:
            import asyncio  # noqa: PLC0415  (as authors do)

            held = [step.do(f"held {n}", lambda n=n: gates[n].wait(30)) for n in (0, 1)]
            return await asyncio.gather(*held, step.do("third", lambda: RAN.append("third")))

    instance = rig.create(Three)
    (first,) = rig.take()
    runs = [rig.in_thread(rig.advance, first)]
    wait_until(lambda: rig.queued() == 2, what="the siblings are nudged")
    second, third = rig.take()
    runs.append(rig.in_thread(rig.advance, second))
    wait_until(lambda: sum(s.status == "running" for s in instance.describe().steps) == 2, what="two steps run")
    instance.pause()
    rig.advance(third)
    gates[0].set()
    wait_until(lambda: any(s.status == "complete" for s in instance.describe().steps), what="one step has ended")
    assert (instance.status().status, RAN) == ("waitingForPause", [])
    gates[1].set()
    for run in runs:
        run.result(timeout=30)
    assert (instance.status().status, RAN) == ("paused", [])
    instance.resume()
    rig.settle()
    assert (instance.status().status, RAN) == ("complete", ["third"])
