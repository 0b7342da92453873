"""C.6 and SPEC 7.9, 7.10: gather, wait, as_completed and TaskGroup over steps, live and replayed."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import ONE_TRY, Gates, crew, entry, flow, new_lifetime, output, started
from tests.support import Rig, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.instance import Instance
    from wf.settings import Settings


@pytest.fixture
def two(settings: Settings) -> Iterator[Rig]:
    """Two workers."""
    with Rig(settings, workers=2) as made:
        yield made


def journaled(instance: Instance, name: str) -> bool:
    """Whether a step has ended."""
    return entry(instance, f"{name}-1").end is not None


def finish(rig: Rig, instance: Instance, gates: Gates, *order: str) -> None:
    """Let steps end in this order, each before the next one."""
    gates.wait_inside()
    for name in order:
        gates.let_go(name)
        wait_until(partial(journaled, instance, name), what=f"{name} is journaled")


def test_parallel_steps_of_one_instance_run_at_the_same_time(two: Rig) -> None:
    """Four steps meet at a barrier that lets nobody through before all four are there."""
    barrier = threading.Barrier(4)

    async def meet(event: Any, step: Any) -> Any:
        return sorted(await asyncio.gather(*[step.do(f"s{n}", lambda: barrier.wait(30)) for n in range(4)]))

    instance = two.create(flow(meet))
    with crew(two):
        assert instance.result(timeout=30) == [0, 1, 2, 3]


def test_fifty_parallel_steps_on_two_workers_run_once_each(two: Rig) -> None:
    """There is no limit on how many; gather gives their results in the order of the call."""
    ran: list[int] = []

    def square(n: int) -> int:
        ran.append(n)
        return n * n

    async def wide(event: Any, step: Any) -> Any:
        return await asyncio.gather(*[step.do(f"s{n}", partial(square, n)) for n in range(50)])

    instance = two.create(flow(wide))
    with crew(two):
        assert instance.result(timeout=60) == [n * n for n in range(50)]
    assert sorted(ran) == list(range(50))


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
@pytest.mark.parametrize("how", ["gather", "as_completed", "first", "callbacks"])
def test_the_order_of_results_is_that_of_the_journal_live_and_replayed(two: Rig, how: str, order: str) -> None:
    """Whatever ended first is first at every replay, on another worker, too."""
    gates = Gates(*"abc")
    seen: list[Any] = []

    async def race(event: Any, step: Any) -> Any:
        futures = {name: step.do(name, lambda name=name: gates.hold(name)) for name in "abc"}
        found: list[str] = []
        match how:
            case "gather":
                found += await asyncio.gather(*futures.values())
            case "as_completed":
                found += [await one for one in asyncio.as_completed(futures.values())]
            case "first":
                tasks = [asyncio.ensure_future(one) for one in futures.values()]
                pending: set[Any] = set(tasks)
                while pending:
                    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    found += sorted(task.result() for task in done)
            case _:

                async def note(name: str) -> None:
                    found.append(await futures[name])

                await asyncio.gather(*map(note, "abc"))
        seen.append(found)
        await step.sleep("nap", 60)
        return found

    instance = two.create(flow(race))
    with crew(two):
        finish(two, instance, gates, *order)
        wait_until(lambda: instance.status().status == "waiting", what="it sleeps")
    for _ in range(2):
        new_lifetime(two)
        two.pass_time(30)
    expected = list("abc" if how == "gather" else order)
    assert output(instance) == expected
    assert len(seen) >= 2
    assert all(found == expected for found in seen)


def test_the_winner_of_a_race_stays_the_winner(two: Rig) -> None:
    """`wait(FIRST_COMPLETED)`: the loser, cancelled, changes nothing at a later replay, although it has ended since."""
    gates = Gates("a", "b")

    async def race(event: Any, step: Any) -> Any:
        tasks = [asyncio.ensure_future(step.do(name, lambda name=name: gates.hold(name))) for name in "ab"]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        winners = [task.result() for task in done]
        told = await step.do("tell", lambda: winners)
        await step.sleep("nap", 60)
        return [told, winners]

    instance = two.create(flow(race))
    with crew(two):
        finish(two, instance, gates, "b")
        wait_until(lambda: any(found.type == "sleep" for found in instance.describe().steps), what="it sleeps")
        gates.let_go("a")
    new_lifetime(two)
    two.pass_time(60)
    assert output(instance) == [["b"], ["b"]]


def test_the_first_failure_of_gather_rejects_and_cancels_the_siblings(two: Rig) -> None:
    """The instance is errored at once; a sibling that ended stays journaled, one that runs is cut off."""
    gates = Gates("done", "slow")

    def fail() -> None:
        raise ValueError("the first")

    async def gathered(event: Any, step: Any) -> Any:
        done = step.do("done", lambda: gates.hold("done"))
        slow = step.do("slow", lambda: gates.hold("slow"))

        async def failing() -> None:
            await asyncio.wait([asyncio.ensure_future(done)])
            await step.do("fail", fail, config=ONE_TRY)

        await asyncio.gather(done, slow, failing())

    instance = two.create(flow(gathered))
    with crew(two):
        finish(two, instance, gates, "done")
        with pytest.raises(ValueError, match="the first"):
            instance.result(timeout=30)
        gates.let_go("slow")
    assert (entry(instance, "done-1").success, entry(instance, "done-1").output) == (True, "done")
    assert entry(instance, "slow-1").success is not True
    assert entry(instance, "slow-1").end is not None


def test_gather_with_return_exceptions_waits_for_all(rig: Rig) -> None:
    """Results and errors stand in the order of the call: what JavaScript calls allSettled."""

    def fail() -> None:
        raise KeyError("two")

    async def settled(event: Any, step: Any) -> Any:
        steps = [
            step.do("one", lambda: 1),
            step.do("two", fail, config=ONE_TRY),
            step.do("three", lambda: 3),
        ]
        return [repr(one) for one in await asyncio.gather(*steps, return_exceptions=True)]

    assert output(started(rig, settled)) == ["1", "KeyError('two')", "3"]


def test_a_task_group_runs_steps_in_parallel_and_fails_as_a_group(rig: Rig) -> None:
    """The error inside the group is the step's own class."""

    def fail() -> None:
        raise KeyError("two")

    async def grouped(event: Any, step: Any) -> Any:
        async def failing() -> None:
            await step.do("two", fail, config=ONE_TRY)

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(failing())
                await step.do("one", lambda: 1)
                await step.sleep("long", "1 day")
        except* KeyError as errors:
            found = [repr(error) for error in errors.exceptions]
        return found

    assert output(started(rig, grouped)) == ["KeyError('two')"]


def test_a_failed_step_is_retried_beside_its_siblings(rig: Rig) -> None:
    """The backoff of one holds nobody up; gather ends when it succeeds."""
    tries: list[int] = []

    def flaky() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        return len(tries)

    async def beside(event: Any, step: Any) -> Any:
        return await asyncio.gather(step.do("flaky", flaky), step.do("other", lambda: "done"))

    instance = started(rig, beside)
    assert (entry(instance, "other-1").success, instance.status().status) == (True, "waiting")
    rig.pass_time(10)
    assert output(instance) == [2, "done"]


def test_a_step_that_nobody_awaits_is_cancelled_with_a_warning(rig: Rig) -> None:
    """The workflow may end before it; the description tells so."""

    async def forgetful(event: Any, step: Any) -> Any:
        forgotten = asyncio.ensure_future(step.sleep("forgotten", "1 day"))
        await step.do("awaited", lambda: 1)
        return not forgotten.done()

    instance = started(rig, forgetful)
    assert output(instance) is True
    assert any("forgotten" in str(warning) for warning in instance.describe().warnings)
