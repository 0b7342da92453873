"""Attempts that are told to stop, and what their heartbeats tell."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig, wait_until
from wf import JournalUnavailable, PayloadTooLarge, SerializationError, WorkflowEntrypoint, WorkflowTimeoutError
from wf.errors import AttemptStopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf import Event, Step, StepContext
    from wf.attempts import Attempts

LIMIT = 10.0
ONE_TRY = {"retries": {"limit": 0}}


@dataclass
class Place:
    """How far an export has come, as an author may keep it."""

    page: int
    seen: frozenset[str]


class Held:
    """A callback that stands still in the middle until the test lets it go on."""

    def __init__(self) -> None:
        self.begun, self.gate = threading.Event(), threading.Event()

    def stand(self) -> None:
        """Tell the test, and wait for it."""
        self.begun.set()
        assert self.gate.wait(LIMIT)


def attempts_of(rig: Rig) -> Attempts:
    """Those of the only worker."""
    return rig.workers[0].engine.attempts


def one_step(callback: Callable[..., Any], name: str, **config: Any) -> type[WorkflowEntrypoint]:
    """A workflow of one step."""

    class OneStep(WorkflowEntrypoint, name=f"heartbeat-{name}"):
        async def run(self, event: Event, step: Step) -> Any:
            return await step.do("work", callback, config={**ONE_TRY, **config})

    return OneStep


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
    assert len(ends) == 1
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


def test_details_reach_the_description_and_the_next_attempt(rig: Rig) -> None:
    """The last details are written with the beat, and with a failure; each attempt gets those of the ones before."""
    held, seen = Held(), []

    def work(ctx: StepContext) -> str:
        seen.append(ctx.details)
        if ctx.attempt == 1:
            ctx.heartbeat(Place(0, frozenset()))
            ctx.heartbeat(Place(1, frozenset({"a"})))
            ctx.heartbeat()
            held.stand()
            ctx.heartbeat(Place(2, frozenset({"a", "b"})))
            raise ConnectionError("lost the line")
        if ctx.attempt == 2:
            raise ConnectionError("lost it again")
        return "done"

    instance = rig.create(one_step(work, "details", retries={"limit": 2, "delay": 5, "backoff": "constant"}))
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert held.begun.wait(LIMIT)
    assert instance.describe().steps[0].heartbeat is None
    attempts_of(rig).beat()
    assert instance.describe().steps[0].heartbeat == Place(1, frozenset({"a"}))
    held.gate.set()
    running.result(LIMIT)
    rig.take()
    assert instance.describe().steps[0].heartbeat.page == 2
    rig.pass_time(5)
    rig.pass_time(5)
    assert instance.status().output == "done"
    last = Place(2, frozenset({"a", "b"}))
    assert seen == [None, last, last]


def test_details_of_a_timeout_are_kept(rig: Rig) -> None:
    """What a sync callback told before its time was over is there for the next attempt."""
    held, seen = Held(), []

    def work(ctx: StepContext) -> str:
        seen.append(ctx.details)
        if ctx.attempt == 1:
            ctx.heartbeat("halfway")
            held.stand()
        return "done"

    instance = rig.create(one_step(work, "timeout", retries={"limit": 1, "delay": 5}, timeout=0.1))
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert held.begun.wait(LIMIT)
    wait_until(rig.queued, what="the timeout is recorded and announced")
    rig.take()
    assert instance.describe().steps[0].heartbeat == "halfway"
    rig.pass_time(5)
    held.gate.set()
    running.result(LIMIT)
    assert instance.status().output == "done"
    assert seen == [None, "halfway"]


def test_details_are_hidden_if_the_output_is(rig: Rig) -> None:
    """A step whose output is sensitive shows neither."""

    def work(ctx: StepContext) -> str:
        ctx.heartbeat({"card": "4111"})
        raise ConnectionError

    instance = rig.create(one_step(work, "sensitive", sensitive="output"))
    rig.settle()
    assert instance.describe().steps[0].heartbeat == "[REDACTED]"
    assert "4111" not in str(instance.describe())


@pytest.mark.parametrize(
    ("details", "error"), [(object(), SerializationError), ("x" * 2_000_000, PayloadTooLarge)], ids=["kind", "size"]
)
def test_details_that_cannot_be_stored_are_refused_where_they_are_told(
    rig: Rig, details: Any, error: type[Exception]
) -> None:
    """The caller gets the error, which names the step; what was told before stays, and the attempt goes on."""

    def work(ctx: StepContext) -> str:
        ctx.heartbeat("good")
        with pytest.raises(error):
            ctx.heartbeat(details)
        raise ConnectionError("so that the details are written")

    instance = rig.create(one_step(work, f"refused-{error.__name__}"))
    rig.settle()
    step = instance.describe().steps[0]
    assert (step.heartbeat, step.error.name) == ("good", "ConnectionError")


def test_details_wait_while_their_row_is_locked(rig: Rig) -> None:
    """A heartbeat does not stand in line behind a writer; the details are written by the next one."""
    held = Held()

    def work(ctx: StepContext) -> None:
        ctx.heartbeat("told")
        held.stand()

    instance = rig.create(one_step(work, "locked"))
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert held.begun.wait(LIMIT)
    with rig.workers[0].database._connect() as writer, writer.transaction():
        writer.execute("select 1 from wf.step for update")
        attempts_of(rig).beat()
        (attempt,) = attempts_of(rig)._running.values()
        assert [attempt.has_news] == [True]
    attempts_of(rig).beat()
    assert [attempt.has_news] == [False]
    assert instance.describe().steps[0].heartbeat == "told"
    held.gate.set()
    running.result(LIMIT)


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
