"""Attempts that nobody wants any more are told so, wherever they run."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig, wait_until
from tests.support.attempts import LIMIT, ONE_TRY, Held, attempts_of, one_step
from wf import JournalUnavailable, WorkflowEntrypoint, WorkflowTimeoutError
from wf.errors import AttemptStopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf import Event, Step, StepContext


@pytest.mark.parametrize("action", ["terminate", "restart", "delete"])
def test_a_stopped_attempt_leaves_nothing(rig: Rig, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its heartbeat raises, the callback ends with that, and neither a failure nor a log of one comes of it."""
    held, signals = Held(), []

    def work(ctx: StepContext) -> None:
        if held.gate.is_set():
            return  # the restarted one
        held.stand()
        try:
            ctx.heartbeat("halfway")
        except AttemptStopped as signal:
            signals.append(str(signal))
            raise

    instance = rig.create(one_step(work, f"stopped-{action}"))
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert held.begun.wait(LIMIT)
    attempts_of(rig).look()
    (attempt,) = attempts_of(rig)._running.values()
    assert not attempt.cancelled.is_set(), "nobody has stopped it yet"
    getattr(instance, action)()
    assert attempt.cancelled.wait(LIMIT), "the minder looks by itself"
    held.gate.set()
    progress = running.result(LIMIT)
    assert (progress.steps, progress.error, progress.retry_in) == (1, None, None)
    assert ["has been stopped" in signal for signal in signals] == [True]
    assert rig.sql("select count(*) from wf.attempt") == [(0,)]
    assert "attempt failed" not in capsys.readouterr().out


def test_an_async_callback_is_cancelled_at_its_next_heartbeat_or_await(rig: Rig) -> None:
    """A coroutine that only beats gives others a turn, and is cancelled there."""
    began, ends = threading.Event(), []

    async def work(ctx: StepContext) -> None:
        began.set()
        try:
            while True:
                await ctx.heartbeat()
        except BaseException as error:
            ends.append(type(error).__name__)
            raise

    instance = rig.create(one_step(work, "awaited"))
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert began.wait(LIMIT)
    instance.terminate()
    running.result(LIMIT)
    wait_until(lambda: ends, what="the callback is told")
    assert ends[0] in {"CancelledError", "AttemptStopped"}
    assert instance.status().status == "terminated"


def test_siblings_are_stopped_when_run_fails(rig: Rig) -> None:
    """The instance has ended, so what still runs for it is cancelled."""
    began, told = threading.Event(), threading.Event()

    class Fails(WorkflowEntrypoint, name="heartbeat-siblings"):
        async def run(self, event: Event, step: Step) -> None:
            async def endless() -> None:
                began.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    told.set()

            def fail() -> None:
                assert began.wait(LIMIT)
                raise ValueError("no")

            await asyncio.gather(step.do("endless", endless), step.do("fail", fail, config=ONE_TRY))

    instance = rig.create(Fails)
    first = rig.in_thread(rig.advance, rig.take()[0])
    assert began.wait(LIMIT)
    wait_until(rig.queued, what="the sibling is announced")
    rig.settle()
    assert instance.status().status == "errored"
    assert told.wait(LIMIT)
    first.result(LIMIT)
    assert [s.status for s in instance.describe().steps] == ["cancelled", "errored"]


def test_plain_steps_are_never_looked_after(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that end within the tick cost no look, however many there are."""
    looks: list[int] = []
    leases = attempts_of(rig)._leases
    wanted = leases.wanted

    def listen(attempts: list[Any]) -> Any:
        looks.append(len(attempts))
        return wanted(attempts)

    monkeypatch.setattr(leases, "wanted", listen)
    held = Held()

    class Plain(WorkflowEntrypoint, name="heartbeat-plain"):
        async def run(self, event: Event, step: Step) -> None:
            for n in range(20):
                await step.do(f"part {n}", lambda: None)
            await step.do("long", held.stand)

    rig.create(Plain)
    running = rig.in_thread(rig.settle)
    assert held.begun.wait(LIMIT)
    assert looks == []
    wait_until(lambda: looks, what="the long step is looked after")
    held.gate.set()
    running.result(LIMIT)
    assert set(looks) == {1}


def test_postgres_away_is_said_once_and_stops_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While nobody can look attempts go on; the log tells of it once, and again only after a look that worked."""
    held, attempts = Held(), attempts_of(rig)
    running = rig.in_thread(rig.advance, _begin(rig, one_step(held.stand, "away")))
    assert held.begun.wait(LIMIT)

    def away(*_: Any) -> Any:
        raise JournalUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(rig.workers[0].database, "rows", away)
        attempts.look()
        attempts.look()
    attempts.look()
    (attempt,) = attempts._running.values()
    assert not attempt.cancelled.is_set()
    held.gate.set()
    running.result(LIMIT)
    assert capsys.readouterr().out.count("cannot see whether running attempts have been stopped") == 1


def _begin(rig: Rig, cls: type[WorkflowEntrypoint]) -> Any:
    rig.create(cls)
    return rig.take()[0]


def test_an_author_who_raises_the_signal_himself_fails_his_attempt(rig: Rig) -> None:
    """The signal of an attempt that nobody has stopped is an ordinary failure, and no worker dies of it."""

    def work() -> None:
        raise AttemptStopped("work-1", "i-1")

    instance = rig.create(one_step(work, "forged"))
    rig.settle()
    assert instance.status().error["name"] == "AttemptStopped"


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_cancelled_is_set_when_the_time_is_over(rig: Rig, kind: str) -> None:
    """`ctx.cancelled` tells a callback's own threads, too; an async one finds it set when it is cancelled."""
    told, late = threading.Event(), []

    def work(ctx: StepContext) -> None:
        assert ctx.cancelled.wait(LIMIT)
        told.set()

    async def work_async(ctx: StepContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            late.append(ctx.cancelled.is_set())
            told.set()

    class Slow(WorkflowEntrypoint, name=f"heartbeat-cancelled-{kind}"):
        async def run(self, event: Event, step: Step) -> str:
            callback: Callable[..., Any] = work if kind == "sync" else work_async
            try:
                await step.do("slow", callback, config={**ONE_TRY, "timeout": 0.05})
            except WorkflowTimeoutError as error:
                return str(error)
            return "in time"

    instance = rig.create(Slow)
    rig.settle()
    wait_until(lambda: rig.settle() or instance.status().status == "complete", what="the timeout is recorded")
    assert told.wait(LIMIT)
    assert late == ([] if kind == "sync" else [True])
    assert instance.status().output == "Execution timed out after 50ms"
