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

__all__ = ["AsyncChain", "Chain", "Fan", "Sleeper", "Stamp", "ready"]


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
