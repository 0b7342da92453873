"""The module of `letters` after a deploy: a new version, and the old one beside it for as long as it has instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.acceptance.flows import effect
from tests.acceptance.letters import Letter
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from wf import Event, Step

__all__ = ["Letter", "NewLetter"]


class NewLetter(WorkflowEntrypoint, name="letter", version="2", strict=True):
    """Other steps, in another order."""

    async def run(self, event: Event, step: Step) -> str:
        for name in ("type", "send"):
            await step.do(name, lambda name=name: effect(event.payload["ledger"], f"2 {event.instanceId} {name}"))
        return "by machine"
