"""`advance`, driven by hand: sleeps, events, timers of asyncio, races."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.support import START, Rig
from wf import WorkflowEntrypoint, WorkflowTimeoutError

if TYPE_CHECKING:
    from wf import Event, Step


def test_a_sleep_holds_no_worker_no_memory_and_no_message(rig: Rig) -> None:
    """A sleeping instance is a row: no pass is kept, no message is queued, and it wakes when it is due."""

    class Sleeper(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            await step.sleep("long", "3 days")
            return "awake"

    instance = rig.create(Sleeper)
    rig.settle()
    assert instance.status().status == "waiting"
    assert rig.queued() == 0
    assert not len(rig.workers[0].engine.passes)
    rig.pass_time(3 * 86_400 - 10)
    assert instance.status().status == "waiting"
    rig.pass_time(10)
    assert instance.status().output == "awake"


def test_sleep_until_the_past_returns_at_once(rig: Rig) -> None:
    """A moment that is over needs no waiting."""

    class Late(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            await step.sleep_until("gone", event.timestamp - timedelta(hours=1))
            await step.sleep_until("epoch", datetime.fromtimestamp(START - 5).astimezone())
            await step.sleep("none", 0)
            return "on time"

    instance = rig.create(Late)
    assert rig.settle() == 1
    assert instance.status().output == "on time"


def test_an_event_wakes_the_oldest_wait_of_its_type(rig: Rig) -> None:
    """Two parallel waits of a type need two events, first come first served; another type wakes neither."""

    class Waits(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            both = await asyncio.gather(step.wait_for_event("a", "go"), step.wait_for_event("b", "go"))
            return [got.payload for got in both]

    instance = rig.create(Waits)
    rig.settle()
    instance.send_event("other", 0)
    instance.send_event("go", 1)
    rig.settle()
    assert instance.status().status == "waiting"
    instance.send_event("go", 2)
    rig.settle()
    assert instance.status().output == [1, 2]


def test_an_event_sent_early_is_buffered_and_a_late_one_is_too_late(rig: Rig) -> None:
    """Events count from creation on; a wait's deadline is absolute and its error can be caught."""

    class Patient(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            first = await step.wait_for_event("early", "hello")
            try:
                await step.wait_for_event("late", "never", timeout="1 hour")
            except WorkflowTimeoutError as error:
                return [first["payload"], first.type, first.timestamp.timestamp(), str(error)]

    instance = rig.create(Patient)
    instance.send_event("hello", {"n": 1})
    rig.settle()
    rig.pass_time(3_600)
    assert instance.status().output == [{"n": 1}, "hello", START, "Execution timed out after 3600000ms"]


def test_an_event_that_is_there_before_its_wait_is_taken_when_run_gets_to_it(rig: Rig) -> None:
    """A buffered event is found by a wait that comes after steps and sleeps, without another nudge."""

    class Later(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> list[Any]:
            await step.do("first", lambda: None)
            await step.sleep("nap", 10)
            one = await step.wait_for_event("one", "go")
            two = await step.wait_for_event("two", "stop")
            return [one.payload, two.payload]

    instance = rig.create(Later)
    instance.send_event("stop", 2)
    instance.send_event("go", 1)
    rig.settle()
    rig.pass_time(10)
    assert instance.status().output == [1, 2]


def test_an_event_sent_twice_with_one_event_id_counts_once(rig: Rig) -> None:
    """A sender that retries with the same event_id is not heard twice."""

    class Once(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            first = await step.wait_for_event("first", "go")
            try:
                second = await step.wait_for_event("second", "go", timeout=5)
            except TimeoutError:
                return [first.payload]
            return [first.payload, second.payload]

    instance = rig.create(Once)
    instance.send_event("go", 1, event_id="e-1")
    instance.send_event("go", 1, event_id="e-1")
    rig.settle()
    rig.pass_time(6)
    assert instance.status().output == [1]


def test_more_rows_than_fit_into_one_commit(rig: Rig) -> None:
    """A thousand parallel sleeps begin together, in several commits, and end together."""

    class Crowd(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> int:
            done = await asyncio.gather(*[step.sleep(f"nap {n}", 60) for n in range(1_100)])
            return len(done)

    instance = rig.create(Crowd)
    rig.settle()
    assert rig.sql("select count(*), count(distinct wake_at) from wf.step") == [(1_100, 1)]
    rig.pass_time(60)
    assert instance.status().output == 1_100


def test_asyncio_timers_in_run_are_durable(rig: Rig) -> None:
    """`asyncio.sleep` and `asyncio.timeout` in `run` are rows of the journal and survive the worker."""

    class Timers(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            await asyncio.sleep(100)
            try:
                async with asyncio.timeout(50):
                    await step.wait_for_event("w", "never", timeout="30 days")
            except TimeoutError:
                return "timed out"
            return "woken"

    instance = rig.create(Timers)
    rig.settle()
    rig.pass_time(100)
    assert instance.status().status == "waiting"
    rig.pass_time(50)
    assert instance.status().output == "timed out"


def test_a_race_ends_the_same_way_on_replay(rig: Rig) -> None:
    """What won a race live wins it again when another worker replays the journal."""
    winners: list[str] = []

    class Race(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            tasks: dict[asyncio.Future[Any], str] = {asyncio.ensure_future(step.sleep("slow", 20)): "slow"}
            tasks[asyncio.ensure_future(step.wait_for_event("w", "go"))] = "event"
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            winners.extend(tasks[task] for task in done)
            await step.sleep("after", 60)
            return winners[-1]

    instance = rig.create(Race)
    rig.settle()
    instance.send_event("go")
    rig.settle()
    rig.pass_time(60)
    assert instance.status().output == "event"
    assert winners == ["event", "event"]
