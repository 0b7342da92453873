"""A.9 and C.10, rollback: which handlers run, in which order, with what, and what becomes of the instance."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from wf import NonRetryableError, WorkflowEntrypoint
from wf_reaper.restarts import Restarts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Rig
    from wf.instance import Instance

CALLS: list[tuple[Any, ...]] = []
"""What handlers have seen, in the order in which they ran."""


@pytest.fixture(autouse=True)
def no_calls() -> None:
    """Each test begins with an empty list."""
    CALLS.clear()


def note(name: str) -> Callable[[Any], None]:
    """A handler that writes down what it was given."""

    def undo(info: Any) -> None:
        CALLS.append((name, info.stepName, info.output, type(info.error).__name__, str(info.error), info.ctx.attempt))

    return undo


def names() -> list[str]:
    """Which handlers ran."""
    return [str(call[0]) for call in CALLS]


def forget_passes(rig: Rig) -> None:
    """As if every worker had been restarted."""
    for worker in rig.workers:
        worker.engine.passes.clear()


def rollback_steps(instance: Instance) -> list[tuple[str, str]]:
    """The rows of handlers, with their statuses."""
    return [(step.name, step.status) for step in instance.describe().steps if step.type == "rollback"]


ONCE = {"retries": {"limit": 0, "delay": 0}}


class Saga(WorkflowEntrypoint, name="conformance-saga"):
    """Books three things, one after the other and in parallel; the last step fails."""

    async def run(self, event: Any, step: Any) -> Any:
        def fail() -> None:
            raise ValueError("no seats")

        await step.do("flight", lambda: "LH-1", rollback=note("flight"))
        await step.do("mail", lambda: None)
        await asyncio.gather(
            step.do("hotel", lambda: "room 7", rollback=note("hotel")),
            step.do("car", lambda: "a red one", rollback=note("car")),
        )
        if event.payload.get("wait"):
            await step.wait_for_event("approval", "go", timeout="30 days")
        await step.do("seats", fail, config=ONCE, rollback=note("seats"))


def test_a_failed_run_is_undone_last_step_first(rig: Rig) -> None:
    """Reverse order of start, the failed step first; steps without a handler are passed over; the error stays."""
    instance = rig.create(Saga)
    rig.settle()
    found = instance.status()
    assert (found.status, found.error.name, found.error.message) == ("errored", "ValueError", "no seats")
    assert found.rollback == {"outcome": "complete", "error": None}
    assert names() == ["seats", "car", "hotel", "flight"]


def test_a_handler_gets_context_error_output_and_name(rig: Rig) -> None:
    """The output is None if the step failed; the error is the one that `run` failed with."""
    rig.create(Saga)
    rig.settle()
    assert CALLS[0] == ("seats", "seats-1", None, "ValueError", "no seats", 1)
    assert CALLS[3] == ("flight", "flight-1", "LH-1", "ValueError", "no seats", 1)


def test_each_handler_is_a_celery_task_of_its_own(rig: Rig) -> None:
    """Between two handlers the worker hands over; the status is rollingBack meanwhile."""
    instance = rig.create(Saga)
    tasks = 0
    while not CALLS:
        (first, *others) = rig.take()
        for nudge in (first, *others):
            rig.advance(nudge)
    while nudges := rig.take():
        assert instance.status().status == "rollingBack"
        before = len(CALLS)
        for nudge in nudges:
            rig.advance(nudge)
        tasks += 1
        assert len(CALLS) - before <= 1
    assert (tasks, instance.status().status) == (3, "errored")


def test_handlers_are_found_again_by_replay(rig: Rig) -> None:
    """Workers may come and go between two handlers: nothing is undone twice, and nothing is left out."""
    instance = rig.create(Saga)
    while nudges := rig.take():
        for nudge in nudges:
            rig.advance(nudge)
        forget_passes(rig)
    assert instance.status().rollback.outcome == "complete"
    assert names() == ["seats", "car", "hotel", "flight"]


def test_terminate_with_rollback(rig: Rig) -> None:
    """Handlers are told that the instance was terminated; then it is."""
    instance = rig.create(Saga, params={"wait": True})
    rig.settle()
    instance.terminate(rollback=True)
    assert instance.status().status == "rollingBack"
    forget_passes(rig)
    rig.settle()
    found = instance.status()
    assert (found.status, found.error, found.rollback.outcome) == ("terminated", None, "complete")
    assert names() == ["car", "hotel", "flight"]
    assert [call[3:5] for call in CALLS] == [("StepError", "Terminated: Instance terminated during rollback")] * 3


def test_a_plain_terminate_undoes_nothing(rig: Rig) -> None:
    """Without the wish for it no handler runs."""
    instance = rig.create(Saga, params={"wait": True})
    rig.settle()
    instance.terminate()
    rig.settle()
    assert (instance.status().status, instance.status().rollback, CALLS) == ("terminated", None, [])


@pytest.mark.parametrize("settled", [False, True])
def test_terminate_with_rollback_with_nothing_to_undo_is_at_once(rig: Rig, settled: bool) -> None:
    """A queued instance, or one whose steps have no handlers, is terminated without a worker."""

    class Plain(WorkflowEntrypoint, name="conformance-saga-plain"):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do("first", lambda: 1)
            await step.sleep("long", "1 day")

    instance = rig.create(Plain)
    if settled:
        rig.settle()
    instance.terminate(rollback=True)
    assert (instance.status().status, instance.status().rollback) == ("terminated", None)


def test_success_undoes_nothing(rig: Rig) -> None:
    """A run that returns leaves its handlers alone, and so does an error that it caught."""

    class Fine(WorkflowEntrypoint, name="conformance-saga-fine"):
        async def run(self, event: Any, step: Any) -> Any:
            def fail() -> None:
                raise ValueError("caught")

            await step.do("first", lambda: 1, rollback=note("first"))
            try:
                await step.do("second", fail, config=ONCE, rollback=note("second"))
            except ValueError:
                return "fine"

    instance = rig.create(Fine)
    rig.settle()
    assert (instance.status().output, instance.status().rollback, CALLS) == ("fine", None, [])


class Flaky(WorkflowEntrypoint, name="conformance-saga-flaky"):
    """Its last handler fails as often as the payload says."""

    async def run(self, event: Any, step: Any) -> Any:
        def undo(ctx: Any, error: Any, output: Any) -> None:
            CALLS.append(("undo", output))
            if len(CALLS) <= event.payload["failures"]:
                raise (NonRetryableError if event.payload.get("final") else KeyError)("the undo failed")

        retries = {"retries": {"limit": 2, "delay": 60, "backoff": "constant"}}
        await step.do("first", lambda: 1, rollback=note("first"))
        await step.do("second", lambda: 2, rollback=undo, rollback_config=retries)
        raise RuntimeError("the end")


def test_handlers_have_retries_of_their_own(rig: Rig) -> None:
    """A handler that fails is tried again as `rollback_config` says, and the rollback goes on."""
    instance = rig.create(Flaky, params={"failures": 2})
    rig.settle()
    assert instance.status().status == "rollingBack"
    rig.pass_time(61)
    rig.pass_time(61)
    assert names() == ["undo", "undo", "undo", "first"]
    assert instance.status().rollback.outcome == "complete"
    (undone,) = [step for step in instance.describe().steps if (step.type, step.name) == ("rollback", "second-1")]
    assert [attempt.success for attempt in undone.attempts] == [False, False, True]


@pytest.mark.parametrize(("final", "attempts"), [(False, 3), (True, 1)])
def test_the_first_handler_that_fails_for_good_stops_the_rollback(rig: Rig, final: bool, attempts: int) -> None:
    """Earlier steps stay as they are; the outcome says failed and with what; the run's own error stays."""
    instance = rig.create(Flaky, params={"failures": 9, "final": final})
    rig.settle()
    rig.pass_time(61)
    rig.pass_time(61)
    found = instance.status()
    assert names() == ["undo"] * attempts
    assert (found.status, found.error.message, found.rollback.outcome) == ("errored", "the end", "failed")
    assert "the undo failed" in found.rollback.error.message
    assert rollback_steps(instance) == [("second-1", "errored")]


