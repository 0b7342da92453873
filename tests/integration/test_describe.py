"""What `describe()` shows of an instance."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from threading import Event as Signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand, RefusedError, hold, moment
from wf import (
    NonRetryableError,
    WorkflowEntrypoint,
)

if TYPE_CHECKING:
    from tests.support import Rig


def test_a_description_has_every_field_of_the_baseline(rig: Rig) -> None:
    """describe() answers with the fields that the baseline shows, and with our own beside them."""

    class Plain(WorkflowEntrypoint, name="client-plain", version="3"):
        async def run(self, event: Any, step: Any) -> int:
            one = await step.do("add", lambda: 1, config={"timeout": "1 minute"})
            await step.sleep("nap", 60)
            got = await step.wait_for_event("permit", "go")
            return int(one + got.payload)

    instance = rig.create(Plain, "r-17", {"x": 1})
    rig.settle()
    rig.pass_time(60)
    instance.send_event("go", 2)
    rig.settle()
    shown = instance.describe()
    assert {
        name: shown[name]
        for name in (
            "id", "workflow", "status", "params", "trigger", "versionId", "success", "error", "output", "rollback",
            "stepCount", "generation", "restarts", "nextWake", "warnings", "retries", "recoveries",
        )
    } == {
        "id": "r-17", "workflow": "client-plain", "status": "complete", "params": {"x": 1},
        "trigger": {"source": "binding"}, "versionId": "3", "success": True, "error": None, "output": 3,
        "rollback": None, "stepCount": 1,
        "generation": 1, "restarts": 0, "nextWake": None, "warnings": [], "retries": 0, "recoveries": 0,
    }  # fmt: skip
    assert (shown.queued, shown.start, shown.end) == (moment(0), moment(0), moment(60))
    assert (shown.version_id, shown.step_count, shown.next_wake) == ("3", 1, None)
    add, nap, permit = shown.steps
    assert [(s.name, s.type, s.success) for s in shown.steps] == [
        ("add-1", "step", True),
        ("nap-1", "sleep", True),
        ("permit-1", "waitForEvent", True),
    ]
    assert (add.output, add.config["timeout"], add.start, add.end) == (1, 60.0, moment(0), moment(0))
    assert [(a.attempt, a.success, a.error) for a in add.attempts] == [(1, True, None)]
    assert (nap.start, nap.end, nap.attempts) == (moment(0), moment(60), [])
    assert (permit.event_type, permit.output["payload"]) == ("go", 2)


def test_a_description_shows_attempts_retries_and_the_next_wake_up(rig: Rig) -> None:
    """While a step backs off, its failed attempt, its error and the time of the next one are there to see."""

    class Flaky(WorkflowEntrypoint, name="client-flaky"):
        async def run(self, event: Any, step: Any) -> Any:
            def flaky(ctx: Any) -> int:
                if ctx.attempt == 1:
                    raise RefusedError(9)
                return int(ctx.attempt)

            return await step.do("flaky", flaky, config={"retries": {"limit": 3, "delay": 30}})

    instance = rig.create(Flaky)
    rig.settle()
    shown = instance.describe()
    (step,) = shown.steps
    assert (shown.status, shown.success, shown.retries, shown.next_wake) == ("waiting", None, 1, moment(30))
    assert (step.status, step.success, step.end, step.wake_at, step.attempt) == ("retrying", None, None, moment(30), 1)
    (failed,) = step.attempts
    assert (failed.success, failed.outcome, failed.retry_at) == (False, "errored", moment(30))
    assert (failed.error.name, failed.error.message) == ("RefusedError", "order 9 refused")
    assert "test_describe.py" in failed.error.traceback
    rig.pass_time(30)
    shown = instance.describe()
    assert [(a.attempt, a.success) for a in shown.steps[0].attempts] == [(1, False), (2, True)]
    assert (shown.retries, shown.next_wake, shown.output) == (1, None, 2)


def test_a_description_shows_a_running_attempt_as_open(rig: Rig) -> None:
    """While user code runs, its attempt has a start, a worker and no end."""
    began, finish = Signal(), Signal()

    class Slow(WorkflowEntrypoint, name="client-slow"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("slow", lambda: hold(began, finish))

    instance = rig.create(Slow)
    running = rig.in_thread(rig.settle)
    assert began.wait(10)
    shown = instance.describe()
    finish.set()
    assert running.result(timeout=10) == 1
    (attempt,) = shown.steps[0].attempts
    assert (shown.status, attempt.outcome, attempt.success, attempt.end) == ("running", "running", None, None)
    assert attempt.worker == rig.workers[0].journal.worker


def test_warnings_of_run_are_shown(rig: Rig) -> None:
    """What `run` leaves behind unawaited is a warning in the description."""

    class Careless(WorkflowEntrypoint, name="client-careless"):
        async def run(self, event: Any, step: Any) -> str:
            step.sleep("forgotten", 60)
            await step.do("first", lambda: None)
            return "done"

    instance = rig.create(Careless)
    rig.settle()
    shown = instance.describe()
    assert shown.output == "done"
    assert "forgotten" in " ".join(shown.warnings)


def test_an_answer_that_lacks_a_field_names_those_it_has(rig: Rig) -> None:
    """A misspelt attribute of an answer is an AttributeError that helps."""
    answer = rig.create(Errand).status()
    with pytest.raises(AttributeError, match="no 'outptu'; it has status, output, error, rollback"):
        _ = answer.outptu


def test_parallel_siblings_are_described_in_the_order_in_which_run_asked(rig: Rig) -> None:
    """The order of steps in a description does not depend on which one finished first."""

    class Fan(WorkflowEntrypoint, name="client-fan"):
        async def run(self, event: Any, step: Any) -> None:
            await asyncio.gather(*[step.do(f"part {n}", lambda: None) for n in range(4)])

    instance = rig.create(Fan)
    rig.advance(rig.take()[0])
    for nudge in reversed(rig.take()):
        rig.advance(nudge)
    assert instance.status().status == "complete"
    assert [step.name for step in instance.describe().steps] == [f"part {n}-1" for n in range(4)]


def test_a_sensitive_output_is_hidden_from_descriptions_but_not_from_run(rig: Rig) -> None:
    """`sensitive="output"` redacts what people see; `run` gets the value."""

    class Secretive(WorkflowEntrypoint, name="client-secretive"):
        async def run(self, event: Any, step: Any) -> int:
            return len(await step.do("token", lambda: "s3cr3t", config={"sensitive": "output"}))

    instance = rig.create(Secretive)
    rig.settle()
    shown = instance.describe()
    assert (shown.steps[0].output, shown.output) == ("[REDACTED]", 6)


def test_a_step_that_failed_for_good_is_shown_with_its_last_attempt(rig: Rig) -> None:
    """The errored step, its only attempt and the instance tell the same error."""

    class Doomed(WorkflowEntrypoint, name="client-doomed"):
        async def run(self, event: Any, step: Any) -> None:
            def fail() -> None:
                raise NonRetryableError("no way")

            await step.do("doomed", fail)

    instance = rig.create(Doomed)
    rig.settle()
    shown = instance.describe()
    (step,) = shown.steps
    assert (shown.success, step.success, step.status) == (False, False, "errored")
    assert [(a.attempt, a.success, a.error.message) for a in step.attempts] == [(1, False, "no way")]
    assert shown.error.message == step.error.message == "no way"
    assert shown.end - shown.queued == timedelta(0)
