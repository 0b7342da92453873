"""The loop of a pass: asyncio's own tools, driven by results of the journal."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.passes import asked, begin, done, work
from wf.core import Completed, Failed
from wf.core import loop as core_loop
from wf.core.loop import CoreLoop
from wf.errors import RestlessRunError

if TYPE_CHECKING:
    from wf.core import Event, Step


def test_gather_asks_for_everything_at_once_and_keeps_order() -> None:
    """Parallel steps are requested together; their results come back in the order of the call."""

    async def run(_event: Event, step: Step) -> Any:
        return await asyncio.gather(*[step.do(name, work) for name in "abc"])

    suspended = begin(run)
    assert asked(suspended) == ["do:a-1", "do:b-1", "do:c-1"]
    suspended.feed(done("c", 3), done("a", 1))
    assert asked(suspended) == ["do:b-1"]
    suspended.feed(done("b", 2))
    assert suspended.outcome == Completed([1, 2, 3])


def test_a_step_may_start_now_and_be_awaited_later() -> None:
    """A step call registers at once; awaiting it later gives a result that came long before."""

    async def run(_event: Event, step: Step) -> Any:
        early = step.do("early", work)
        later = await step.do("later", work)
        return later, await early

    suspended = begin(run)
    assert asked(suspended) == ["do:early-1", "do:later-1"]
    suspended.feed(done("early", "e"), done("later", "l"))
    assert suspended.outcome == Completed(("l", "e"))


@pytest.mark.parametrize(("first", "winner"), [("a", "a"), ("b", "b")])
def test_a_race_is_won_by_the_first_result_in_the_journal(first: str, winner: str) -> None:
    """`wait(FIRST_COMPLETED)` sees the one result that was fed first; the loser can be withdrawn."""

    async def run(_event: Event, step: Step) -> Any:
        steps = {step.do(name, work): name for name in "ab"}
        finished, pending = await asyncio.wait(steps, return_when=asyncio.FIRST_COMPLETED)
        for loser in pending:
            loser.cancel()
        await step.do("next", work)
        return [steps[one] for one in finished], [steps[one] for one in pending]

    suspended = begin(run, done(first))
    assert asked(suspended) == ["do:next-1"]
    suspended.feed(done("next"))
    assert suspended.outcome == Completed(([winner], ["b" if winner == "a" else "a"]))


def test_wait_first_exception_goes_on_at_the_first_failure() -> None:
    """`wait(FIRST_EXCEPTION)` passes over successes and returns at the first error."""

    async def run(_event: Event, step: Step) -> Any:
        finished, pending = await asyncio.wait(
            [step.do(name, work) for name in "abc"], return_when=asyncio.FIRST_EXCEPTION
        )
        return len(finished), len(pending), [str(one.exception()) for one in finished if one.exception()]

    suspended = begin(run, done("a"))
    assert suspended.outcome is None
    suspended.feed(done("b", error=OSError("no")))
    assert suspended.outcome == Completed((2, 1, ["no"]))


def test_as_completed_gives_results_in_the_order_of_the_journal() -> None:
    """`as_completed` yields in the order in which results were journaled, not asked for."""

    async def run(_event: Event, step: Step) -> Any:
        return [await one for one in asyncio.as_completed([step.do(name, work) for name in "abcd"])]

    suspended = begin(run, *(done(name, name) for name in "cadb"))
    assert suspended.outcome == Completed(list("cadb"))


def test_a_task_group_runs_steps_and_coroutines() -> None:
    """`TaskGroup.create_task` takes a step call as well as a coroutine that calls steps."""

    async def run(_event: Event, step: Step) -> Any:
        async def helper() -> Any:
            return await step.do("inner", work)

        async with asyncio.TaskGroup() as group:
            direct: asyncio.Task[Any] = group.create_task(step.do("direct", work))  # type: ignore[arg-type]
            nested = group.create_task(helper(), name="nested")
        return direct.result(), nested.result(), nested.get_name()

    suspended = begin(run)
    assert asked(suspended) == ["do:direct-1", "do:inner-1"]
    suspended.feed(done("inner", 2), done("direct", 1))
    assert suspended.outcome == Completed((1, 2, "nested"))


def test_a_failing_task_group_withdraws_the_other_steps() -> None:
    """One failed child cancels its siblings, whose steps `run` no longer waits for."""

    async def run(_event: Event, step: Step) -> Any:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(step.do("bad", work))  # type: ignore[arg-type]
                group.create_task(step.do("slow", work))  # type: ignore[arg-type]
        except* OSError as group_error:
            caught = [str(error) for error in group_error.exceptions]
        await step.do("after", work)
        return caught

    suspended = begin(run, done("bad", error=OSError("broken")))
    assert asked(suspended) == ["do:after-1"]
    suspended.feed(done("slow", "too late"), done("after"))
    assert suspended.outcome == Completed(["broken"])


def test_queues_events_locks_and_semaphores_work() -> None:
    """What asyncio offers between tasks works inside `run`, in a fixed order."""

    async def run(_event: Event, step: Step) -> Any:
        queue: asyncio.Queue[Any] = asyncio.Queue(maxsize=1)
        lock, semaphore, go = asyncio.Lock(), asyncio.Semaphore(2), asyncio.Event()

        async def produce(name: str) -> None:
            await go.wait()
            async with semaphore, lock:
                await queue.put(await step.do(name, work))

        producers = [asyncio.create_task(produce(name)) for name in "abc"]
        go.set()
        seen = [await queue.get() for _ in producers]
        await asyncio.gather(*producers)
        return seen

    suspended = begin(run)
    assert asked(suspended) == ["do:a-1"]
    suspended.feed(done("a", 1), done("b", 2), done("c", 3))
    assert suspended.outcome == Completed([1, 2, 3])


def test_run_sees_the_core_loop_and_the_outer_loop_comes_back() -> None:
    """In a thread with a running loop, `run` sees the core's loop and the caller its own again."""
    seen: list[Any] = []

    async def run(_event: Event, step: Step) -> None:
        seen.append(asyncio.get_running_loop())
        assert asyncio.get_running_loop().is_running()
        await step.do("a", work)

    async def outer() -> None:
        own = asyncio.get_running_loop()
        suspended = begin(run)
        assert asyncio.get_running_loop() is own
        suspended.feed(done("a"))
        assert asyncio.get_running_loop() is own
        assert suspended.outcome == Completed(None)
        assert seen == [suspended.loop]
        assert not suspended.loop.is_running()
        await asyncio.sleep(0)

    asyncio.run(outer())
    assert isinstance(seen[0], CoreLoop)


