"""Workflows for crowds of sleepers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from wf.core import Event, Step


class Sleeper(WorkflowEntrypoint, name="crowd-sleeper"):
    """Sleeps long, then does one thing."""

    async def run(self, event: Event, step: Step) -> str:
        await step.sleep("nap", "300 days")
        done: str = await step.do("wake", lambda: "awake")
        return done


class Newcomer(WorkflowEntrypoint, name="crowd-newcomer"):
    """New work, at once."""

    async def run(self, event: Event, step: Step) -> str:
        done: str = await step.do("work", lambda: "done")
        return done
