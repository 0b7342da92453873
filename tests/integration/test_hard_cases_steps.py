"""Steps in hard cases: stubborn callbacks, lost nudges, results and warnings that cannot be stored."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import START, Rig, RowLock, wait_until
from wf import WorkflowEntrypoint, WorkflowTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf import Event, Step, StepContext
    from wf.instance import Instance

LIMIT = 10.0
"""Seconds after which something that does not happen fails the test."""

ONE_TRY = {"retries": {"limit": 0}, "timeout": 0.05}


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opened by the test, and at its end at the latest."""
    event = threading.Event()
    yield event
    event.set()


def states(instance: Instance) -> list[str]:
    """The status of each step."""
    return [step.status for step in instance.describe().steps]


@dataclass
class Shadowed:
    """Can be written, but not be read again: `total` has no setter."""

    price: int

    def __post_init__(self) -> None:
        self.__dict__["total"] = 2 * self.price

    @property
    def total(self) -> int:
        return self.price


def test_a_lost_nudge_is_repeated_although_a_sibling_keeps_committing(rig: Rig) -> None:
    """A ready step whose message is gone runs within WF_RENUDGE and a little, however busy its instance is."""
    ran: list[float] = []

    class Busy(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            async def ticker() -> None:
                for _ in range(40):
                    await step.do("tick", lambda: 1)

            async def quiet() -> None:
                await step.do("lost", lambda: ran.append(rig.clock.now() - START))

            await asyncio.gather(ticker(), quiet())

    rig.create(Busy)
    rig.advance(rig.take()[0])
    names = dict(rig.sql("select seq, name from wf.step"))
    nudges = [nudge for nudge in rig.take() if names[nudge.seq] != "lost"]
    assert not ran
    while nudges and not ran:
        rig.clock.advance(8)
        rig.workers[0].alarm.run_once()
        rig.advance(nudges.pop(0))
        nudges += rig.take()
    assert ran
    assert ran[0] <= rig.settings.renudge + 2 * 8


def test_every_step_of_a_crowd_runs_though_an_event_comes_between_its_commits(rig: Rig) -> None:
    """700 parallel steps begin in two commits; what comes between them costs none of them its nudge."""

    class Crowd(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> int:
            return sum(await asyncio.gather(*[step.do(f"part {n}", lambda: 1) for n in range(700)]))

    instance = rig.create(Crowd)
    with RowLock(rig.settings.database_url) as lock:
        beginning = rig.in_thread(rig.advance, rig.take()[0])
        lock.wait_for(1)
        sending = rig.in_thread(instance.send_event, "other")
        lock.wait_for(2)
    sending.result(LIMIT)
    beginning.result(LIMIT)
    rig.settle()
    assert instance.status().output == 700


@pytest.mark.parametrize("way", ["swallows its cancellation", "blocks the loop"])
def test_an_async_callback_that_cannot_be_cancelled_is_given_up(
    rig: Rig, gate: threading.Event, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """After its timeout and some grace the attempt counts as timed out, whatever the coroutine still does."""
    monkeypatch.setattr("wf.attempt.GRACE", 0.05)

    async def swallow() -> None:
        while not gate.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    async def block() -> None:
        gate.wait(LIMIT)

    class Stubborn(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            try:
                await step.do("stubborn", swallow if way.startswith("swallows") else block, config=ONE_TRY)
            except WorkflowTimeoutError:
                return "timed out"
            return "not noticed"

    instance = rig.create(Stubborn)
    running = rig.in_thread(rig.advance, rig.take()[0])
    wait_until(lambda: states(instance) == ["errored"], timeout=5, what="the timeout is recorded")
    wait_until(rig.queued, what="whoever records the timeout nudges the instance")
    rig.settle()
    assert instance.status().output == "timed out"
    gate.set()
    running.result(LIMIT)
    assert instance.status().output == "timed out"


def test_what_an_abandoned_sync_callback_still_does_changes_nothing(rig: Rig, gate: threading.Event) -> None:
    """While it stands the step is tried again; its late error belongs to nobody."""

    class Abandoned(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            @step.do("slow", config={"retries": {"limit": 1, "delay": 5}, "timeout": 0.05})
            def slow(ctx: StepContext) -> str:
                if ctx.attempt == 1:
                    gate.wait(LIMIT)
                    raise RuntimeError("too late")
                return "second"

            return await slow()

    instance = rig.create(Abandoned)
    running = rig.in_thread(rig.advance, rig.take()[0])
    wait_until(lambda: states(instance) == ["retrying"], what="the timeout is recorded")
    wait_until(rig.queued, what="whoever records the timeout announces the retry")
    rig.settle()
    rig.pass_time(5)
    assert instance.status().output == "second"
    gate.set()
    assert running.result(LIMIT).steps == 1
    shown = instance.describe()
    assert (shown.output, shown.steps[0].status, shown.steps[0].attempt) == ("second", "complete", 2)


def test_sys_exit_in_a_background_task_leaves_later_async_steps_alive(rig: Rig) -> None:
    """The loop that all async callbacks share goes on after a task that a callback left behind calls sys.exit()."""
    tasks: list[asyncio.Task[None]] = []

    async def leave() -> None:
        raise SystemExit(3)

    async def start() -> str:
        tasks.append(asyncio.create_task(leave()))
        return "started"

    async def later() -> str:
        await asyncio.sleep(0)
        return "alive"

    class Exits(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> list[str]:
            return [await step.do("start", start), await step.do("later", later)]

    instance = rig.create(Exits)
    assert rig.in_thread(rig.settle).result(LIMIT) == 2
    assert instance.status().output == ["started", "alive"]
    assert isinstance(tasks[0].exception(), SystemExit)


@pytest.mark.parametrize("character", ["\x00", "\ud800"], ids=["NUL", "lone surrogate"])
def test_a_warning_that_postgres_cannot_store_as_it_is_does_not_keep_an_instance_from_its_end(
    rig: Rig, character: str
) -> None:
    """The instance completes, and the description shows the rest of the warning."""

    class Warned(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            def fail(_: object) -> None:
                raise ValueError(f"before {character} after")

            first = step.do("first", lambda: 1)
            first.add_done_callback(fail)
            await first
            return "done"

    instance = rig.create(Warned)
    rig.settle()
    assert instance.status().output == "done"
    (warning,) = instance.describe().warnings
    assert "ValueError: before " in warning
    assert warning.endswith(" after")


def test_a_result_that_cannot_be_read_again_fails_its_step_once(rig: Rig) -> None:
    """What the journal could not give back on replay is a SerializationError at once, and the callback ran once."""
    runs: list[int] = []

    def shadowed() -> Shadowed:
        runs.append(1)
        return Shadowed(1)

    class Unreadable(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            return await step.do("unreadable", shadowed)

    instance = rig.create(Unreadable)
    rig.settle()
    for _ in range(3):
        rig.pass_time(2 * rig.settings.lease)
    shown = instance.describe()
    assert (shown.status, shown.error.name, runs) == ("errored", "SerializationError", [1])
    assert [(step.status, step.attempt, step.lost) for step in shown.steps] == [("errored", 1, 0)]


def test_a_long_backoff_gets_one_message_however_busy_its_siblings_are(rig: Rig) -> None:
    """A countdown is published when the retry is decided, not again with each commit of a sibling."""
    tried: list[float] = []

    class Backoff(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            def fail() -> None:
                tried.append(rig.clock.now() - START)
                if len(tried) == 1:
                    raise ConnectionError

            async def ticker() -> None:
                for _ in range(30):
                    await step.do("tick", lambda: 1)

            await asyncio.gather(step.do("bad", fail, config={"retries": {"delay": 200}}), ticker())

    instance = rig.create(Backoff)
    rig.settle()
    assert len(rig._delayed) == 1
    rig.pass_time(200)
    assert instance.status().status == "complete"
    assert tried == [0, 200]


@pytest.mark.parametrize("how", ["returns", "raises"])
def test_a_step_that_is_asked_for_in_the_breath_in_which_run_ends_is_cancelled(rig: Rig, how: str) -> None:
    """It is in the journal as cancelled, with the time of that, and is never run."""
    ran: list[int] = []

    class Breath(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            late = step.do("late", lambda: ran.append(1))
            await step.sleep("none", 0)
            if how == "raises":
                raise ValueError(f"no time for {late}")

    instance = rig.create(Breath)
    rig.settle()
    rig.pass_time(rig.settings.renudge)
    shown = instance.describe()
    assert shown.status == ("complete" if how == "returns" else "errored")
    assert [(step.name, step.status) for step in shown.steps] == [("late-1", "cancelled"), ("none-1", "complete")]
    assert shown.steps[0].end.timestamp() == START
    assert ran == []