def test_a_pass_may_move_to_another_thread() -> None:
    """A suspended pass can be fed by any thread, one at a time."""

    async def run(_event: Event, step: Step) -> Any:
        return [await step.do(name, work) for name in "abc"]

    suspended = begin(run, done("a", 1))
    other = threading.Thread(target=suspended.feed, args=(done("b", 2),))
    other.start()
    other.join()
    suspended.feed(done("c", 3))
    assert suspended.outcome == Completed([1, 2, 3])


def test_a_busy_loop_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `run` that never comes to rest fails with an error that counts its turns."""
    monkeypatch.setattr(core_loop, "TURNS_MAX", 500)

    async def run(_event: Event, _step: Step) -> None:
        while True:  # noqa: ASYNC110  # the busy loop
            await asyncio.sleep(0)

    outcome = begin(run).outcome
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RestlessRunError)
    assert "500 turns" in str(outcome.error)


def test_context_variables_belong_to_tasks() -> None:
    """What `run` sets stays in `run`; its tasks start with a copy."""
    variable: ContextVar[str] = ContextVar("variable", default="outside")

    async def run(_event: Event, step: Step) -> Any:
        async def child() -> str:
            before = variable.get()
            variable.set("child")
            await step.do("c", work)
            return f"{before} {variable.get()}"

        variable.set("run")
        inherited = await asyncio.create_task(child())
        return inherited, variable.get()

    suspended = begin(run)
    assert variable.get() == "outside"
    variable.set("later")
    suspended.feed(done("c"))
    assert suspended.outcome == Completed(("run child", "run"))
    assert variable.get() == "later"


def test_thousands_of_tasks_are_kept_track_of() -> None:
    """Many tasks at once, and many one after the other, all end."""

    async def run(_event: Event, step: Step) -> Any:
        async def child(number: int) -> int:
            await step.do(f"s{number}", work)
            return number

        for _ in range(500):
            await asyncio.create_task(asyncio.sleep(0))
        return sum(await asyncio.gather(*[child(number) for number in range(1000)]))

    suspended = begin(run, *(done(f"s{number}") for number in range(1000)))
    assert suspended.outcome == Completed(sum(range(1000)))


def test_errors_that_nobody_takes_become_warnings() -> None:
    """A callback that raises is no business of `run`; the instance's warnings tell of it."""

    async def run(_event: Event, step: Step) -> str:
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: 1 / 0)
        loop.default_exception_handler({})
        await step.do("a", work)
        return "fine"

    suspended = begin(run, done("a"))
    assert suspended.outcome == Completed("fine")
    assert any("ZeroDivisionError: division by zero" in warning for warning in suspended.warnings)
    assert "unhandled error" in suspended.warnings
