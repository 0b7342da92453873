"""`step.now()`, `step.random()` and `step.uuid4()` over workers, replays and restarts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.support import START, Rig
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from wf import Event, Step
    from wf.settings import Settings

SEEN: dict[str, list[list[Any]]] = {}
"""What each pass of an instance has drawn."""


class Draws(WorkflowEntrypoint, name="draws-values"):
    """Draws before and after steps and sleeps, and remembers what each of its passes drew."""

    async def run(self, event: Event, step: Step) -> list[Any]:
        seen: list[Any] = []
        SEEN.setdefault(event.instance_id, []).append(seen)
        for part in range(3):
            seen.append([step.now().timestamp(), step.random(), str(step.uuid4())])
            await step.do(f"part {part}", lambda: None)
            await step.sleep("nap", 60)
        return [*seen, step.now().timestamp()]


def moment(rig: Rig, column: str) -> float:
    """A time of the only instance."""
    ((at,),) = rig.sql(f"select extract(epoch from {column})::float8 from wf.instance")  # a column's name
    return float(at)


def test_every_pass_sees_the_same_on_every_worker(settings: Settings) -> None:
    """However often and wherever it is replayed, `run` draws what it drew the first time."""
    with Rig(settings, workers=2) as rig:
        instance = rig.create(Draws, "over-workers")
        worker = 0
        for _ in range(8):
            while nudges := rig.take():
                for nudge in nudges:
                    worker = 1 - worker
                    rig.advance(nudge, worker)
                    for each in rig.workers:
                        each.engine.passes.clear()
            rig.clock.advance(60)
            rig.workers[0].alarm.run_once()
        output = instance.status().output
        passes = SEEN["over-workers"]
        assert len(passes) > 3
        whole = max(passes, key=len)
        assert output[:3] == whole
        assert all(drawn == whole[: len(drawn)] for drawn in passes)
        assert len({str(drawn) for drawn in whole}) == 3
        assert whole[0][0] == moment(rig, "started_at")


def test_two_instances_draw_differently(rig: Rig) -> None:
    """Each has a seed of its own."""
    for id in ("first", "second"):
        rig.create(Draws, id)
    rig.settle()
    assert SEEN["first"][0][0][1:] != SEEN["second"][0][0][1:]


def test_time_begins_when_the_instance_starts(rig: Rig) -> None:
    """It waits for a worker for a minute: `run` sees the moment at which it began, not that of its creation."""
    rig.create(Draws, "waits")
    rig.clock.advance(61.25)
    rig.settle()
    rig.workers[0].engine.passes.clear()
    rig.pass_time(60)
    assert {drawn[0][0] for drawn in SEEN["waits"]} == {START + 61.25} == {moment(rig, "started_at")}
    assert moment(rig, "created_at") == START


def test_a_pass_that_began_at_another_moment_is_thrown_away(settings: Settings) -> None:
    """Two workers begin an instance at two moments; the journal knows one, and the other one begins again."""
    with Rig(settings, workers=2) as rig:
        rig.create(Draws, "twice")
        (nudge,) = rig.take()
        slow, quick = rig.workers[0].engine, rig.workers[1].engine
        live = slow.passes.load(nudge)
        assert live is not None
        rig.clock.advance(5)
        quick.advance(nudge)
        renewed = slow.passes.reload(live)
        assert renewed is not None
        assert renewed is not live
        assert (live.replay.began_at, renewed.replay.began_at) == (START, START + 5)
        assert SEEN["twice"][-1][0] == SEEN["twice"][-2][0]
        assert SEEN["twice"][0][0][0] == START
        slow.passes.drop(renewed)


def test_a_pass_that_nobody_has_overtaken_is_brought_up_to_date(rig: Rig) -> None:
    """An event that comes while an instance begins does not begin it again."""
    instance = rig.create(Draws, "event")
    (nudge,) = rig.take()
    passes = rig.workers[0].engine.passes
    live = passes.load(nudge)
    assert live is not None
    instance.send_event("anything")
    assert passes.reload(live) is live
    passes.drop(live)


def test_a_restart_from_the_start_draws_anew(rig: Rig) -> None:
    """Time and chance begin again with it; a restart from a step keeps both."""
    instance = rig.create(Draws, "restarted")
    rig.settle()
    rig.clock.advance(10)
    instance.restart(from_step="part 0")
    rig.settle()
    first, again = SEEN["restarted"][0][0], SEEN["restarted"][-1][0]
    assert again == first
    rig.clock.advance(10)
    instance.restart()
    rig.settle()
    anew = SEEN["restarted"][-1][0]
    assert anew[0] == first[0] + 20
    assert not set(anew) & set(first)


def test_now_is_aware(rig: Rig) -> None:
    """It is a datetime in UTC that can be journaled."""

    class Tells(WorkflowEntrypoint, name="tells-now"):
        async def run(self, event: Event, step: Step) -> datetime:
            return step.now()

    instance = rig.create(Tells)
    rig.settle()
    assert instance.status().output == datetime.fromtimestamp(START, UTC)
