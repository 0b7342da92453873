"""B.2 and the rows of D on cron: what a schedule creates, under which id, and how many there may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import HOUR, MINUTE, flow
from tests.support.rig import START
from wf import InvalidInstanceId
from wf.deployments import TooManySchedules

if TYPE_CHECKING:
    from tests.support import Rig
    from wf import WorkflowEntrypoint

HALF_HOURLY = "*/30 * * * *"


async def tell(event: Any, step: Any) -> Any:
    """What the event says of its schedule."""
    firing = event.schedule
    return None if firing is None else [firing.cron, firing.scheduled_time, firing["scheduledTime"], event.payload]


def deployed(rig: Rig, *crons: str, **keywords: Any) -> type[WorkflowEntrypoint]:
    """Registered as a worker does when it starts."""
    cls = flow(tell, schedules=list(crons), **keywords)
    rig.workers[0].catalog.register(cls, max_schedules=rig.settings.max_schedules)
    return cls


def instances(rig: Rig, cls: type[WorkflowEntrypoint]) -> list[str]:
    """Their ids, oldest first."""
    return [found.id for found in rig.client.workflow(cls).list()][::-1]


def test_each_firing_creates_one_instance_with_its_schedule(rig: Rig) -> None:
    """Its id is `<cron>-<ms>`, its trigger cron, its params `{}`, and `event.schedule` says which firing it was."""
    cls = deployed(rig, HALF_HOURLY)
    rig.pass_time(30 * MINUTE - 1)
    assert instances(rig, cls) == []
    rig.pass_time(1)
    rig.pass_time(30 * MINUTE)
    first, second = (round((START + minutes * MINUTE) * 1000) for minutes in (30, 60))
    assert instances(rig, cls) == [f"{HALF_HOURLY}-{first}", f"{HALF_HOURLY}-{second}"]
    instance = rig.client.workflow(cls).get(f"{HALF_HOURLY}-{first}")
    assert instance.status().output == [HALF_HOURLY, first, first, {}]
    shown = instance.describe()
    assert (shown.trigger, shown.schedule.cron) == ({"source": "cron"}, HALF_HOURLY)


def test_an_instance_made_by_hand_has_no_schedule(rig: Rig) -> None:
    """Beside a schedule, too."""
    instance = rig.create(deployed(rig, HALF_HOURLY))
    rig.settle()
    assert (instance.status().output, instance.describe().schedule) == (None, None)


def test_the_id_of_a_firing_addresses_and_does_not_create(rig: Rig) -> None:
    """`get` and `delete_batch` take it, `create` refuses it."""
    cls = deployed(rig, HALF_HOURLY)
    rig.pass_time(30 * MINUTE)
    (id,) = instances(rig, cls)
    workflow = rig.client.workflow(cls)
    with pytest.raises(InvalidInstanceId):
        workflow.create(id)
    assert [found["id"] for found in workflow.delete_batch([id]).deleted] == [id]


def test_a_workflow_may_have_several_schedules(rig: Rig) -> None:
    """Each fires for itself, even at the same moment."""
    cls = deployed(rig, HALF_HOURLY, "0 * * * *")
    rig.pass_time(HOUR)
    assert [id.rsplit("-", 1)[0] for id in sorted(instances(rig, cls))].count("0 * * * *") == 1


def test_one_schedule_may_be_a_bare_text(rig: Rig) -> None:
    """`schedules="..."` is a list of one."""
    cls = flow(tell, schedules="0 * * * *")
    rig.workers[0].catalog.register(cls)
    rig.pass_time(HOUR)
    assert len(instances(rig, cls)) == 1


@pytest.mark.parametrize("cron", ["* * * *", "61 * * * *", "hourly", "", "*" * 257, 7])
def test_what_is_no_cron_expression_is_refused_with_the_class(cron: Any) -> None:
    """More than 256 characters, too: the class cannot be made."""
    with pytest.raises((ValueError, TypeError)) as caught:
        flow(tell, schedules=[cron])
    assert repr(cron)[:20].strip("'") in str(caught.value)


def test_an_expression_may_have_256_characters(rig: Rig) -> None:
    """A long one fires like any other."""
    minutes = ",".join(str(n) for n in range(60))
    cron = f"{minutes} {','.join(['0-23'] * 15)} 1-31 1-12 *"
    assert len(cron) == 256
    cls = deployed(rig, cron)
    rig.pass_time(MINUTE)
    assert instances(rig, cls) == [f"{cron}-{round((START + MINUTE) * 1000)}"]


def test_there_may_be_100_expressions_in_all(rig: Rig) -> None:
    """The hundredth is accepted, one more is refused with the number and the setting."""
    assert rig.settings.max_schedules == 100
    deployed(rig, *[f"{n % 60} {n // 60} * * *" for n in range(99)])
    deployed(rig, "0 9 * * *")
    with pytest.raises(TooManySchedules, match="100"):
        deployed(rig, "0 10 * * *")
