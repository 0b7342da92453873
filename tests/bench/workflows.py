"""The workflows under measurement; their steps do nothing."""

from __future__ import annotations

import asyncio
import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import redis

from tests.bench import ready
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from wf.core import Event, Step

__all__ = ["AsyncChain", "Brisk", "Chain", "Fan", "Sleeper", "Stamp", "Stuck", "ready"]


@cache
def _redis() -> Any:
    return redis.Redis.from_url(os.environ["WF_REDIS_URL"])


class Chain(WorkflowEntrypoint, name="chain"):
    """`payload` steps one after the other."""

    async def run(self, event: Event, step: Step) -> int:
        for _ in range(event.payload):
            await step.do("s", lambda: None)
        return int(event.payload)


class AsyncChain(WorkflowEntrypoint, name="async-chain"):
    """The same with async callbacks."""

    async def run(self, event: Event, step: Step) -> int:
        async def nothing() -> None:
            pass

        for _ in range(event.payload):
            await step.do("s", nothing)
        return int(event.payload)


class Fan(WorkflowEntrypoint, name="fan"):
    """`payload` steps side by side."""

    async def run(self, event: Event, step: Step) -> int:
        return len(await asyncio.gather(*[step.do(f"s-{n}", lambda: None) for n in range(event.payload)]))


class Stamp(WorkflowEntrypoint, name="stamp"):
    """One step, which tells when its first line ran."""

    async def run(self, event: Event, step: Step) -> int:
        def stamp() -> None:
            now = time.time()
            _redis().rpush(event.payload, now)

        await step.do("s", stamp)
        return 1


class Sleeper(WorkflowEntrypoint, name="sleeper"):
    """Sleeps `payload` seconds; the output is when the step after that ran its first line."""

    async def run(self, event: Event, step: Step) -> float:
        await step.sleep("nap", event.payload)
        woken: float = await step.do("s", time.time)
        return woken


class Brisk(WorkflowEntrypoint, name="brisk"):
    """`payload` steps one after the other, each of which takes a moment."""

    async def run(self, event: Event, step: Step) -> int:
        for _ in range(event.payload):
            await step.do("s", lambda: time.sleep(0.02))
        return int(event.payload)


class Stuck(WorkflowEntrypoint, name="stuck"):
    """One step, whose first attempt takes `payload` seconds."""

    async def run(self, event: Event, step: Step) -> int:
        def hang(ctx: Any) -> int:
            if ctx.attempt == 1:
                time.sleep(event.payload)
            return int(ctx.attempt)

        attempt: int = await step.do("s", hang, config={"timeout": event.payload})
        return attempt