def test_a_step_that_had_begun_and_never_ended_is_undone(rig: Rig) -> None:
    """Its output is None; a step that was never begun is left alone."""

    class Begun(WorkflowEntrypoint, name="conformance-saga-begun"):
        async def run(self, event: Any, step: Any) -> Any:
            def fail() -> None:
                raise ValueError("once more")

            slow = {"retries": {"limit": 5, "delay": "1 hour"}}
            await step.do("retrying", fail, config=slow, rollback=note("retrying"))
            await step.do("later", lambda: 1, rollback=note("later"))

    instance = rig.create(Begun)
    rig.settle()
    instance.terminate(rollback=True)
    rig.settle()
    assert [call[:3] for call in CALLS] == [("retrying", "retrying-1", None)]


def test_a_handler_that_the_code_of_today_lacks_stops_the_rollback(rig: Rig) -> None:
    """The outcome names RollbackMissing, and no earlier handler runs."""

    def declare(*, second: bool) -> type[WorkflowEntrypoint]:
        class Changed(WorkflowEntrypoint, name="conformance-saga-changed"):
            async def run(self, event: Any, step: Any) -> Any:
                await step.do("first", lambda: 1, rollback=note("first"))
                await step.do("second", lambda: 2, rollback=note("second") if second else None)
                await step.sleep("long", "1 day")

        return Changed

    instance = rig.create(declare(second=True))
    rig.settle()
    declare(second=False)
    forget_passes(rig)
    instance.terminate(rollback=True)
    rig.settle()
    found = instance.status()
    assert (found.status, found.rollback.outcome, found.rollback.error.name) == (
        "terminated",
        "failed",
        "RollbackMissing",
    )
    assert CALLS == []


