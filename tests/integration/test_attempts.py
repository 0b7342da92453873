"""Attempts: their time limits, their context, and what happens when they lose their worker."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig, wait_until
from wf import WorkerLostError, WorkflowEntrypoint, WorkflowTimeoutError

if TYPE_CHECKING:
    from wf import Event, Step, StepContext

ONE_TRY = {"retries": {"limit": 0}, "timeout": 0.05}


def test_an_async_callback_is_cancelled_when_its_time_is_over(rig: Rig) -> None:
    """The coroutine gets its CancelledError, and the step fails with the time limit in its message."""
    ends: list[str] = []

    class Slow(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            async def for_ever() -> None:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    ends.append("cancelled")
                    raise

            try:
                await step.do("slow", for_ever, config=ONE_TRY)
            except WorkflowTimeoutError as error:
                return str(error)
            return "in time"

    instance = rig.create(Slow)
    rig.settle()
    assert instance.status().output == "Execution timed out after 50ms"
    assert ends == ["cancelled"]


def test_a_sync_callback_is_abandoned_and_its_late_result_dropped(rig: Rig) -> None:
    """The step fails while the callback still runs; what it returns afterwards reaches nobody."""
    gate, told = threading.Event(), threading.Event()

    class Slow(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            @step.do("slow", config=ONE_TRY)
            def slow(ctx: StepContext) -> str:
                if ctx.cancelled.wait(10):
                    told.set()
                gate.wait(10)
                return "late"

            try:
                return str(await slow())
            except WorkflowTimeoutError:
                return "timed out"

    instance = rig.create(Slow)
    running = rig.in_thread(rig.advance, rig.take()[0])
    wait_until(lambda: [s.status for s in instance.describe().steps] == ["errored"], what="the timeout is recorded")
    assert told.wait(10)
    wait_until(rig.queued, what="whoever records the timeout nudges the instance")
    rig.settle()
    assert instance.status().output == "timed out"
    gate.set()
    assert running.result(10).steps == 1
    assert instance.status().output == "timed out"


def test_a_timeout_is_retried_like_any_error(rig: Rig) -> None:
    """The next attempt gets its full time again."""

    class Slow(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> int:
            @step.do("slow", config={"retries": {"limit": 1, "delay": 5}, "timeout": 0.05})
            async def slow(ctx: StepContext) -> int:
                if ctx.attempt == 1:
                    await asyncio.Event().wait()
                return ctx.attempt

            return int(await slow())

    instance = rig.create(Slow)
    rig.settle()
    rig.pass_time(5)
    assert instance.status().output == 2


def test_the_context_says_which_step_and_attempt_it_is(rig: Rig) -> None:
    """Name, occurrence, attempt and resolved config are there as items and attributes; the key stays the same."""
    seen: list[Any] = []

    class Looks(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            def look(ctx: StepContext) -> None:
                seen.append((dict(ctx["step"]), ctx.step.name, ctx.step.count, ctx.attempt, ctx.idempotency_key))
                seen.append(dict(ctx.config))
                ctx.config["timeout"] = 0
                ctx.log.info("looked")
                if ctx.attempt == 1:
                    raise ConnectionError

            for _ in range(2):
                await step.do(
                    "look", look, config={"retries": {"limit": 1, "delay": "5 seconds"}, "timeout": "1 minute"}
                )

    instance = rig.create(Looks)
    rig.settle()
    rig.pass_time(5)
    rig.pass_time(5)
    assert instance.status().status == "complete"
    places = seen[0::2]
    assert [(place[0], place[3]) for place in places] == [
        ({"name": "look", "count": count}, attempt) for count in (1, 2) for attempt in (1, 2)
    ]
    assert places[0][4] == places[1][4] != places[2][4]
    assert places[0][4].isalnum()
    assert all(
        config == {"retries": {"limit": 1, "delay": 5.0, "backoff": "exponential"}, "timeout": 60.0}
        for config in seen[1::2]
    )


@pytest.mark.parametrize(("once", "attempts"), [(False, 3), (True, 1)])
def test_an_attempt_that_loses_its_worker_too_often_fails(rig: Rig, once: bool, attempts: int) -> None:
    """After WF_MAX_LOST lost attempts, or the first with at_most_once, the step fails; the audit tells of each."""
    gates = [threading.Event() for _ in range(3)]
    begun: list[int] = []

    class Deadly(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            @step.do("deadly", config={"at_most_once": once, "retries": {"limit": 0}})
            def deadly(ctx: StepContext) -> None:
                begun.append(ctx.attempt)
                gates[ctx.attempt - 1].wait(20)

            try:
                await deadly()
            except WorkerLostError as error:
                return str(error)
            return "survived"

    instance = rig.create(Deadly)
    (nudge,) = rig.take()
    zombies = []
    for number in range(1, attempts + 1):
        zombies.append(rig.in_thread(rig.advance, nudge))
        wait_until(lambda: len(begun) == len(zombies), what=f"attempt {number} begins")
        rig.clock.advance(rig.settings.lease + 1)
        rig.workers[0].alarm.run_once()
        (nudge,) = rig.take()
    rig.advance(nudge)
    assert f"lost its worker {attempts} time(s)" in instance.status().output
    told = [(a.outcome, a.success, a.error.name) for a in instance.describe().steps[0].attempts]
    assert told == [("lost", False, "WorkerLostError")] * attempts
    noted = [(it.actor, it.action, it.instance, it.detail) for it in reversed(rig.client.audit.list())]
    step = {"step": "deadly", "count": 1, "worker": rig.workers[0].journal.worker}
    assert noted == [
        ("engine", "lose_attempt", instance.id, {**step, "attempt": number}) for number in range(1, attempts + 1)
    ]
    for gate in gates:
        gate.set()
    for zombie in zombies:
        zombie.result(10)
    assert f"lost its worker {attempts} time(s)" in instance.status().output


def test_failures_are_logged_with_the_authors_traceback_and_without_values(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every failed attempt and every errored instance is in the worker's log, but no payload or local variable is."""

    class Fails(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            def charge() -> None:
                password = event.payload["password"]
                raise ValueError(f"refused {len(password)} characters")

            await step.do("charge", charge, config={"retries": {"limit": 1, "delay": 1}})

    rig.create(Fails, params={"password": "hunter2"})
    rig.settle()
    rig.pass_time(1)
    log = capsys.readouterr().out
    assert log.count("attempt failed") == 2
    assert log.count("instance errored") == 1
    assert "in charge" in log
    assert "ValueError: refused 7 characters" in log
    assert "hunter2" not in log


def test_a_failed_handler_is_logged_as_the_rollback_that_it_is(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    """It has the name of the step that it undoes; the log tells the two apart."""

    class Stuck(WorkflowEntrypoint, name="handler-logged"):
        async def run(self, event: Event, step: Step) -> None:
            def undo() -> None:
                raise OSError("no way back")

            await step.do("book", lambda: 1, rollback=undo, rollback_config={"retries": {"limit": 0}})
            raise ValueError("sold out")

    rig.create(Stuck)
    rig.settle()
    assert "step='rollback of book-1'" in re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
