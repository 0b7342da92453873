"""Delays that are functions: asked on the worker after each failed attempt, and never in the journal."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.support import Rig, wait_until
from wf import WorkflowEntrypoint
from wf.errors import NonRetryableDelayError
from wf.faults import decode_error, summary

if TYPE_CHECKING:
    from wf import Event, Step, StepContext


def wakes_in(rig: Rig) -> float:
    """Seconds until the only step of the database is tried again."""
    ((wake_at,),) = rig.sql("select extract(epoch from wake_at)::float8 from wf.step where status = 'retrying'")
    return float(wake_at) - rig.clock.now()


def test_a_delay_function_is_asked_once_after_each_failed_attempt(rig: Rig) -> None:
    """It hears of attempt and error, its answer is doubled each time, and the last failure asks nobody."""
    asked: list[Any] = []

    class Uploads(WorkflowEntrypoint, name="delay-function-asked"):
        async def run(self, event: Event, step: Step) -> str:
            def delay(ctx: StepContext, error: Exception) -> str:
                asked.append((ctx.attempt, str(error), ctx.config["retries"]))
                return "10 seconds"

            def upload(ctx: StepContext) -> str:
                raise OSError(f"try {ctx.attempt}")

            try:
                await step.do("upload", upload, config={"retries": {"limit": 2, "delay": delay}})
            except OSError as error:
                return str(error)
            return "never"

    instance = rig.create(Uploads)
    rig.settle()
    assert wakes_in(rig) == 10
    rig.pass_time(10)
    assert wakes_in(rig) == 20
    rig.pass_time(20)
    assert instance.status().output == "try 3"
    retries = {"limit": 2, "backoff": "exponential"}
    assert asked == [(1, "try 1", retries), (2, "try 2", retries)]
    assert rig.sql("select config from wf.step") == [({"limit": 2, "delay": "[dynamic]"},)]


def test_an_async_delay_function_is_awaited(rig: Rig) -> None:
    """It may be a coroutine, and get one thing that has it all."""

    class Waits(WorkflowEntrypoint, name="delay-function-async"):
        async def run(self, event: Event, step: Step) -> str:
            async def delay(told: Any) -> float:
                return 7.0 if isinstance(told.error, LookupError) else 0.0

            def find(ctx: StepContext) -> str:
                if ctx.attempt == 1:
                    raise LookupError("not yet")
                return "found"

            return str(await step.do("find", find, config={"retries": {"delay": delay, "backoff": "constant"}}))

    instance = rig.create(Waits)
    rig.settle()
    assert wakes_in(rig) == 7
    rig.pass_time(7)
    assert instance.status().output == "found"


def test_a_delay_function_that_fails_ends_the_step_and_not_its_history(rig: Rig) -> None:
    """`run` may catch the refusal; the attempt still shows what the step raised, and no time of a retry."""

    class Broken(WorkflowEntrypoint, name="delay-function-broken"):
        async def run(self, event: Event, step: Step) -> str:
            def delay() -> float:
                raise ValueError("no idea")

            def upload() -> None:
                raise OSError("down")

            try:
                await step.do("upload", upload, config={"retries": {"delay": delay}})
            except NonRetryableDelayError as error:
                return str(error)
            return "never"

    instance = rig.create(Broken)
    rig.settle()
    assert instance.status().output == 'The delay function for step "upload-1" threw an error: no idea'
    (attempt,) = rig.sql("select error, retry_at from wf.attempt")
    assert (summary(attempt[0]).message, attempt[1]) == ("down", None)
    ((stored,),) = rig.sql("select error from wf.step")
    assert isinstance(decode_error(stored), NonRetryableDelayError)


def test_the_code_of_today_gives_the_function(rig: Rig) -> None:
    """An instance that is replayed elsewhere asks the function of the code there; without one, 10 seconds count."""
    delays: list[Any] = [lambda: 100, lambda: 7, None]

    class Changing(WorkflowEntrypoint, name="delay-function-changing"):
        async def run(self, event: Event, step: Step) -> None:
            retries = {"backoff": "constant"} | ({"delay": delays[0]} if delays[0] else {})

            def upload() -> None:
                raise OSError("down")

            await step.do("upload", upload, config={"retries": retries})

    rig.create(Changing)
    for expected in (100, 7, 10):
        rig.settle()
        assert wakes_in(rig) == expected
        delays.pop(0)
        rig.workers[0].engine.passes.clear()
        if delays:
            rig.pass_time(expected)


def test_a_sync_callback_that_takes_too_long_asks_for_its_delay_too(rig: Rig) -> None:
    """The time limit of an attempt that nobody can interrupt is a failure like others."""
    gate = threading.Event()
    asked: list[str] = []

    class Late(WorkflowEntrypoint, name="delay-function-late"):
        async def run(self, event: Event, step: Step) -> None:
            def delay(error: Exception) -> int:
                asked.append(str(error))
                return 33

            await step.do("slow", lambda: gate.wait(30), config={"timeout": 0.05, "retries": {"delay": delay}})

    rig.create(Late)
    done = rig.in_thread(rig.settle)
    try:
        wait_until(lambda: rig.sql("select 1 from wf.step where status = 'retrying'") != [], what="the retry")
        assert wakes_in(rig) == 33
        assert asked == ["Execution timed out after 50ms"]
    finally:
        gate.set()
        done.result(10)