def test_steps_cannot_be_called_in_a_handler(rig: Rig) -> None:
    """A handler that calls a step fails, and says why."""

    class Nested(WorkflowEntrypoint, name="conformance-saga-nested"):
        async def run(self, event: Any, step: Any) -> Any:
            async def undo() -> None:
                await step.do("inner", lambda: 1)

            await step.do("first", lambda: 1, rollback=undo, rollback_config=ONCE)
            raise ValueError("roll back")

    instance = rig.create(Nested)
    rig.settle()
    assert "Cannot execute steps during rollback phase" in instance.status().rollback.error.message


def test_terminate_cuts_a_rollback_off(rig: Rig) -> None:
    """An instance that rolls back can be terminated: the rest stays as it is, and the record says so."""
    instance = rig.create(Flaky, params={"failures": 1})
    rig.settle()
    assert instance.status().status == "rollingBack"
    instance.terminate()
    rig.pass_time(100)
    found = instance.status()
    assert (found.status, found.rollback.outcome, found.rollback.error.name) == ("terminated", "failed", "Terminated")
    assert names() == ["undo"]


def test_a_restart_after_a_rollback_begins_anew(rig: Rig) -> None:
    """Nothing of the rollback is left, and everything runs again."""
    instance = rig.create(Saga)
    rig.settle()
    instance.restart()
    assert (instance.status().status, instance.status().rollback, instance.status().error) == ("queued", None, None)
    rig.settle()
    assert names() == ["seats", "car", "hotel", "flight"] * 2


def test_a_scheduled_restart_after_a_rollback_begins_at_the_start(rig: Rig) -> None:
    """What was undone has to be done again, whatever the policy says of what is kept."""

    class Again(WorkflowEntrypoint, name="conformance-saga-again", restart={"limit": 1, "delay": 10, "from": "failed"}):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do("first", lambda: CALLS.append(("first",)), rollback=lambda: CALLS.append(("undone",)))
            await step.do("second", lambda: None)
            raise ValueError("as ever")

    instance = rig.create(Again)
    rig.settle()
    rig.clock.advance(11)
    assert Restarts(rig.workers[0]).run_once() == 1
    rig.settle()
    assert instance.status().status == "errored"
    assert names() == ["first", "undone"] * 2
