"""D and L.20, concurrency of a workflow: who runs, who waits, and who goes first."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import wait_until
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig

RAN: list[str] = []
HOLD = threading.Event()


class Narrow(WorkflowEntrypoint, name="conformance-narrow", concurrency={"limit": 2}):
    """Runs as many at once as it may; some wait for an event in the middle."""

    async def run(self, event: Any, step: Any) -> Any:
        if event.payload.get("wait"):
            await step.wait_for_event("permit", "go")

        def work() -> None:
            RAN.append(event.instance_id)
            HOLD.wait(30)

        await step.do("work", work)
        return event.instance_id


@pytest.fixture(autouse=True)
def fresh(rig: Rig) -> Iterator[None]:
    """The workflow is registered, as a worker does when it starts, and nobody has run yet."""
    RAN.clear()
    HOLD.clear()
    rig.workers[0].catalog.register(Narrow)
    yield
    HOLD.set()


def start(rig: Rig, *ids: str, **params: Any) -> list[Any]:
    """Create instances and let workers at them, each on a thread of its own."""
    for id in ids:
        rig.create(Narrow, id, params)
    return [rig.in_thread(rig.advance, nudge) for nudge in rig.take()]


def statuses(rig: Rig) -> dict[str, str]:
    """The status of every instance."""
    return {entry.id: entry.status for entry in rig.client.workflow(Narrow).list()}


def held(rig: Rig) -> int:
    """Slots in use."""
    ((number,),) = rig.sql("select count(*) from wf.slot where instance is not null")
    return int(number)


def test_the_surplus_is_queued_and_never_refused(rig: Rig) -> None:
    """With a limit of two, two run and the others are queued; each that ends lets the next one in."""
    runs = start(rig, "a", "b")
    wait_until(lambda: len(RAN) == 2, what="two run")
    for run in start(rig, "c", "d"):
        run.result(timeout=30)
    assert statuses(rig) == {"a": "running", "b": "running", "c": "queued", "d": "queued"}
    HOLD.set()
    for run in runs:
        run.result(timeout=30)
    rig.settle()
    assert set(statuses(rig).values()) == {"complete"}
    assert RAN[2:] == ["c", "d"]
    assert held(rig) == 0


def test_waiting_takes_no_slot(rig: Rig) -> None:
    """Instances that wait for an event leave the slots to the others."""
    for run in start(rig, "w1", "w2", "w3", wait=True):
        run.result(timeout=30)
    assert held(rig) == 0
    runs = start(rig, "a", "b")
    wait_until(lambda: len(RAN) == 2, what="two run")
    HOLD.set()
    for run in runs:
        run.result(timeout=30)


def test_who_comes_back_goes_before_who_never_ran(rig: Rig) -> None:
    """An instance that its event woke is given the next slot before those that were queued earlier."""
    for run in start(rig, "old", wait=True):
        run.result(timeout=30)
    runs = start(rig, "a", "b")
    wait_until(lambda: len(RAN) == 2, what="two run")
    for run in start(rig, "new-1", "new-2"):
        run.result(timeout=30)
    rig.client.workflow(Narrow).get("old").send_event("go")
    for nudge in rig.take():
        rig.advance(nudge)
    assert statuses(rig)["old"] == "queued"
    HOLD.set()
    for run in runs:
        run.result(timeout=30)
    rig.settle()
    assert "old" in RAN[2:4], "two slots were free, and two nudges may overtake each other"
    assert set(statuses(rig).values()) == {"complete"}


def test_a_lost_nudge_delays_the_next_one_by_a_tick(rig: Rig) -> None:
    """If all messages are lost, the alarm gives the free slots to those who wait."""
    runs = start(rig, "a", "b")
    wait_until(lambda: len(RAN) == 2, what="two run")
    for run in start(rig, "c"):
        run.result(timeout=30)
    HOLD.set()
    for run in runs:
        run.result(timeout=30)
    rig.lose_messages()
    rig.sql("update wf.instance set queued_at = now(), queue_class = 1 where id = 'c'")
    rig.sql("update wf.slot set instance = null")
    rig.pass_time(1)
    assert statuses(rig)["c"] == "complete"


@pytest.mark.parametrize("how", ["pause", "terminate", "delete"])
def test_a_stopped_instance_gives_its_slot_back(rig: Rig, how: str) -> None:
    """Whoever is paused, terminated or deleted while it backs off or runs holds no slot."""
    runs = start(rig, "a", "b")
    wait_until(lambda: len(RAN) == 2, what="two run")
    for run in start(rig, "c"):
        run.result(timeout=30)
    getattr(rig.client.workflow(Narrow).get("a"), how)()
    assert held(rig) == (2 if how == "pause" else 1)  # a pause waits for the running attempt
    HOLD.set()
    for run in runs:
        run.result(timeout=30)
    rig.pass_time(1)
    assert statuses(rig)["c"] == "complete"
    assert held(rig) == 0


def test_a_restart_keeps_the_slot(rig: Rig) -> None:
    """An instance that is restarted while it runs need not queue again."""
    runs = start(rig, "a", "b")
    wait_until(lambda: len(RAN) == 2, what="two run")
    for run in start(rig, "c"):
        run.result(timeout=30)
    rig.client.workflow(Narrow).get("a").restart()
    assert held(rig) == 2
    HOLD.set()
    for run in runs:
        run.result(timeout=30)
    rig.settle()
    assert set(statuses(rig).values()) == {"complete"}
    assert (RAN.index("c") > 1, RAN.count("a")) == (True, 2)


def test_a_changed_limit_counts_from_the_next_registration(rig: Rig) -> None:
    """More slots appear at once; fewer as soon as those in use are given back; none means no limit any more."""

    def numbers() -> list[int]:
        return [row[0] for row in rig.sql("select number from wf.slot order by number")]

    def declare(version: str, **keywords: Any) -> None:
        class Changed(WorkflowEntrypoint, name="conformance-narrow", version=version, **keywords):
            async def run(self, event: Any, step: Any) -> Any:
                return None

        rig.workers[0].catalog.register(Changed)

    assert numbers() == [1, 2]
    declare("2", concurrency=4)
    assert numbers() == [1, 2, 3, 4]
    declare("3", concurrency=1)
    assert numbers() == [1]
    declare("4")
    assert numbers() == []
