"""B.7, the state machine: every action in every status, against the table of the reference, written out here again."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import wait_until
from wf import InstanceFinished, InstanceNotFound, InvalidTransition, WorkflowEntrypoint
from wf.lifecycle import TABLE, Action, Effect
from wf.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support import Rig
    from wf.instance import Instance

HOLD = threading.Event()
"""Callbacks that a test wants to keep running wait for it."""

NOTHING, REFUSED, STORED, GONE = Effect

EXPECTED = {
    # status:          pause               resume     terminate     restart   send_event  delete
    "queued":          (NOTHING,           NOTHING,   "terminated", "queued", STORED,     GONE),
    "running":         ("waitingForPause", NOTHING,   "terminated", "queued", STORED,     GONE),
    "waiting":         ("paused",          NOTHING,   "terminated", "queued", STORED,     GONE),
    "waitingForPause": (NOTHING,           "running", "terminated", "queued", STORED,     GONE),
    "paused":          (NOTHING,           "queued",  "terminated", "queued", STORED,     GONE),
    "rollingBack":     (NOTHING,           NOTHING,   "terminated", "queued", STORED,     GONE),
    "complete":        (NOTHING,           NOTHING,   REFUSED,      "queued", REFUSED,    GONE),
    "errored":         (NOTHING,           NOTHING,   REFUSED,      "queued", REFUSED,    GONE),
    "terminated":      (NOTHING,           NOTHING,   REFUSED,      "queued", REFUSED,    GONE),
}  # fmt: skip
"""The reference's table; rollingBack, which it leaves open, as running but that a pause has to wait for its end."""

ACTIONS = ("pause", "resume", "terminate", "restart", "send_event", "delete")
CASES = [(status, action) for status in EXPECTED for action in ACTIONS]


class States(WorkflowEntrypoint, name="conformance-states"):
    """Comes to whatever status the payload says."""

    async def run(self, event: Any, step: Any) -> Any:
        def undo() -> None:
            HOLD.wait(30)

        to: str = event.payload["to"]
        match to:
            case "running" | "waitingForPause":
                await step.do("long", lambda: HOLD.wait(30) and None)
            case "waiting" | "paused" | "terminated":
                await step.wait_for_event("permit", "go", timeout="1 day")
            case "rollingBack":
                await step.do("first", lambda: 1, rollback=undo)
                raise ValueError("roll back")
            case "errored":
                raise ValueError("as told")
            case _:
                pass
        return "done"


@contextmanager
def standing(rig: Rig, status: str) -> Iterator[Instance]:
    """An instance in that status, whatever it takes."""
    HOLD.clear()
    instance = rig.create(States, params={"to": status})
    runs: list[Any] = []
    if status in ("running", "waitingForPause", "rollingBack"):
        runs = [rig.in_thread(settle, rig, instance, status)]
        before = "running" if status == "waitingForPause" else status
        wait_until(lambda: standing_at(instance) == before, what=f"the instance is {before}")
    elif status != "queued":
        rig.settle()
    if status in ("waitingForPause", "paused"):
        instance.pause()
    if status == "terminated":
        instance.terminate()
    assert instance.status().status == status
    try:
        yield instance
    finally:
        HOLD.set()
        for run in runs:
            run.result(timeout=30)


def settle(rig: Rig, _instance: Instance, _status: str) -> None:
    rig.settle()


def standing_at(instance: Instance) -> str:
    """The status, once user code runs where it shall run."""
    found = instance.describe()
    running = any(step.status == "running" for step in found.steps)
    return str(found.status) if running else "not yet"


CALLS: dict[str, Callable[[Instance], Any]] = {
    "pause": lambda instance: instance.pause(),
    "resume": lambda instance: instance.resume(),
    "terminate": lambda instance: instance.terminate(),
    "restart": lambda instance: instance.restart(),
    "send_event": lambda instance: instance.send_event("go", 1),
    "delete": lambda instance: instance.delete(),
}


@pytest.mark.parametrize(("status", "action"), CASES)
def test_every_action_in_every_status(rig: Rig, status: str, action: str) -> None:
    """Each cell of the table: the next status, no effect, an error, a stored event, or nothing left."""
    expected = EXPECTED[status][ACTIONS.index(action)]
    with standing(rig, status) as instance:
        if expected is REFUSED:
            with pytest.raises((InstanceFinished, InvalidTransition)) as caught:
                CALLS[action](instance)
            refused = caught.value
            assert isinstance(refused, InstanceFinished) == (action == "send_event")
            assert getattr(refused, "status", None) == status
            if isinstance(refused, InvalidTransition):
                assert (refused.action, refused.code) == (action, f"instance.cannot_{action}")
            assert instance.status().status == status
        elif expected is GONE:
            CALLS[action](instance)
            with pytest.raises(InstanceNotFound):
                instance.status()
            assert (
                rig.sql("select 1 from wf.step union all select 1 from wf.payload union all select 1 from wf.event")
                == []
            )
        else:
            CALLS[action](instance)
            assert instance.status().status == (status if expected in (NOTHING, STORED) else expected)
            if expected is STORED:
                ((inbox,),) = rig.sql("select inbox from wf.instance")
                assert inbox == 1


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_on_a_missing_instance(rig: Rig, action: str) -> None:
    """Whatever is wanted of it: not found, with workflow and id."""
    with standing(rig, "complete") as instance:
        instance.delete()
        with pytest.raises(InstanceNotFound) as caught:
            CALLS[action](instance)
        assert (caught.value.workflow, caught.value.id) == ("conformance-states", "i-1")


def test_the_table_of_the_code_is_that_of_the_reference() -> None:
    """`wf.lifecycle` says the same, cell by cell; where it says waitingForPause a pure wait is paused at once."""
    for status, cells in EXPECTED.items():
        for action, expected in zip(Action, cells, strict=True):
            found = TABLE[action][Status(status)]
            assert found == ("waitingForPause" if (status, action) == ("waiting", Action.PAUSE) else expected)
