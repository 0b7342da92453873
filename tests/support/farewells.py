"""Workflows that do much when they are thrown away: `finally` blocks, cleanups, generators."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from tests.support.passes import work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from wf.core import Event, Step

RUNS: dict[str, Callable[[Event, Step], Any]] = {}


def register(run: Callable[[Event, Step], Any]) -> Callable[[Event, Step], Any]:
    """Put a `run` among those that are thrown away at every point."""
    RUNS[run.__name__] = run
    return run


@register
async def finally_blocks(_event: Event, step: Step) -> None:
    """Steps, sleeps and waits in nested `finally` blocks."""
    try:
        try:
            await step.do("a", work)
        finally:
            await step.do("cleanup 1", work)
            await step.sleep("cleanup 2", 5)
    finally:
        await asyncio.sleep(1)
        await step.wait_for_event("cleanup 3", "go")


@register
async def catches_everything(_event: Event, step: Step) -> list[str]:
    """`except BaseException` around steps, again and again."""
    caught = []
    for number in range(20):
        try:
            await step.do("a", work)
        except BaseException as error:
            caught.append(f"{number} {error!r}")
            with contextlib.suppress(BaseException):
                await step.do("report the error", work)
    return caught


@register
async def nested_helpers(_event: Event, step: Step) -> None:
    """Coroutines inside coroutines, each with more to do than one await."""

    async def helper(depth: int) -> None:
        try:
            if depth:
                await helper(depth - 1)
            await step.do(f"depth {depth}", work)
        finally:
            try:
                await asyncio.sleep(1)
            finally:
                await step.do(f"cleanup {depth}", work)

    await helper(3)


@register
async def task_groups(_event: Event, step: Step) -> None:
    """A TaskGroup whose children clean up with more tasks."""

    async def child(name: str) -> None:
        try:
            await step.do(name, work)
        except asyncio.CancelledError:
            await step.do(f"cancelled {name}", work)
            raise
        finally:
            await asyncio.create_task(asyncio.sleep(1))

    try:
        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(child(name))
            await step.do("body", work)
    finally:
        async with asyncio.TaskGroup() as group:
            group.create_task(child("late"))


@register
async def generators(_event: Event, step: Step) -> None:
    """Async generators, left in the middle, whose `finally` blocks call steps."""

    async def numbers(name: str) -> AsyncIterator[int]:
        try:
            for number in range(3):
                await step.do(f"{name} {number}", work)
                yield number
        finally:
            await step.do(f"close {name}", work)
            await step.sleep(f"closed {name}", 1)

    def plain() -> Iterator[int]:
        try:
            yield 1
        finally:
            step.do("close plain", work)

    kept = plain()
    next(kept)
    async for _ in numbers("broken off"):
        break
    opened = numbers("held")
    await anext(opened)
    async for _ in numbers("walked"):
        await step.do("body", work)


@register
async def context_managers(_event: Event, step: Step) -> None:
    """Async context managers that step on their way out, and timeouts."""

    @contextlib.asynccontextmanager
    async def section(name: str) -> AsyncIterator[None]:
        await step.do(f"enter {name}", work)
        try:
            yield
        finally:
            await step.do(f"leave {name}", work)

    lock = asyncio.Lock()
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(section("outer"))
        stack.push_async_callback(asyncio.sleep, 1)
        async with section("inner"), lock, asyncio.timeout(60):
            await step.do("body", work)


@register
async def races(_event: Event, step: Step) -> None:
    """Losers that are cancelled and awaited, gathers and shields."""

    async def loser() -> None:
        try:
            await asyncio.gather(step.do("l1", work), step.do("l2", work))
        finally:
            await asyncio.gather(step.do("l3", work), asyncio.sleep(1), return_exceptions=True)

    running = asyncio.create_task(loser())
    try:
        await asyncio.wait([running, step.do("winner", work)], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.shield(step.do("shielded", work))
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        raise RuntimeError("out of a finally block")


@register
async def decorated(_event: Event, step: Step) -> None:
    """Decorated steps with dependencies, called where the pass ends."""

    @step.do("first")
    def first() -> None: ...

    @step.do("second")
    def second(first: None) -> None: ...

    try:
        await first()
        await second()
    finally:
        await second()
