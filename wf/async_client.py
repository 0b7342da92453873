"""The client for async code: the same methods, awaited. A thin layer; the work is done by `Client` on threads.

In a caller's own transaction it is done where that is, on the loop's thread, but for what would hold it (`wf.offloop`).
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Self, overload

from wf.answers import Answer
from wf.client import Client, Workflow
from wf.clock import pauses
from wf.feed import AsyncSubscription
from wf.forks import UNSET

if TYPE_CHECKING:
    from builtins import list as List  # noqa: N812  # `list` is a method here
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

    from wf.answers import Page
    from wf.ids import FromStep
    from wf.instance import Instance
    from wf.workflow import WorkflowEntrypoint


class AsyncClient:
    """As `Client`, with methods to await.

    Args:
        database_url: The journal's Postgres; `WF_DATABASE_URL` by default.
        redis_url: The broker's Redis; `WF_REDIS_URL` by default.
        client: A client that is there already, to be used in place of all that.
        more: What else `Client` takes.
    """

    def __init__(
        self,
        database_url: str | None = None,
        redis_url: str | None = None,
        *,
        client: Client | None = None,
        **more: Any,
    ) -> None:
        self._client = client or Client(database_url, redis_url, **more)

    def workflow(self, workflow: str | type[WorkflowEntrypoint]) -> AsyncWorkflow:
        """A workflow, by its name or by its class; may be awaited, need not be."""
        return AsyncWorkflow(self._client.workflow(workflow))

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._client.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncWorkflow:
    """As `Workflow`, with methods to await."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self.name = workflow.name

    def __repr__(self) -> str:
        return f"<AsyncWorkflow {self.name!r}>"

    def __await__(self) -> Generator[Any, None, AsyncWorkflow]:
        yield from ()
        return self

    async def create(
        self,
        id: str | Mapping[str, Any] | None = None,
        params: Any = None,
        *,
        connection: AsyncConnection | None = None,
        session: AsyncSession | None = None,
        **more: Any,
    ) -> AsyncInstance:
        """As `Workflow.create`, also in the transaction of an async SQLAlchemy connection or session."""
        create = partial(self._workflow.create, id, params, **more)
        return AsyncInstance(await _call(create, connection, session))

    @overload
    async def create_batch(self, batch: Sequence[Mapping[str, Any]], **more: Any) -> List[AsyncInstance]: ...

    @overload
    async def create_batch(self, batch: Mapping[str, Any] | None = None, **more: Any) -> Answer: ...

    async def create_batch(
        self,
        batch: Sequence[Mapping[str, Any]] | Mapping[str, Any] | None = None,
        *,
        connection: AsyncConnection | None = None,
        session: AsyncSession | None = None,
        **form: Any,
    ) -> List[AsyncInstance] | Answer:
        """As `Workflow.create_batch`, also in the transaction of an async SQLAlchemy connection or session."""
        done = await _call(partial(self._workflow.create_batch, batch, **form), connection, session)
        if isinstance(done, list):
            return [AsyncInstance(instance) for instance in done]
        return Answer({**done, "created": [AsyncInstance(instance) for instance in done.created]})

    async def delete_batch(self, ids: Sequence[str]) -> Answer:
        """As `Workflow.delete_batch`."""
        return await asyncio.to_thread(self._workflow.delete_batch, ids)

    async def get(self, id: str) -> AsyncInstance:
        """As `Workflow.get`."""
        return AsyncInstance(await asyncio.to_thread(self._workflow.get, id))

    async def list(self, **filters: Any) -> Page:
        """As `Workflow.list`."""
        return await asyncio.to_thread(partial(self._workflow.list, **filters))


class AsyncInstance:
    """As `Instance`, with methods to await."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.workflow, self.id = instance.workflow, instance.id

    def __repr__(self) -> str:
        return f"<AsyncInstance {self.id!r} of workflow {self.workflow!r}>"

    async def status(self) -> Answer:
        """As `Instance.status`."""
        return await asyncio.to_thread(self._instance.status)

    async def describe(self) -> Answer:
        """As `Instance.describe`."""
        return await asyncio.to_thread(self._instance.describe)

    async def send_event(
        self,
        type: str,
        payload: Any = None,
        *,
        event_id: str | None = None,
        connection: AsyncConnection | None = None,
        session: AsyncSession | None = None,
    ) -> None:
        """As `Instance.send_event`, also in the transaction of an async SQLAlchemy connection or session."""
        await _call(partial(self._instance.send_event, type, payload, event_id=event_id), connection, session)

    async def pause(self) -> None:
        """As `Instance.pause`."""
        await asyncio.to_thread(self._instance.pause)

    async def resume(self) -> None:
        """As `Instance.resume`."""
        await asyncio.to_thread(self._instance.resume)

    async def terminate(self, *, rollback: bool = False) -> None:
        """As `Instance.terminate`."""
        await asyncio.to_thread(partial(self._instance.terminate, rollback=rollback))

    async def restart(self, *, from_step: FromStep | None = None) -> None:
        """As `Instance.restart`."""
        await asyncio.to_thread(partial(self._instance.restart, from_step=from_step))

    async def fork(
        self, id: str | None = None, *, from_step: FromStep | None = None, params: Any = UNSET
    ) -> AsyncInstance:
        """As `Instance.fork`."""
        return AsyncInstance(
            await asyncio.to_thread(partial(self._instance.fork, id, from_step=from_step, params=params))
        )

    async def delete(self) -> None:
        """As `Instance.delete`."""
        await asyncio.to_thread(self._instance.delete)

    def subscribe(
        self, cursor: int | None = None, filter: Iterable[str] | None = None, timeout: float | None = None
    ) -> AsyncSubscription:
        """As `Instance.subscribe`: an async iterator. That there is no such instance, its first event tells."""
        return AsyncSubscription(self._instance.feed(cursor, filter), timeout)

    async def result(self, timeout: float | None = None) -> Any:
        """As `Instance.result`; no thread is held while waiting."""
        for pause in pauses(timeout):
            if (ended := await asyncio.to_thread(self._instance.ended)) is not None:
                return ended[0]
            await asyncio.sleep(pause)
        raise await asyncio.to_thread(self._instance.late, timeout)


async def _call(method: partial[Any], connection: AsyncConnection | None, session: AsyncSession | None) -> Any:
    foreign = session if session is not None else connection
    if foreign is None:
        return await asyncio.to_thread(method)
    if not hasattr(foreign, "run_sync"):
        raise TypeError(f"Pass a SQLAlchemy AsyncConnection or AsyncSession, not {type(foreign).__name__}.")
    return await foreign.run_sync(lambda sync: method(connection=sync))
