"""Throwing a suspended pass away: its `finally` blocks run, and nothing comes of them."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.farewells import RUNS
from tests.support.passes import asked, begin, done, fired, work
from wf.core import Completed, Kind, Result
from wf.core import loop as core_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from wf.core import Event, Step
    from wf.core.replay import Pass


def history_of(run: Callable[[Event, Step], Any]) -> list[Result]:
    """Results for everything `run` asks for, oldest request first."""
    history: list[Result] = []
    suspended = begin(run)
    while suspended.outcome is None:
        key = suspended.requests()[0].key
        history.append(Result(key, float(len(history)), f"value of {key}"))
        suspended.feed(history[-1])
    return history


@pytest.mark.parametrize("name", RUNS)
def test_eviction_is_inert_at_every_point(
    name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """After any prefix of the history: nothing raised, logged, printed, asked for or left to run."""
    history = history_of(RUNS[name])
    assert history
    for length in range(len(history)):
        suspended = begin(RUNS[name], *history[:length])
        assert suspended.outcome is None
        assert suspended.requests()
        evict(suspended)
        suspended.feed(history[length])
        assert suspended.outcome is None
        assert asked(suspended) == []
    del suspended
    gc.collect()  # whatever complains when it goes shall do so now
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def evict(suspended: Pass) -> None:
    """Evict, and see that no task is left."""
    before = suspended.warnings.copy()
    suspended.evict()
    assert suspended.requests() == []
    left = [task for task in asyncio.all_tasks(suspended.loop) if inspect.iscoroutine(task.get_coro())]
    assert {inspect.getcoroutinestate(task.get_coro()) for task in left} <= {inspect.CORO_CLOSED}  # type: ignore[arg-type]
    assert suspended.warnings == before


def test_evicting_twice_is_once() -> None:
    """A pass that was thrown away can be thrown away again."""
    suspended = begin(RUNS["finally_blocks"])
    suspended.evict()
    suspended.evict()
    assert asked(suspended) == []


def test_finally_blocks_run_up_to_their_first_await() -> None:
    """Code that needs no step runs; code behind a step's result does not."""
    seen: list[str] = []

    async def run(_event: Event, step: Step) -> None:
        try:
            await step.do("a", work)
        except Exception:  # that this does not catch the signal is the point
            seen.append("except Exception")
        finally:
            seen.append("finally")
            cleanup = step.do("cleanup", work)
            seen.append(f"done: {cleanup.done()}")
            await cleanup
            seen.append("behind the step")

    evict(begin(run))
    assert seen == ["finally", "done: False"]


def test_what_is_left_when_run_ends_is_inert_too() -> None:
    """Tasks that outlive `run` are ended quietly with it; their steps are not asked for."""

    async def run(_event: Event, step: Step) -> str:
        async def background() -> None:
            try:
                await step.do("background", work)
            finally:
                await step.do("cleanup", work)

        running = asyncio.create_task(background())
        await step.do("a", work)
        return f"done: {running.done()}"

    suspended = begin(run, done("a"))
    assert suspended.outcome == Completed("done: False")
    assert suspended.warnings == ["run ended without awaiting background-1; cancelled. Await every step."]
    assert asked(suspended) == []


def test_a_generator_left_behind_closes_in_run() -> None:
    """Outside eviction, breaking out of an async generator runs its `finally` block with its steps."""

    async def run(_event: Event, step: Step) -> str:
        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                await step.do("close", work)

        async for _ in numbers():
            break
        await step.do("after", work)
        return "end"

    suspended = begin(run)
    assert sorted(asked(suspended)) == ["do:after-1", "do:close-1"]
    suspended.feed(done("close"), done("after"))
    assert suspended.outcome == Completed("end")
    assert suspended.warnings == []


def test_a_generator_found_by_the_collector_later_is_inert() -> None:
    """A generator that is kept beyond eviction has been closed by it."""
    kept: list[Any] = []

    async def run(_event: Event, step: Step) -> None:
        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                await step.do("close", work)

        kept.append(numbers())
        await anext(kept[0])
        await step.do("a", work)

    suspended = begin(run)
    evict(suspended)
    kept.clear()
    gc.collect()
    assert asked(suspended) == []


def test_a_task_that_refuses_to_end_does_not_hang_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """`while True: except BaseException` is given up on after a while; Python itself complains of it."""
    monkeypatch.setattr(core_loop, "THROWS_MAX", 100)
    complaints: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)

    async def run(_event: Event, step: Step) -> None:
        while True:
            try:
                await step.do("again", work)
            except BaseException:  # what authors must not write
                continue

    suspended = begin(run, done("again"))
    suspended.evict()
    assert asked(suspended) == []
    del suspended
    gc.collect()
    assert {str(one.exc_value) for one in complaints} == {"coroutine ignored GeneratorExit"}


@pytest.mark.parametrize("in_thread", [True, False])
def test_sys_exit_in_a_finally_block(in_thread: bool) -> None:
    """Only in the main thread may it be the order to stop the worker."""
    raised: list[BaseException] = []

    async def run(_event: Event, step: Step) -> None:
        try:
            await step.do("a", work)
        finally:
            sys.exit(3)

    def end() -> None:
        suspended = begin(run)
        try:
            suspended.evict()
        except SystemExit as error:
            raised.append(error)

    if in_thread:
        other = threading.Thread(target=end)
        other.start()
        other.join()
    else:
        end()
    assert len(raised) == (0 if in_thread else 1)


def test_timers_set_while_a_pass_ends_are_not_asked_for() -> None:
    """A timeout in a `finally` block adds nothing, and the timers of the pass are forgotten."""

    async def run(_event: Event, step: Step) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            asyncio.get_running_loop().call_later(5, work)
            await step.do("a", work)

    suspended = begin(run)
    assert [request.key.kind for request in suspended.requests()] == [Kind.TIMER]
    evict(suspended)
    suspended.feed(fired())
    assert asked(suspended) == []
