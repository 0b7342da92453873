"""How a pass ends, and step calls that come from the wrong place or at the wrong time."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.passes import asked, begin, done, three_in_a_row, work
from wf.core import Completed, Event, Failed, Pass
from wf.errors import NestedStepError, StepAfterEndError, StuckRunError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import Step


def test_a_step_inside_a_callback_is_refused() -> None:
    """A callback runs while `run` rests; step calls in it raise."""

    async def run(_event: Event, step: Step) -> Any:
        return await step.do("outer", lambda: step.do("inner", work))

    suspended = begin(run)
    (request,) = suspended.requests()
    assert request.callback is not None
    with pytest.raises(NestedStepError, match="'inner' was called from inside a step's callback"):
        request.callback()
    assert asked(suspended) == ["do:outer-1"]


def test_a_step_from_another_thread_is_refused() -> None:
    """While `run` runs in one thread, another one cannot call its steps."""
    caught: list[BaseException] = []

    def call(step: Step) -> None:
        try:
            step.sleep("inner", 1)
        except NestedStepError as error:
            caught.append(error)

    async def run(_event: Event, step: Step) -> str:
        other = threading.Thread(target=call, args=(step,))
        other.start()
        other.join()
        return "refused"

    assert begin(run).outcome == Completed("refused")
    assert [error.step for error in caught if isinstance(error, NestedStepError)] == ["inner"]


@pytest.mark.parametrize("decorated", [False, True])
def test_a_step_after_the_end_is_refused(decorated: bool) -> None:
    """Whoever kept `step`, or a decorated step, cannot use it once `run` has ended."""
    kept: list[Callable[[], Any]] = []

    async def run(_event: Event, step: Step) -> None:
        kept.append(step.do("late")(work) if decorated else lambda: step.do("late", work))

    begin(run)
    with pytest.raises(StepAfterEndError, match="'late' was called after `run` had ended"):
        kept[0]()


def test_a_step_of_an_evicted_pass_is_refused() -> None:
    """A callback that outlives the suspended pass gets the error of a nested call, not a signal."""
    suspended = begin(three_in_a_row)
    suspended.evict()
    with pytest.raises(NestedStepError):
        suspended.step.do("late", work)
    assert suspended.requests() == []


def test_run_may_be_sync() -> None:
    """A plain function is a `run` too: it returns a value, or something to await."""

    def plain(event: Event, _step: Step) -> Any:
        return event.payload

    def hands_over(_event: Event, step: Step) -> Any:
        return step.do("a", work)

    assert begin(plain, payload={"n": 1}).outcome == Completed({"n": 1})
    assert begin(hands_over, done("a", 7)).outcome == Completed(7)


@pytest.mark.parametrize("is_async", [True, False])
def test_a_run_that_raises_fails(is_async: bool) -> None:
    """What `run` raises is its outcome, as the same object."""
    error = RuntimeError("boom")

    async def run(_event: Event, _step: Step) -> None:
        raise error

    def plain(_event: Event, _step: Step) -> None:
        raise error

    assert begin(run if is_async else plain).outcome == Failed(error)


def test_a_run_that_cancels_itself_fails() -> None:
    """CancelledError out of `run` is a failure that says so."""

    async def run(_event: Event, step: Step) -> None:
        own = asyncio.current_task()
        assert own is not None
        own.cancel()
        await step.do("a", work)

    outcome = begin(run).outcome
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, asyncio.CancelledError)
    assert "by its own code" in str(outcome.error)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_sys_exit_in_a_worker_thread_fails_the_run(error: type[BaseException]) -> None:
    """In a thread it can only come from the author, so it ends the instance and not the worker."""
    passes: list[Pass] = []

    async def run(_event: Event, step: Step) -> None:
        await step.do("a", work)
        raise error

    other = threading.Thread(target=lambda: passes.append(begin(run, done("a"))))
    other.start()
    other.join()
    outcome = passes[0].outcome
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, error)


def test_sys_exit_in_the_main_thread_stops_the_worker() -> None:
    """In the main thread it is the order to stop, and goes through."""

    async def run(_event: Event, step: Step) -> None:
        await step.do("a", work)
        sys.exit(3)

    suspended = begin(run)
    with pytest.raises(SystemExit):
        suspended.feed(done("a"))


def test_steps_that_nobody_awaited_are_told() -> None:
    """`run` may end with open steps; they are withdrawn and a warning names them."""

    async def run(_event: Event, step: Step) -> str:
        step.do("a", work)
        step.sleep("b", 60)
        step.do("c", work).cancel()
        return f"gone, with {asyncio.create_task(asyncio.sleep(60)).get_name()}"

    suspended = begin(run)
    assert suspended.outcome == Completed("gone, with run")
    assert suspended.warnings == ["run ended without awaiting a-1, b-1; cancelled. Await every step."]
    assert suspended.requests() == []


def test_a_run_that_awaits_everything_has_no_warnings() -> None:
    """An ordinary end leaves nothing to say."""
    suspended = begin(three_in_a_row, *(done("same", count=count) for count in (1, 2, 3)))
    assert suspended.warnings == []


def test_a_stuck_run_can_be_ended() -> None:
    """A `run` that waits for nothing that could come asks for nothing, and its owner ends it."""

    async def run(_event: Event, _step: Step) -> None:
        await asyncio.Event().wait()

    suspended = begin(run)
    assert asked(suspended) == []
    suspended.fail_stuck()
    assert isinstance(suspended.outcome, Failed)
    assert isinstance(suspended.outcome.error, StuckRunError)
