"""Order where asyncio has none: sets of futures, and coroutines for `as_completed`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.support.passes import begin, done, work
from wf.core import Completed

if TYPE_CHECKING:
    from wf.core import Event, Step


async def ask(step: Step, number: int) -> tuple[int, Any]:
    """A helper that calls a step whose name says nothing of the number."""
    return number, await step.do("ask", work)


def test_as_completed_starts_coroutines_in_the_order_of_the_list() -> None:
    """Coroutines that use one step name get the same occurrences in every pass, once each."""

    async def run(_event: Event, step: Step) -> Any:
        coroutines = [ask(step, number) for number in range(10)]
        return [await one for one in asyncio.as_completed([*coroutines, coroutines[0]])]

    suspended = begin(run, *(done("ask", count, count=count) for count in range(10, 0, -1)))
    assert suspended.outcome == Completed([(count - 1, count) for count in range(10, 0, -1)])
    assert suspended.warnings == []


def test_as_completed_of_coroutines_without_order_is_warned_of() -> None:
    """From a set the order cannot be told; the instance's warnings say so, once."""

    async def run(_event: Event, step: Step) -> Any:
        return sorted([await one for one in asyncio.as_completed({ask(step, number) for number in range(3)})])

    suspended = begin(run, *(done("ask", count=count) for count in (1, 2, 3)))
    assert suspended.outcome == Completed([(0, None), (1, None), (2, None)])
    assert [warning[:20] for warning in suspended.warnings] == ["asyncio.as_completed"]


def test_sets_of_futures_are_iterated_in_the_same_order_in_every_pass() -> None:
    """Walking the set that `wait` gives asks for the same steps in the same order again and again."""

    async def run(_event: Event, step: Step) -> Any:
        async def helper(number: int) -> int:
            await step.do("helper", work)
            return number

        tasks = [asyncio.create_task(helper(number)) for number in range(10)]
        steps = {step.do(f"s{number}", work): number for number in range(10)}
        finished, _ = await asyncio.wait([*steps, *tasks])
        walk = [await step.do("follow", lambda one=one: one) for one in finished]
        return walk, [steps[one] if one in steps else one.result() for one in finished]

    history = [done("helper", count=number + 1) for number in range(10)]
    history += [done(f"s{number}") for number in range(10)]
    history += [done("follow", number, count=number + 1) for number in range(20)]
    litter: list[Any] = []  # moves the addresses of what comes next
    outcomes = []
    for size in range(1, 30):
        litter.append([object() for _ in range(size * 7)])
        outcomes.append(begin(run, *history).outcome)
    assert isinstance(outcomes[0], Completed)
    assert all(outcome == outcomes[0] for outcome in outcomes)
