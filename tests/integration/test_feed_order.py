"""The feed is the same for whoever listens while an instance runs and for whoever reads it afterwards."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig
from tests.support.errands import RefusedError
from tests.support.feeds import WorkerDiedError, drained, names, told, words
from wf import NonRetryableError, WorkflowEntrypoint
from wf.status import TERMINAL, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.answers import Answer
    from wf.feed import Subscription
    from wf.instance import Instance
    from wf.settings import Settings

SOON = {"retries": {"limit": 3, "delay": 1, "backoff": "constant"}}


def fail_once(ctx: Any) -> int:
    if ctx.attempt == 1:
        raise RefusedError(1)
    return int(ctx.attempt)


def die_once(ctx: Any) -> int:
    if ctx.attempt == 1:
        raise WorkerDiedError
    return int(ctx.attempt)


async def sequence(step: Any) -> None:
    await step.do("one", lambda: 1)
    await step.do("two", fail_once, config=SOON)
    await step.sleep("nap", 3)
    await step.do("at once", fail_once, config={"retries": {"limit": 1, "delay": 0}})
    await step.do("one", lambda: 2)


async def parallel(step: Any) -> None:
    await asyncio.gather(*[step.do(name, lambda: None) for name in "abcd"], step.sleep("nap", 2))
    await asyncio.gather(step.do("left", fail_once, config=SOON), step.do("right", die_once), step.do("mid", int))


async def lossy(step: Any) -> None:
    await step.do("dies", die_once)
    with suppress(Exception):
        await step.do("once", die_once, config={"at_most_once": True})


async def waits(step: Any) -> None:
    await step.wait_for_event("permit", "go", timeout=200)
    with suppress(TimeoutError):
        await step.wait_for_event("never", "nothing", timeout=2)
    with suppress(TimeoutError):
        await asyncio.wait_for(step.wait_for_event("late", "nothing"), 3)
    await asyncio.gather(step.sleep("none", 0), step.do("beside", lambda: None), step.wait_for_event("more", "go"))


async def race(step: Any) -> None:
    quick, slow = (asyncio.ensure_future(step.do(n, lambda: None)) for n in ("quick", "slow"))
    late = asyncio.ensure_future(step.sleep("late", 500))
    await asyncio.wait([quick, slow, late], return_when=asyncio.FIRST_COMPLETED)
    late.cancel()
    await step.do("after", lambda: None)


async def failing(step: Any) -> None:
    await step.do("fine", lambda: None)

    def refuse() -> None:
        raise NonRetryableError("no")

    await asyncio.gather(step.do("bad", refuse), step.sleep("nap", 100), step.do("good", lambda: None))


async def nothing(_step: Any) -> None:
    return


async def many(step: Any) -> None:
    for n in range(12):
        await asyncio.gather(*[step.do(f"part {n}", lambda: "x" * 100) for _ in range(3)])


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    program.__name__: program for program in (sequence, parallel, lossy, waits, race, failing, nothing, many)
}


class Programmed(WorkflowEntrypoint, name="feed-programs"):
    """Runs the program that its payload names."""

    async def run(self, event: Any, step: Any) -> None:
        await PROGRAMS[event.payload](step)


@pytest.fixture(params=[1, 4], ids=["one step a task", "four steps a task"])
def two(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Rig]:
    with Rig(settings.model_copy(update={"steps_per_task": request.param}), workers=2) as rig:
        yield rig


class Listener:
    """Looks at the feed of an instance between any two things that happen to it."""

    def __init__(self, rig: Rig, instance: Instance, seed: str) -> None:
        self.rig, self.instance, self.luck = rig, instance, Random(seed)
        self.live: Subscription = instance.subscribe()
        self.seen: list[Answer] = []

    def run(self, interfere: Callable[[Listener], None] = lambda _: None) -> None:
        """Hand over nudges in any order to any worker, and move the clock, until the instance has ended."""
        for _ in range(400):
            if self.instance.status().status in TERMINAL:
                break
            nudges = self.rig.take()
            self.luck.shuffle(nudges)
            for nudge in nudges:
                with suppress(WorkerDiedError):
                    self.rig.advance(nudge, self.luck.randrange(2))
                self.look()
            if not nudges:
                interfere(self)
                self.rig.clock.advance(self.luck.choice([0.5, 1.0, 40.0]))
                self.rig.workers[0].alarm.run_once()
                self.look()
        assert self.instance.status().status in TERMINAL
        self.look()

    def look(self) -> None:
        """See what there is to see, and that whoever reads it all sees the same."""
        self.seen += drained(self.live)
        if self.luck.random() < 0.2:
            self.compare()

    def compare(self) -> None:
        """What has been told is told again in the same way."""
        assert told(self.instance) == self.seen


def check_shape(events: list[Answer]) -> None:
    """Ids grow; attempts and steps begin before they end, once; the statuses are a sentence that makes sense."""
    ids = [event.event_id for event in events]
    assert ids == sorted(set(ids))
    moments: dict[str, int] = {}
    for place, word in enumerate(words(events)):
        if not word.startswith("workflow_"):
            assert word not in moments, f"{word} is told twice"
            moments[word] = place
    for word, place in moments.items():
        kind, _, rest = word.partition(" ")
        if kind.endswith(("_completed", "_errored", "_timed_out")):
            begun = [other for other in moments if other.startswith(f"{kind.split('_')[0]}_started {rest}")]
            assert begun, f"{word} has no beginning"
            assert moments[begun[0]] < place
    statuses = [name for name in names(events) if name.startswith("workflow_") and name != "workflow_started"]
    assert statuses[0] == "workflow_queued"
    assert statuses[-1] in {"workflow_completed", "workflow_errored", "workflow_terminated"}
    assert all(one != other for one, other in pairwise(statuses)), statuses


@pytest.mark.parametrize("program", PROGRAMS)
def test_live_and_replayed_are_the_same(two: Rig, program: str) -> None:
    """Whatever runs, on two workers and in any order, a listener sees what a reader finds; cursors give the rest."""
    for round_ in range(3):
        listener = Listener(two, two.create(Programmed, f"{program}-{round_}", program), f"{program} {round_}")
        listener.instance.send_event("go")
        listener.instance.send_event("go")
        listener.run()
        events = listener.seen
        check_shape(events)
        assert told(listener.instance) == list(listener.instance.subscribe(cursor=0, timeout=5)) == events
        for event in listener.luck.sample(events, min(6, len(events))):
            later = [other for other in events if other.event_id > event.event_id]
            assert told(listener.instance, cursor=event.event_id) == later
            assert told(listener.instance, cursor=event.event_id, filter=[event.type]) == [
                other for other in later if other.type == event.type
            ]


@pytest.mark.parametrize("program", ["sequence", "parallel", "waits"])
def test_pauses_do_not_change_what_was_told(two: Rig, program: str) -> None:
    """An instance that is paused and resumed at any moment tells all of it, live as replayed."""

    def pause_or_resume(listener: Listener) -> None:
        status = listener.instance.status().status
        if status in (Status.PAUSED, Status.WAITING_FOR_PAUSE):
            listener.instance.resume()
        elif listener.luck.random() < 0.4:
            listener.instance.pause()
        listener.look()

    for round_ in range(3):
        listener = Listener(two, two.create(Programmed, f"{program}-{round_}", program), f"pauses {program} {round_}")
        listener.instance.send_event("go")
        listener.instance.send_event("go")
        listener.run(pause_or_resume)
        check_shape(listener.seen)
        listener.compare()


@pytest.mark.parametrize("program", ["sequence", "parallel", "many"])
def test_a_restart_adds_to_what_was_told(two: Rig, program: str) -> None:
    """After a restart in the middle, a listener goes on with what a reader finds behind its cursor."""
    for round_ in range(3):
        listener = Listener(two, two.create(Programmed, f"{program}-{round_}", program), f"restart {program} {round_}")
        for nudge in two.take():
            listener.rig.advance(nudge)
        listener.look()
        cursor = listener.live.cursor
        listener.instance.restart()
        listener.seen.clear()
        listener.look()
        assert names(listener.seen)[0] == "workflow_queued"
        listener.run()
        events = told(listener.instance)
        check_shape(events)
        assert events == listener.seen == told(listener.instance, cursor=cursor)
        listener.instance.restart(from_step=(events[4].step_name.rpartition("-")[0], 1, "do"))
        again = listener.instance.subscribe(cursor=events[-1].event_id)
        listener.live, listener.seen = again, [event for event in events if event.event_id < again.cursor]
        first = drained(again)
        assert names(first) == ["workflow_queued"]
        kept = told(listener.instance)
        assert kept[-1:] == first
        assert [event for event in kept[:-1] if event not in events] == []
