"""A workflow as it was before a deploy; `letters_next` is the module that is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.acceptance.flows import effect
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from wf import Event, Step


class Letter(WorkflowEntrypoint, name="letter", version="1", strict=True):
    """Is written, waits for a stamp, and is sent in three steps."""

    async def run(self, event: Event, step: Step) -> str:
        for name in ("write", "stamp", "seal", "send"):
            if name == "stamp":
                await step.wait_for_event("stamp", "stamp", timeout="1 day")
            await step.do(name, lambda name=name: effect(event.payload["ledger"], f"1 {event.instanceId} {name}"))
        return "by hand"
