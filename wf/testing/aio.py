"""The introspectors for async tests: the same methods, awaited; waiting is done on threads."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Self

from wf.testing.modifier import Modifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.answers import Answer
    from wf.testing.introspection import InstanceIntrospector
    from wf.testing.modifier import Selector
    from wf.testing.sessions import WorkflowIntrospector

__tracebackhide__ = True  # of what fails here pytest shows the line of the test


class AsyncInstanceIntrospector:
    """As `InstanceIntrospector`, with methods to await; what `modify` calls may be async, too."""

    def __init__(self, introspector: InstanceIntrospector) -> None:
        self._introspector = introspector
        self.workflow, self.id = introspector.workflow, introspector.id

    def __repr__(self) -> str:
        return f"<AsyncInstanceIntrospector of {self.id!r} of workflow {self.workflow!r}>"

    async def modify(self, change: Callable[[Modifier], Any]) -> Self:
        """As `InstanceIntrospector.modify`."""
        wanted = self._introspector.wanted()
        await _applied(change, Modifier(wanted))
        await asyncio.to_thread(self._introspector.look_again)
        return self

    async def wait_for_step_result(self, step: Selector, **more: Any) -> Any:
        """As `InstanceIntrospector.wait_for_step_result`."""
        return await asyncio.to_thread(self._introspector.wait_for_step_result, step, **more)

    async def wait_for_status(self, status: str, **more: Any) -> None:
        """As `InstanceIntrospector.wait_for_status`."""
        await asyncio.to_thread(self._introspector.wait_for_status, status, **more)

    async def get_output(self) -> Any:
        """As `InstanceIntrospector.get_output`."""
        return await asyncio.to_thread(self._introspector.get_output)

    async def get_error(self) -> Answer:
        """As `InstanceIntrospector.get_error`."""
        return await asyncio.to_thread(self._introspector.get_error)

    async def dispose(self) -> None:
        """As `InstanceIntrospector.dispose`."""
        await asyncio.to_thread(self._introspector.dispose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.dispose()


class AsyncWorkflowIntrospector:
    """As `WorkflowIntrospector`, with methods to await."""

    def __init__(self, introspector: WorkflowIntrospector) -> None:
        self._introspector = introspector
        self.workflow = introspector.workflow

    def __repr__(self) -> str:
        return f"<AsyncWorkflowIntrospector of {self.workflow!r}>"

    async def modify_all(self, change: Callable[[Modifier], Any]) -> Self:
        """As `WorkflowIntrospector.modify_all`."""
        wanted = self._introspector.wanted()
        await _applied(change, Modifier(wanted))
        await asyncio.to_thread(self._introspector.record, wanted)
        return self

    async def get(self) -> list[AsyncInstanceIntrospector]:
        """As `WorkflowIntrospector.get`."""
        return [AsyncInstanceIntrospector(one) for one in await asyncio.to_thread(self._introspector.get)]

    async def dispose(self) -> None:
        """As `WorkflowIntrospector.dispose`."""
        await asyncio.to_thread(self._introspector.dispose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.dispose()


async def _applied(change: Callable[[Modifier], Any], modifier: Modifier) -> None:
    answer = change(modifier)
    if inspect.isawaitable(answer):
        await answer
