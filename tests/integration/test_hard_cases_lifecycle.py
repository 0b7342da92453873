"""What people do to instances in hard cases: disturbed rollbacks, restarts, races with the ends of attempts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig, RowLock
from tests.support.standing import LIMIT, Door
from wf import WorkflowEntrypoint
from wf_reaper.restarts import Restarts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings

ONE_TRY = {"retries": {"limit": 0}}


@pytest.fixture
def two(settings: Settings) -> Iterator[Rig]:
    """Two workers, each with a cache of its own."""
    with Rig(settings, workers=2) as rig:
        yield rig


@pytest.fixture(params=[(1, 256), (50, 256), (1, 0), (50, 0)], ids=lambda p: f"{p[0]} steps, {p[1]} passes")
def any_rig(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A rig with one step or many in a task, and with or without a cache."""
    steps, passes = request.param
    with Rig(settings.model_copy(update={"steps_per_task": steps, "cache_size": passes}), workers=2) as rig:
        yield rig


def booking(name: str, door: Door, undone: list[str]) -> type[WorkflowEntrypoint]:
    """A workflow that books a flight and a room; to undo the room takes until the door is opened."""

    class Books(WorkflowEntrypoint, name=name):
        async def run(self, event: Any, step: Any) -> None:
            def undo(name: str) -> None:
                if name == "room":
                    door.stand()
                undone.append(name)

            for each in ("flight", "room"):
                await step.do(each, lambda: None, rollback=lambda each=each: undo(each))
            await step.wait_for_event("approval", "go")

    return Books


def begin_rollback(rig: Rig, cls: type[WorkflowEntrypoint], door: Door) -> Any:
    """An instance whose last handler stands at the door; the future of its worker, too."""
    instance = rig.create(cls)
    rig.settle()
    instance.terminate(rollback=True)
    running = rig.in_thread(rig.advance, rig.take()[0])
    door.wait_for()
    return instance, running


def test_the_wish_for_a_rollback_that_is_at_work_already_disturbs_nothing(any_rig: Rig) -> None:
    """The handler that runs is not cut off: when it fails it is tried again, and only then come the others."""
    rig, door = any_rig, Door()
    tries: list[str] = []

    class Flaky(WorkflowEntrypoint, name="lifecycle-twice"):
        async def run(self, event: Any, step: Any) -> None:
            def undo() -> None:
                door.stand()
                tries.append("room")
                if len(tries) == 1:
                    raise ValueError("again")

            await step.do("flight", lambda: None, rollback=lambda: tries.append("flight"))
            await step.do("room", lambda: None, rollback=undo)
            await step.sleep("long", "1 day")

    instance, running = begin_rollback(rig, Flaky, door)
    instance.terminate(rollback=True)
    door.open()
    running.result(LIMIT)
    rig.settle(1)
    rig.pass_time(11)
    assert (instance.status().status, instance.status().rollback.outcome) == ("terminated", "complete")
    assert tries == ["room", "room", "flight"]


def test_events_and_pauses_do_not_disturb_a_rollback(any_rig: Rig) -> None:
    """Each handler runs once although events move the instance on; nothing takes them any more."""
    rig, door = any_rig, Door()
    undone: list[str] = []
    instance, running = begin_rollback(rig, booking("lifecycle-events", door, undone), door)
    instance.send_event("go", 1)
    instance.pause()
    rig.settle(1)
    door.open()
    running.result(LIMIT)
    rig.settle(1)
    assert (instance.status().status, instance.status().rollback.outcome) == ("terminated", "complete")
    assert undone == ["room", "flight"]
    assert rig.sql("select count(*) from wf.event where consumed_by is null") == [(1,)]


def test_a_handler_that_may_run_once_is_not_run_again_when_its_worker_was_lost(two: Rig) -> None:
    """The rollback fails with WorkerLostError, and says so."""
    door = Door()
    undone: list[str] = []

    class Once(WorkflowEntrypoint, name="lifecycle-once"):
        async def run(self, event: Any, step: Any) -> None:
            def undo() -> None:
                undone.append("once")
                door.stand()

            await step.do("book", lambda: None, rollback=undo, rollback_config={"at_most_once": True})
            await step.sleep("long", "1 day")

    instance, running = begin_rollback(two, Once, door)
    two.workers[0].engine.runner.attempts.close()
    two.clock.advance(two.settings.lease + 1)
    two.workers[1].alarm.run_once()
    two.settle(1)
    assert instance.status().rollback.error.name == "WorkerLostError"
    assert undone == ["once"]
    door.open()
    running.result(LIMIT)


class Stuck(WorkflowEntrypoint, name="lifecycle-stuck", restart={"limit": 1, "delay": 5}):
    """Ends with an error that no replay of `run` raises by itself."""

    told: list[str] = []  # noqa: RUF012  # errors that the handler was given

    async def run(self, event: Any, step: Any) -> Any:
        await step.do("book", lambda: None, rollback=lambda error: self.told.append(type(error).__name__))
        if event.payload == "stuck":
            await asyncio.Event().wait()
        return lambda: "cannot be stored"


@pytest.mark.parametrize(("how", "error"), [("stuck", "StuckRunError"), ("output", "SerializationError")])
def test_handlers_are_told_the_error_of_the_instance_even_if_run_did_not_raise_it(
    rig: Rig, how: str, error: str
) -> None:
    """A run that is stuck, or whose output cannot be stored, is undone and restarted like any that failed."""
    Stuck.told.clear()
    instance = rig.create(Stuck, params=how)
    rig.settle()
    assert (instance.status().status, instance.status().error.name) == ("errored", error)
    assert Stuck.told == [error]
    rig.clock.advance(6)
    assert Restarts(rig.workers[0]).run_once() == 1


def test_a_result_that_comes_too_late_takes_no_room(two: Rig) -> None:
    """It waits for the instance while this is restarted or undone; the instance does not grow by what is dropped."""
    door, other = Door(), Door()

    class Late(WorkflowEntrypoint, name="lifecycle-late"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("small", lambda: None, rollback=lambda: None)

            def big() -> str:
                door.stand()
                return "x" * 10_000

            await asyncio.gather(step.do("big", big), step.do("other", other.stand))

    instance = two.create(Late)
    two.advance(two.take()[0])
    running = [two.in_thread(two.advance, nudge) for nudge in two.take()]
    door.wait_for()
    other.wait_for()
    with RowLock(two.settings.database_url) as lock:
        ending = two.in_thread(lambda: instance.terminate(rollback=True))
        lock.wait_for(1)
        door.open()
        lock.wait_for(2)
    ending.result(LIMIT)
    other.open()
    for one in running:
        one.result(LIMIT)
    two.settle()
    assert instance.status().status == "terminated"
    assert two.sql("select size < 1000 from wf.instance") == [(True,)]


def test_a_restart_from_a_step_gives_it_the_full_time_again(any_rig: Rig) -> None:
    """A timeout of asyncio that ended the step, or what came after it, does not end it again at once."""
    rig, answers = any_rig, iter(["too late", "in time"])

    class Timed(WorkflowEntrypoint, name="lifecycle-timed", strict=True):
        async def run(self, event: Any, step: Any) -> Any:
            first = await step.do("first", lambda: "kept")
            async with asyncio.timeout(60):
                answer = await step.do("ask", lambda: next(answers))
                if answer == "too late":
                    await step.wait_for_event("w", "never")
            return [first, answer]

    instance = rig.create(Timed)
    rig.settle()
    rig.pass_time(61)
    assert instance.status().error.name == "TimeoutError"
    instance.restart(from_step="ask")
    rig.settle(1)
    assert instance.status().output == ["kept", "in time"]
