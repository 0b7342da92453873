"""`advance`, driven by hand: steps, retries, parallel steps, ends."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import START, Rig
from wf import NonRetryableError, StepError, WorkflowEntrypoint
from wf.dispatch import Nudge

if TYPE_CHECKING:
    from wf import Event, Step

QUICK = {"retries": {"limit": 2, "delay": 10, "backoff": "exponential"}}


class OrderError(Exception):
    """An author's error, with a constructor of its own."""

    def __init__(self, order: int, why: str) -> None:
        super().__init__(f"order {order}: {why}")
        self.order, self.why = order, why


def test_steps_run_one_per_task_and_their_results_reach_run(rig: Rig) -> None:
    """Each nudge runs one step, and `run` ends with what the steps gave."""
    calls: list[str] = []

    class Sequence(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            def called(name: str, value: Any) -> Any:
                calls.append(name)
                return value

            first = await step.do("first", lambda: called("first", {"n": event.payload["n"]}))
            return await step.do("second", lambda: called("second", first["n"] + 1))

    instance = rig.create(Sequence, params={"n": 1})
    assert rig.advance(rig.take()[0]).steps == 1
    assert calls == ["first"]
    assert instance.status().status == "running"
    assert rig.settle() == 1
    assert calls == ["first", "second"]
    assert instance.status() == {"status": "complete", "output": 2, "error": None, "rollback": None}


def test_more_steps_in_one_task_when_the_setting_says_so(rig: Rig) -> None:
    """With steps_per_task, one nudge runs as many ready steps as allowed, each journaled on its own."""

    class Batch(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> int:
            return sum([await step.do("s", lambda i=i: i) for i in range(7)])

    with Rig(rig.settings.model_copy(update={"steps_per_task": 5})) as fast:
        instance = fast.create(Batch)
        assert fast.advance(fast.take()[0]).steps == 5
        assert fast.settle() == 1
        assert instance.status().output == 21
        assert [s.name for s in instance.describe().steps] == [f"s-{n}" for n in range(1, 8)]


def test_a_failed_attempt_backs_off_exponentially_and_is_recorded(rig: Rig) -> None:
    """The first retry waits the delay, the next twice that, and each failed attempt keeps its error."""
    times: list[float] = []

    class Flaky(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            @step.do("flaky", config=QUICK)
            async def flaky(ctx: Any) -> int:
                times.append(rig.clock.now() - START)
                if ctx.attempt < 3:
                    raise OrderError(7, "not yet")
                return int(ctx.attempt)

            return await flaky()

    instance = rig.create(Flaky)
    rig.settle()
    assert instance.status().status == "waiting"
    assert instance.describe().next_wake.timestamp() == START + 10
    rig.pass_time(10)
    rig.pass_time(20)
    assert instance.status().output == 3
    assert times == [0, 10, 30]
    assert [a.error.message for a in instance.describe().steps[0].attempts[:2]] == ["order 7: not yet"] * 2


def test_a_step_that_fails_for_good_raises_its_own_class(rig: Rig) -> None:
    """After limit + 1 attempts `run` catches the author's class with its attributes, live and on replay alike."""
    seen: list[Any] = []

    class Failing(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            def fail() -> None:
                raise OrderError(9, "sold out")

            try:
                await step.do("fail", fail, config={"retries": {"limit": 1, "delay": 1}})
            except OrderError as error:
                seen.append((error.order, error.why, str(error)))
            await step.sleep("rest", 60)
            return "went on"

    instance = rig.create(Failing)
    rig.settle()
    rig.pass_time(1)
    rig.pass_time(60)
    assert instance.status().output == "went on"
    assert seen == [(9, "sold out", "order 9: sold out")] * 2


def test_a_non_retryable_error_ends_the_retries_at_once(rig: Rig) -> None:
    """NonRetryableError and its subclasses fail the step in the first attempt."""

    class Refused(NonRetryableError):
        pass

    attempts: list[int] = []

    class Refusing(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            @step.do("refuse")
            def refuse(ctx: Any) -> None:
                attempts.append(ctx.attempt)
                raise Refused("never")

            await refuse()

    instance = rig.create(Refusing)
    rig.settle()
    assert attempts == [1]
    assert instance.status().status == "errored"
    assert instance.status().error.message.endswith("never")


def test_an_error_in_run_itself_errors_the_instance_with_a_traceback(rig: Rig) -> None:
    """User code that fails outside a step ends the instance, and the description shows where."""

    class Broken(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            raise KeyError("nowhere")

    instance = rig.create(Broken)
    rig.settle()
    error = instance.describe().error
    assert (error.name, error.message) == ("KeyError", "'nowhere'")
    assert "test_engine.py" in error.traceback
    with pytest.raises(KeyError, match="nowhere"):
        instance.result(timeout=1)


def test_parallel_steps_get_a_message_each_and_join(rig: Rig) -> None:
    """Every runnable step but the first gets its own message, and the join happens once."""
    joined: list[int] = []

    class Fan(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> int:
            parts = await asyncio.gather(*[step.do(f"part {n}", lambda n=n: n) for n in range(6)])

            def join() -> int:
                joined.append(1)
                return sum(parts)

            return int(await step.do("join", join))

    instance = rig.create(Fan)
    rig.advance(rig.take()[0])
    assert rig.queued() == 5
    rig.settle()
    assert instance.status().output == 15
    assert joined == [1]


def test_a_journaled_step_that_the_code_no_longer_asks_for_is_a_warning(rig: Rig) -> None:
    """A deploy that renames a step under a running instance is recorded, and the instance goes on."""

    def version(name: str) -> type[WorkflowEntrypoint]:
        class Renamed(WorkflowEntrypoint):
            async def run(self, event: Event, step: Step) -> str:
                await step.do(name, lambda: None)
                await step.sleep("nap", 60)
                return name

        return Renamed

    instance = rig.create(version("old"))
    rig.settle()
    version("new")
    rig.pass_time(60)
    assert instance.status().output == "new"
    assert "The journal holds old-1 (do)" in instance.describe().warnings[0]


def test_siblings_are_cancelled_when_run_fails_and_finished_ones_stay(rig: Rig) -> None:
    """A failure in a gather ends the instance; what has finished is in the journal, the rest never runs."""
    ran: list[str] = []

    class Fails(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            def bad() -> None:
                raise NonRetryableError("bad")

            await asyncio.gather(
                step.do("good", lambda: ran.append("good")),
                step.do("bad", bad),
                step.do("late", lambda: ran.append("late")),
            )

    instance = rig.create(Fails)
    first, *others = [*rig.take()]
    rig.advance(first)
    others = rig.take()
    rig.advance(others[0])
    assert instance.status().status == "errored"
    rig.advance(others[1])
    assert ran == ["good"]
    assert [s.status for s in instance.describe().steps] == ["complete", "errored", "cancelled"]


def test_a_result_that_cannot_be_stored_fails_the_step_without_retry(rig: Rig) -> None:
    """The error names the path to the value and can be caught in `run`."""

    class Unstorable(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            try:
                await step.do("bad", lambda: {"files": [1, {"handle": object()}]})
            except Exception as error:
                return str(error)
            return "stored"

    instance = rig.create(Unstorable)
    rig.settle()
    assert "$.files[1].handle" in instance.status().output
    assert instance.describe().steps[0].attempt == 1


def test_a_result_that_is_too_big_names_its_size_and_the_limit(rig: Rig) -> None:
    """WF_MAX_PAYLOAD holds for results, and nothing is tried again."""

    class Big(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            await step.do("big", lambda: "x" * 2_000_000)

    instance = rig.create(Big)
    rig.settle()
    message = instance.status().error.message
    assert "1,048,576 (WF_MAX_PAYLOAD)" in message
    assert "'big-1'" in message


def test_a_value_is_the_same_live_and_replayed(rig: Rig) -> None:
    """`run` gets the decoded value at once, so a tuple, a set or a datetime is one in every pass."""
    kinds: list[tuple[Any, ...]] = []

    class Typed(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            value = await step.do("typed", lambda: (1, {2}, datetime(2026, 1, 2).astimezone(), b"x"))
            kinds.append((value, [type(part) for part in value]))
            await step.sleep("nap", 60)

    rig.create(Typed)
    rig.settle()
    rig.pass_time(60)
    assert len(kinds) == 2
    assert kinds[0] == kinds[1]


def test_a_worker_that_does_not_know_the_workflow_gives_it_back(rig: Rig) -> None:
    """During a rolling deploy an old worker leaves the instance to others, soon and without harm."""
    rig.sql(
        "insert into wf.workflow (name, version) values ('elsewhere', '1')",
    )
    instance = rig.client.workflow("elsewhere").create("i-1")
    rig.settle()
    assert instance.status().status == "queued"
    assert instance.describe().due_at.timestamp() == START + 5


def test_a_stale_nudge_changes_nothing(rig: Rig) -> None:
    """Nudges that are old, repeated, for another generation or for nobody find nothing to do."""
    calls: list[int] = []

    class Twice(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            await step.do("once", lambda: calls.append(1))
            await step.sleep("nap", 60)

    rig.create(Twice)
    first = rig.take()[0]
    rig.advance(first)
    rig.settle()
    before = rig.sql("select rev, due_at from wf.instance")
    for nudge in (first, first, Nudge(first.key, 99, 99, 99), Nudge(987_654, 1, 0)):
        rig.advance(nudge)
    assert rig.sql("select rev, due_at from wf.instance") == before
    assert calls == [1]


def test_a_run_that_waits_for_nothing_fails_with_an_explanation(rig: Rig) -> None:
    """A future that nobody will ever set would wait for ever; the error says so."""

    class Stuck(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            await asyncio.Event().wait()

    instance = rig.create(Stuck)
    rig.settle()
    assert instance.status().error.name == "StuckRunError"


def test_sys_exit_in_a_step_fails_the_attempt_and_not_the_worker(rig: Rig) -> None:
    """An author's sys.exit() is an error of the step, sync or async."""

    class Exits(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> list[str]:
            names = []
            for name, callback in (("sync", _exit), ("async", _async_exit)):
                try:
                    await step.do(name, callback, config={"retries": {"limit": 0}})
                except StepError as error:
                    names.append(error.name)
            return names

    rig.create(Exits)
    progress = rig.in_thread(rig.settle)
    assert progress.result(timeout=10) == 2
    assert rig.client.workflow(Exits).get("i-1").status().output == ["SystemExit", "SystemExit"]


def _exit() -> None:
    raise SystemExit(3)


async def _async_exit() -> None:
    raise SystemExit(3)
