"""B.5, C.9 and L.8, restart and delete: what is kept, what is done again, and what is free again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from wf import InstanceNotFound, WorkflowEntrypoint
from wf.errors import StepNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Rig

RAN: list[str] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    """Each test begins with an empty list."""
    RAN.clear()


def work(name: str) -> Callable[[], str]:
    """A callback that writes down that it ran."""

    def callback() -> str:
        RAN.append(name)
        return f"{name} {RAN.count(name)}"

    return callback


class Line(WorkflowEntrypoint, name="conformance-restart-line"):
    """Steps, a sleep and a wait in a row; `seen` is what `run` is handed."""

    async def run(self, event: Any, step: Any) -> Any:
        results = [await step.do("a", work("a")), await step.do("b", work("b"))]
        await step.sleep("nap", 50)
        results.append((await step.wait_for_event("permit", "go")).payload)
        results += [await step.do("b", work("b again")), await step.do("c", work("c"))]
        return {"results": results, "seen": [event.payload, event.timestamp.timestamp(), event.instance_id]}


def complete(rig: Rig) -> Any:
    """An instance of `Line` that has run to its end."""
    instance = rig.create(Line, "line-1", {"n": 1})
    rig.settle()
    rig.pass_time(51)
    instance.send_event("go", "first")
    rig.settle()
    assert instance.status().status == "complete"
    return instance


def test_a_restart_begins_anew_with_the_same_event(rig: Rig) -> None:
    """Same id, params and timestamp; every step runs again, and events must be sent again."""
    instance = complete(rig)
    before = instance.status().output
    instance.restart()
    assert (instance.status().status, instance.status().output) == ("queued", None)
    rig.settle()
    rig.pass_time(51)
    assert instance.status().status == "waiting"
    instance.send_event("go", "second")
    rig.settle()
    after = instance.status().output
    assert after["seen"] == before["seen"]
    assert after["results"] == ["a 2", "b 2", "second", "b again 2", "c 2"]


@pytest.mark.parametrize(
    ("from_step", "again"),
    [
        ("c", ["c"]),
        (("b", 2), ["b again", "c"]),
        ({"name": "b", "count": 2}, ["b again", "c"]),
        ({"name": "b"}, ["b", "b again", "c"]),
        (("a", 1, "do"), ["a", "b", "b again", "c"]),
        (("permit", 1, "waitForEvent"), ["b again", "c"]),
        ({"name": "nap", "type": "sleep"}, ["b again", "c"]),
    ],
)
def test_a_restart_from_a_step_keeps_what_started_before_it(rig: Rig, from_step: Any, again: list[str]) -> None:
    """The step and all that started after it are done again; earlier results are kept; the event is the same."""
    instance = complete(rig)
    before = instance.status().output
    RAN.clear()
    instance.restart(from_step=from_step)
    rig.settle()
    rig.pass_time(51)
    if instance.status().status == "waiting":
        instance.send_event("go", "first")
        rig.settle()
    assert again == RAN
    assert instance.status().output["seen"] == before["seen"]


def test_a_restart_from_a_step_forgets_events_that_nobody_took(rig: Rig) -> None:
    """Buffered events are gone; what a kept wait has taken stays with it."""
    instance = rig.create(Line, "line-1", {"n": 1})
    instance.send_event("go", "taken")
    instance.send_event("go", "left over")
    rig.settle()
    rig.pass_time(51)
    assert instance.status().output["results"][2] == "taken"
    instance.restart(from_step="c")
    rig.settle()
    assert instance.status().output["results"][2] == "taken"
    instance.restart(from_step=("permit", 1, "waitForEvent"))
    rig.settle()
    assert instance.status().status == "waiting"


def test_a_restart_from_an_unknown_step_changes_nothing(rig: Rig) -> None:
    """The error names the step, and the instance is as it was."""
    instance = complete(rig)
    for unknown in ("d", ("b", 3), ("a", 1, "sleep")):
        with pytest.raises(StepNotFound, match="not found in execution history") as caught:
            instance.restart(from_step=unknown)
        assert caught.value.code == "instance.cannot_restart"
    assert instance.status().status == "complete"


@pytest.mark.parametrize("bad", [("a", 0), ("a", "1"), ("a", 1, "wait"), {"count": 1}, {"name": "a", "kind": "do"}, ()])
def test_a_malformed_step_is_refused(rig: Rig, bad: Any) -> None:
    """The error says which forms there are."""
    instance = complete(rig)
    with pytest.raises(ValueError, match="from_step"):
        instance.restart(from_step=bad)
    assert instance.status().status == "complete"


class Side(WorkflowEntrypoint, name="conformance-restart-side"):
    """Parallel steps: by start, not by place in the code."""

    async def run(self, event: Any, step: Any) -> Any:
        async def branch(name: str) -> None:
            await step.do(f"{name} 1", work(f"{name} 1"))
            await step.do(f"{name} 2", work(f"{name} 2"))

        await asyncio.gather(branch("left"), branch("right"))
        await step.do("last", work("last"))


def test_siblings_that_started_earlier_are_kept(rig: Rig) -> None:
    """A restart from the second of two parallel steps keeps the first, and does again what started after it."""
    instance = rig.create(Side)
    rig.settle()
    RAN.clear()
    instance.restart(from_step="right 1")
    rig.settle()
    assert instance.status().status == "complete"
    assert sorted(RAN) == ["last", "left 2", "right 1", "right 2"]


class Waiting(WorkflowEntrypoint, name="conformance-restart-waiting"):
    """A sleep that began before the step from which it is restarted."""

    async def run(self, event: Any, step: Any) -> Any:
        nap = step.sleep("nap", 100)
        await step.do("a", work("a"))
        await nap
        return "slept"


def test_an_earlier_sleep_keeps_its_deadline(rig: Rig) -> None:
    """A restart from a later step does not begin the sleep again."""
    instance = rig.create(Waiting)
    rig.settle()
    rig.pass_time(60)
    instance.restart(from_step="a")
    rig.settle()
    assert (instance.status().status, RAN) == ("waiting", ["a", "a"])
    rig.pass_time(41)
    assert instance.result(timeout=1) == "slept"


def test_steps_that_failed_before_stay_failed(rig: Rig) -> None:
    """A cached failure that was caught before the chosen step is not tried again."""

    class Caught(WorkflowEntrypoint, name="conformance-restart-caught"):
        async def run(self, event: Any, step: Any) -> Any:
            def fail() -> None:
                RAN.append("fail")
                raise ValueError("no")

            try:
                await step.do("fails", fail, config={"retries": {"limit": 0, "delay": 0}})
            except ValueError as error:
                return await step.do("after", work(str(error)))

    instance = rig.create(Caught)
    rig.settle()
    instance.restart(from_step="after")
    rig.settle()
    assert (instance.status().output, RAN) == ("no 2", ["fail", "no", "no"])


def test_a_deleted_id_is_free_again(rig: Rig) -> None:
    """Nothing of the old instance is left: no steps, no events, no output."""
    instance = complete(rig)
    instance.delete()
    with pytest.raises(InstanceNotFound):
        rig.client.workflow(Line).get("line-1")
    again = rig.create(Line, "line-1", {"n": 2})
    assert (again.status().status, again.describe().steps) == ("queued", [])
    rig.settle()
    assert again.status().status == "waiting"


def test_an_instance_may_delete_itself(rig: Rig) -> None:
    """The step that does it is the last thing that runs, and its result is dropped."""

    class Gone(WorkflowEntrypoint, name="conformance-restart-gone"):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do("delete", lambda: rig.client.workflow(Gone).get(event.instance_id).delete())
            await step.do("never", work("never"))

    instance = rig.create(Gone)
    rig.settle()
    with pytest.raises(InstanceNotFound):
        instance.status()
    assert RAN == []
    assert rig.sql("select 1 from wf.step") == []


def test_an_instance_may_restart_itself(rig: Rig) -> None:
    """The old run ends at that step; the new one begins with the same event."""

    class Again(WorkflowEntrypoint, name="conformance-restart-again"):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do("count", work("count"))
            if len(RAN) < 3:
                await step.do("again", lambda: rig.client.workflow(Again).get(event.instance_id).restart())
            return len(RAN)

    instance = rig.create(Again)
    rig.settle()
    assert (instance.result(timeout=1), instance.describe().generation) == (3, 3)
