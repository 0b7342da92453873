from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, cast

from pydantic import BaseModel
from wf import Event, Step, StepContext, WorkflowEntrypoint


class Claim(BaseModel):
    id: str
    photos: list[str] = []


class Insurance(WorkflowEntrypoint, name="claim", params=Claim, version="2"):
    async def run(self, event: Event, step: Step) -> dict[str, Any]:
        claim: Claim = event.payload
        work: Callable[[str], Awaitable[Any]] = lambda photo: step.do(f"look at {photo}", lambda: photo)
        seen: list[str] = []
        groups: dict[str, list[str]] = defaultdict(list)
        future: asyncio.Future[Any] = step.do("first", lambda: 1)
        for photo in claim.photos:
            groups[photo[0]].append(photo)
            seen.append(cast(str, await work(photo)))
        for letter, members in sorted(groups.items()):
            await step.do(f"group {letter}", lambda members=members: len(members))

        @step.do
        async def decide(ctx: StepContext) -> dict[str, Any]:
            await ctx.heartbeat({"seen": len(seen)})
            verdict: dict[str, Any] = {}
            verdict["ok"] = True
            return verdict

        await future
        return await decide()
