"""`step.now()`, `step.random()` and `step.uuid4()`: the same in every pass."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.passes import asked, begin, done, fired, work
from wf.core import Completed, Event, Kind, Pass
from wf.core.chance import Chance
from wf.errors import NestedStepError, StepAfterEndError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import Result, Step

EVENT = Event(payload=None, instanceId="r-17", workflowName="report")


def replayed(run: Callable[[Event, Step], Any], *history: Result, seed: bytes | str = "seed", at: float = 5.0) -> Pass:
    """A pass with a seed that was fed a history."""
    suspended = Pass(run, EVENT, at=at, seed=seed)
    suspended.feed(*history)
    return suspended


def test_draws_follow_the_seed_alone() -> None:
    """Two sources of one seed agree, those of different seeds do not, and one kind does not move the other on."""
    first, second, other = Chance(b"a"), Chance("a"), Chance(b"b")
    numbers = [first.random() for _ in range(50)]
    ids = [first.uuid4() for _ in range(50)]
    assert [second.uuid4() for _ in range(50)] == ids
    assert [second.random() for _ in range(50)] == numbers
    assert not {other.random() for _ in range(50)} & set(numbers)
    assert len(set(numbers)) == len(set(ids)) == 50


def test_numbers_are_spread_from_nought_to_one() -> None:
    """They are as uniform as such numbers are: a tenth of them in every tenth."""
    source = Chance(b"spread")
    numbers = [source.random() for _ in range(10_000)]
    assert all(0 <= number < 1 for number in numbers)
    tenths = [sum(1 for number in numbers if int(number * 10) == tenth) for tenth in range(10)]
    assert min(tenths) > 850
    assert max(tenths) < 1_150


def test_ids_are_random_uuids() -> None:
    """They have the version and the variant of such."""
    source = Chance(b"ids")
    assert {(source.uuid4().version, source.uuid4().variant) for _ in range(20)} == {
        (4, "specified in RFC 4122"),
    }


async def draws(_event: Event, step: Step) -> list[Any]:
    """Draws between steps, in parallel tasks and after a timer."""
    seen: list[Any] = [step.now(), step.random(), step.uuid4()]

    async def part(name: str) -> None:
        seen.append((name, step.random()))
        await step.do(name, work)
        seen.append((name, step.now(), step.uuid4(), step.random()))

    await asyncio.gather(part("a"), part("b"), part("c"))
    await asyncio.sleep(1)
    seen.append((step.now(), step.random()))
    await step.do("end", work)
    return seen


orders = st.permutations(["a", "b", "c"])
times = st.lists(st.floats(0, 4e9), min_size=5, max_size=5).map(sorted)


@settings(deadline=None)
@given(orders, times, st.integers(0, 4), st.binary(max_size=40))
def test_every_prefix_sees_the_same_values(order: list[str], times: list[float], cut: int, seed: bytes) -> None:
    """However a history is cut, what a pass draws that is caught up is what one draws from scratch."""
    names = [*order, "timer", "end"]
    history = [fired(at=at) if name == "timer" else done(name, at=at) for name, at in zip(names, times, strict=True)]
    whole = replayed(draws, *history, seed=seed, at=times[0])
    caught_up = replayed(draws, *history[:cut], seed=seed, at=times[0])
    caught_up.feed(*history[cut:])
    assert isinstance(whole.outcome, Completed)
    assert caught_up.outcome == whole.outcome
    assert whole.outcome.value[0] == datetime.fromtimestamp(times[0], UTC)


async def tell_now(_event: Event, step: Step) -> list[datetime]:
    """The time, before and after."""
    times = [step.now()]
    await step.do("a", work)
    times.append(step.now())
    await step.sleep("nap", 10)
    return [*times, step.now()]


def test_the_time_is_that_of_the_last_result() -> None:
    """It is aware, in UTC, begins with the start of the instance, and moves with what `run` has seen."""
    suspended = replayed(tell_now, done("a", at=7.25), done("nap", kind=Kind.SLEEP, at=17.5), at=5.0)
    moments = [datetime.fromtimestamp(at, UTC) for at in (5.0, 7.25, 17.5)]
    assert suspended.outcome == Completed(moments)
    assert all(moment.tzinfo is UTC for moment in moments)
    assert suspended.began_at == 5.0


CALLS: list[Callable[[Step], object]] = [
    lambda step: step.now(),
    lambda step: step.random(),
    lambda step: step.uuid4(),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_callback_cannot_draw(call: Callable[[Step], object]) -> None:
    """Outside of `run` nobody could draw the same again: the call is refused, in its own thread or another."""
    suspended = begin(tell_now)
    with pytest.raises(NestedStepError):
        call(suspended.step)
    caught: list[Exception] = []

    def try_it() -> None:
        try:
            call(suspended.step)
        except NestedStepError as error:
            caught.append(error)

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join()
    assert len(caught) == 1
    assert asked(suspended) == ["do:a-1"]


@pytest.mark.parametrize("call", CALLS)
def test_nobody_can_draw_after_the_end(call: Callable[[Step], object]) -> None:
    """When `run` has ended, the call is refused like any step."""

    async def run(_event: Event, _step: Step) -> None: ...

    with pytest.raises(StepAfterEndError):
        call(begin(run).step)


def test_a_finally_block_of_an_evicted_pass_may_draw() -> None:
    """Nothing comes of it, and nothing is raised into it."""
    seen: list[object] = []

    async def run(_event: Event, step: Step) -> None:
        try:
            await step.do("a", work)
        finally:
            seen.extend((step.now(), step.random(), step.uuid4()))

    begin(run).evict()
    assert len(seen) == 3
