"""The feed of an instance that begins again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.feeds import drained, names, told, words
from wf import NonRetryableError, WorkflowEntrypoint
from wf_reaper.restarts import Restarts

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.instance import Instance


class Doubtful(WorkflowEntrypoint, name="feed-doubtful", restart={"delay": 5, "limit": 3}):
    """Fails at its second step until it is told otherwise."""

    broken = True

    async def run(self, event: Any, step: Any) -> str:
        def work() -> str:
            if self.broken:
                raise NonRetryableError("broken")
            return "whole"

        await step.do("first", lambda: None)
        return str(await step.do("second", work))


@pytest.fixture
def broken(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """An instance that has failed, and would not fail again."""
    monkeypatch.setattr(Doubtful, "broken", True)
    instance = rig.create(Doubtful)
    rig.settle()
    assert instance.status().status == "errored"
    Doubtful.broken = False
    return instance


def test_a_full_restart_tells_the_new_life_only(rig: Rig, broken: Instance) -> None:
    """Nothing of the old one is left, and the ids go on from where they were."""
    last = told(broken)[-1].event_id
    broken.restart()
    rig.settle()
    events = told(broken)
    assert words(events) == [
        "workflow_queued", "workflow_started", "workflow_running", "step_started first-1", "attempt_started first-1 1",
        "attempt_completed first-1 1", "step_completed first-1", "step_started second-1", "attempt_started second-1 1",
        "attempt_completed second-1 1", "step_completed second-1", "workflow_completed",
    ]  # fmt: skip
    assert events[0].event_id > last


@pytest.mark.parametrize("who", ["a person", "the reaper"])
def test_a_restart_that_keeps_history_tells_it_first(rig: Rig, broken: Instance, who: str) -> None:
    """What was kept stands before the restart, with its old ids; what was not kept is gone."""
    before = told(broken)
    if who == "a person":
        broken.restart(from_step="second")
    else:
        rig.clock.advance(5)
        assert Restarts(rig.workers[0]).run_once() == 1
    rig.settle()
    events = told(broken)
    assert words(events) == [
        "workflow_queued", "workflow_started", "workflow_running", "step_started first-1", "attempt_started first-1 1",
        "attempt_completed first-1 1", "step_completed first-1", "workflow_queued", "workflow_running",
        "step_started second-1", "attempt_started second-1 1", "attempt_completed second-1 1",
        "step_completed second-1", "workflow_completed",
    ]  # fmt: skip
    assert events[:7] == before[:7]


def test_a_subscription_goes_on_through_a_restart(rig: Rig) -> None:
    """Whoever has not seen the end when the instance begins again sees what comes next."""

    class Again(WorkflowEntrypoint, name="feed-again"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("first", lambda: None)
            await step.wait_for_event("permit", "go")

    instance = rig.create(Again)
    rig.settle()
    live = instance.subscribe()
    assert words(drained(live))[-2:] == ["wait_started permit-1 go", "workflow_waiting"]
    instance.restart()
    rig.settle()
    assert words(drained(live)) == [
        "workflow_queued", "workflow_started", "workflow_running", "step_started first-1", "attempt_started first-1 1",
        "attempt_completed first-1 1", "step_completed first-1", "wait_started permit-1 go", "workflow_waiting",
    ]  # fmt: skip
    instance.terminate()
    assert names(list(live)) == ["workflow_terminated"]
