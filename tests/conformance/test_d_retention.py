"""D, B.3 and L.19: how long an instance is kept after its end, who says so, and for how long its id is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import DAY, HOUR, MINUTE, echo, flow
from tests.support import Rig
from wf import InstanceAlreadyExists, InstanceNotFound
from wf_reaper.retention import Retention

if TYPE_CHECKING:
    from wf import WorkflowEntrypoint
    from wf.instance import Instance
    from wf.settings import Settings


def expired(rig: Rig, instance: Instance) -> bool:
    """Whether the sweep of this moment has removed it."""
    Retention(rig.workers[0]).run_once()
    try:
        instance.status()
    except InstanceNotFound:
        return True
    return False


async def end_as(event: Any, step: Any) -> Any:
    """Ends as its payload says."""
    if event.payload == "errored":
        raise ValueError("as told")
    if event.payload == "terminated":
        await step.sleep("nap", 60)


@pytest.mark.parametrize(("end", "hours"), [("complete", 1), ("terminated", 1), ("errored", 2)])
@pytest.mark.parametrize("said_by", ["instance", "class", "settings"])
def test_retention_is_that_of_the_instance_or_else_the_class_or_else_the_settings(
    settings: Settings, said_by: str, end: str, hours: int
) -> None:
    """`terminated` counts as success; until it is over the id is taken, and then everything is gone."""
    said = {"success_retention": "1 hour", "error_retention": 2 * HOUR}
    other = {"success_retention": MINUTE, "error_retention": MINUTE}
    retention: dict[str, Any] = {"retention": said} if said_by == "instance" else {}
    of_class: dict[str, dict[str, Any]] = {
        "instance": {"default_retention": other},
        "class": {"default_retention": said},
        "settings": {},
    }
    by_settings = {"success_retention": HOUR, "error_retention": 2 * HOUR} if said_by == "settings" else other
    cls: type[WorkflowEntrypoint] = flow(end_as, **of_class[said_by])
    with Rig(settings.model_copy(update=by_settings)) as rig:
        workflow = rig.client.workflow(cls)
        instance = workflow.create("r-1", end, **retention)
        rig.settle()
        if end == "terminated":
            instance.terminate()
        assert instance.status().status == end
        rig.clock.advance(hours * HOUR - 1)
        assert not expired(rig, instance)
        with pytest.raises(InstanceAlreadyExists):
            workflow.create("r-1")
        rig.clock.advance(1)
        assert expired(rig, instance)
        assert workflow.create("r-1").status().status == "queued"


@pytest.mark.parametrize("value", [0, -1, "soon", "0 days", True])
def test_a_retention_that_cannot_be_is_refused(rig: Rig, value: Any) -> None:
    """It has to be more than nothing: at the class, and at create."""
    with pytest.raises(ValueError, match="retention"):
        rig.client.workflow(flow(echo)).create(retention={"success_retention": value})
    with pytest.raises(ValueError, match="retention"):
        flow(echo, default_retention={"error_retention": value})


def test_what_has_not_ended_does_not_expire(rig: Rig) -> None:
    """However long it sleeps."""

    async def sleepy(event: Any, step: Any) -> Any:
        await step.sleep("nap", "200 days")

    instance = rig.create(flow(sleepy))
    rig.settle()
    rig.clock.advance(199 * DAY)
    assert not expired(rig, instance)
