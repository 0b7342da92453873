"""A workflow as it was before a deploy; `letters_next` is the module that is deployed."""

from __future__ import annotations

import os
from threading import Event as Signal
from typing import TYPE_CHECKING

from tests.acceptance.flows import effect
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from wf import Event, Step


class Letter(WorkflowEntrypoint, name="letter", version="1", strict=True):
    """Is written, waits for a stamp, and is sent in three steps; in a process with LETTERS_HELD it is never sealed."""

    async def run(self, event: Event, step: Step) -> str:
        def do(name: str) -> None:
            effect(event.payload["ledger"], f"1 {event.instanceId} {name}")
            if name == "seal" and os.environ.get("LETTERS_HELD"):
                Signal().wait(300)

        await step.do("write", lambda: do("write"))
        await step.wait_for_event("stamp", "stamp", timeout="1 day")
        for name in ("stamp", "seal", "send"):
            await step.do(name, lambda name=name: do(name))
        return "by hand"
