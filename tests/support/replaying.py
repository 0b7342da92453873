"""What the tests of replay checks share: workflows made in a line, and checks of what they have left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf import WorkflowEntrypoint
from wf.replaying import replay_check

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.core import Event, Step
    from wf.replayreport import ReplayReport


def declare(name: str, run: Any, version: str = "1", **keywords: Any) -> type[WorkflowEntrypoint]:
    """A workflow with this `run(event, step)`."""

    class Declared(WorkflowEntrypoint, name=name, version=version, **keywords):
        async def run(self, event: Event, step: Step) -> Any:
            return await run(event, step)

    return Declared


async def order(_: Event, step: Step) -> Any:
    """Two steps, a wait, one more."""
    await step.do("reserve", lambda: 1)
    await step.do("charge card", lambda: {"paid": 7, "of": [1, 2]})
    await step.wait_for_event("parcel", "parcel")
    return {"total": await step.do("ship", lambda: 3)}


def check(rig: Rig, *classes: type[WorkflowEntrypoint], **keywords: Any) -> ReplayReport:
    return replay_check(classes, client=rig.client, **keywords)


def only(report: ReplayReport) -> Any:
    """The one failure of a report."""
    (failure,) = report.failures
    return failure


def flat(text: str) -> str:
    return " ".join(text.split())


def finished(rig: Rig, cls: type[WorkflowEntrypoint], id: str = "i-1") -> Any:
    """An instance of `order` that has run to its end."""
    instance = rig.create(cls, id)
    rig.settle()
    instance.send_event("parcel")
    rig.settle()
    return instance
