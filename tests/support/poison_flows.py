"""Workflows to be poisoned: one kills its worker, one waits, so that its rows can be damaged meanwhile."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wf import WorkerLostError, WorkflowEntrypoint

if TYPE_CHECKING:
    from wf import Event, Step


class Healthy(WorkflowEntrypoint, name="poison-healthy"):
    """Three steps, a nap and an event."""

    async def run(self, event: Event, step: Step) -> list[Any]:
        first = await step.do("first", lambda: event.payload["n"])
        await step.sleep("nap", 0.2)
        got = await step.wait_for_event("go", "go", timeout="1 hour")
        last = await step.do("last", lambda: "last", config={"retries": {"limit": 2}, "timeout": 60})
        return [first, got.payload, last]


class Deadly(WorkflowEntrypoint, name="poison-deadly"):
    """Its step takes its worker with it every time, as a segfault does, while the file of its payload is there."""

    async def run(self, event: Event, step: Step) -> str:
        sign = Path(event.payload)

        def deadly() -> None:
            with sign.open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)

        try:
            await step.do("deadly", deadly)
        except WorkerLostError as error:
            return str(error)
        return "survived"
