"""The client for async code."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from tests.support.errands import Errand, RefusedError
from wf import (
    AsyncClient,
    InstanceAlreadyExists,
    InstanceNotFound,
    InstanceTerminated,
    InvalidTransition,
    WorkflowNotFound,
)
from wf.urls import database_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.support import Rig


def serve(rig: Rig, body: Callable[[AsyncClient], Awaitable[None]]) -> None:
    """Run async code with a client on the rig's clock."""

    async def main() -> None:
        async with AsyncClient(settings=rig.settings, clock=rig.clock) as client:
            await body(client)

    asyncio.run(main())


async def settle(rig: Rig) -> int:
    """Let the rig's worker work beside the event loop."""
    return await asyncio.to_thread(rig.settle)


def test_it_does_what_the_client_does(rig: Rig) -> None:
    """create, get, list, status, describe, send_event, result and terminate give what the client gives."""

    async def body(client: AsyncClient) -> None:
        workflow = client.workflow(Errand)
        instance = await workflow.create("r-17", {"do": "wait"})
        await settle(rig)
        assert (await (await workflow.get("r-17")).status()).status == "waiting"
        assert [entry.id for entry in await workflow.list(status="waiting", limit=1)] == ["r-17"]
        await instance.send_event("go", {"by": "x"}, event_id="e-1")
        await settle(rig)
        assert await instance.result(timeout=5) == {"by": "x"}
        assert (await instance.describe()).step_count == 0
        other = await workflow.create(params={"do": "sleep"})
        await other.terminate()
        with pytest.raises(InstanceTerminated):
            await other.result(timeout=5)

    serve(rig, body)


def test_its_errors_are_the_clients_errors(rig: Rig) -> None:
    """A taken id, an unknown one, an ended instance and a failed `run` raise the same classes."""

    async def body(client: AsyncClient) -> None:
        workflow = client.workflow(Errand)
        instance = await workflow.create("r-17", {"do": "fail"})
        with pytest.raises(InstanceAlreadyExists):
            await workflow.create("r-17")
        with pytest.raises(InstanceNotFound):
            await workflow.get("r-18")
        await settle(rig)
        with pytest.raises(RefusedError, match="order 7"):
            await instance.result(timeout=5)
        with pytest.raises(InvalidTransition):
            await instance.terminate()

    serve(rig, body)


def test_a_workflow_may_be_awaited(rig: Rig) -> None:
    """`await client.workflow(...)` is `client.workflow(...)`."""

    async def body(client: AsyncClient) -> None:
        instance = await (await client.workflow(Errand)).create("r-17")
        assert repr(instance) == "<AsyncInstance 'r-17' of workflow 'errand'>"
        assert (instance.workflow, instance.id) == ("errand", "r-17")

    serve(rig, body)


def test_a_late_result_is_a_timeout(rig: Rig) -> None:
    """The error tells the instance and its status."""

    async def body(client: AsyncClient) -> None:
        instance = await client.workflow(Errand).create("r-17", {"do": "sleep"})
        with pytest.raises(TimeoutError, match="'r-17' of workflow 'errand' is queued"):
            await instance.result(timeout=0.01)

    serve(rig, body)


def test_waiting_for_results_holds_no_thread(rig: Rig) -> None:
    """Many more results than the loop has threads can be awaited, and the loop still gets other work done."""

    async def body(client: AsyncClient) -> None:
        workflow = client.workflow(Errand)
        instances = [await workflow.create(f"i-{n}", {"do": "wait"}) for n in range(60)]
        results = [asyncio.ensure_future(instance.result(timeout=60)) for instance in instances]
        await settle(rig)
        assert threading.active_count() < 60
        for n, instance in enumerate(instances):
            await instance.send_event("go", n)
        await settle(rig)
        assert await asyncio.gather(*results) == list(range(60))

    serve(rig, body)


def test_a_cancelled_result_stops_looking(rig: Rig) -> None:
    """Cancelling the wait ends it at once."""

    async def body(client: AsyncClient) -> None:
        instance = await client.workflow(Errand).create("r-17", {"do": "sleep"})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(instance.result(), 0.05)

    serve(rig, body)


@asynccontextmanager
async def async_connection(url: str) -> AsyncIterator[tuple[dict[str, Any], Any]]:
    engine = create_async_engine(database_url(url), poolclass=NullPool)
    async with engine.connect() as connection:
        yield {"connection": connection}, connection


@asynccontextmanager
async def async_session(url: str) -> AsyncIterator[tuple[dict[str, Any], Any]]:
    engine = create_async_engine(database_url(url), poolclass=NullPool)
    async with AsyncSession(engine) as session:
        yield {"session": session}, session


@asynccontextmanager
async def on_the_loop(arrive: Callable[[], Awaitable[Any]]) -> AsyncIterator[int]:
    """A port that leads through the event loop to a server: whoever blocks the loop waits for himself."""
    calls = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()
        await writer.wait_closed()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.add(asyncio.current_task())
        there, back = await arrive()
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, calls))


@asynccontextmanager
async def redis_on_the_loop(url: str) -> AsyncIterator[str]:
    target = urlsplit(url)
    async with on_the_loop(lambda: asyncio.open_connection(target.hostname, target.port)) as port:
        yield target._replace(netloc=f"127.0.0.1:{port}").geturl()


@asynccontextmanager
async def postgres_on_the_loop(url: str) -> AsyncIterator[str]:
    params = conninfo_to_dict(url)
    host, port = str(params.get("host", "127.0.0.1")), str(params.get("port", "5432"))
    by_file = host.startswith("/")

    def arrive() -> Awaitable[Any]:
        return (
            asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}") if by_file else asyncio.open_connection(host, port)
        )

    async with on_the_loop(arrive) as own:
        place = f"{params['user']}:{params.get('password', '')}@127.0.0.1:{own}"
        yield f"postgresql://{place}/{params['dbname']}?sslmode=disable&gssencmode=disable"


every_kind = pytest.mark.parametrize("begin", [async_connection, async_session])


@every_kind
def test_an_instance_comes_with_the_callers_commit(rig: Rig, begin: Any) -> None:
    """Invisible before, there after it, and woken at the latest by the alarm's next tick."""

    async def body(client: AsyncClient) -> None:
        async with begin(rig.settings.database_url) as (where, foreign):
            instance = await client.workflow(Errand).create("r-17", {"n": 1}, **where)
            with pytest.raises(InstanceNotFound):
                await instance.status()
            assert rig.queued() == 0
            await foreign.commit()
        assert rig.queued() == ("session" in where)
        await asyncio.to_thread(rig.pass_time, 0)
        assert await instance.result(timeout=5) == {"got": {"n": 1}}

    serve(rig, body)


@every_kind
def test_a_rollback_leaves_nothing(rig: Rig, begin: Any) -> None:
    """Neither the instance nor an event of a transaction that was rolled back is ever seen."""

    async def body(client: AsyncClient) -> None:
        there = await client.workflow(Errand).create("there", {"do": "wait"})
        await settle(rig)
        async with begin(rig.settings.database_url) as (where, foreign):
            await client.workflow(Errand).create("r-17", **where)
            await there.send_event("go", 1, **where)
            await foreign.rollback()
            await foreign.commit()
        assert rig.queued() == 0
        with pytest.raises(InstanceNotFound):
            await client.workflow(Errand).get("r-17")
        assert rig.sql("select count(*) from wf.event") == [(0,)]

    serve(rig, body)


def test_the_nudge_after_a_commit_does_not_hold_up_the_loop(rig: Rig) -> None:
    """A slow Redis is waited for on a thread: the commit sends its nudge, while the loop serves others."""

    async def main() -> None:
        async with (
            redis_on_the_loop(rig.settings.redis_url) as url,
            async_session(rig.settings.database_url) as (_, session),
        ):
            settings = rig.settings.model_copy(update={"redis_url": url, "redis_timeout": 5.0})
            async with AsyncClient(settings=settings) as client:
                await client.workflow(Errand).create("r-17", session=session)
                await session.commit()
                assert rig.queued() == 1

    asyncio.run(main())


@asynccontextmanager
async def mute() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A Redis that takes connections and never answers, and the sign that somebody has come."""
    arrived, calls = asyncio.Event(), set()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.add(asyncio.current_task())
        arrived.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", arrived
        await asyncio.gather(*filter(None, calls))


@every_kind
@pytest.mark.parametrize("method", ["create", "create_batch"])
def test_a_mute_redis_does_not_hold_up_the_loop(
    rig: Rig, capsys: pytest.CaptureFixture[str], begin: Any, method: str
) -> None:
    """The loop goes on while a thread asks for the rate and gets no answer; then the instance is created."""
    unchecked = "creation rate not checked"

    async def main() -> None:
        async with mute() as (url, arrived), begin(rig.settings.database_url) as (where, foreign):
            settings = rig.settings.model_copy(update={"redis_url": url, "creation_rate": 1.0})
            async with AsyncClient(settings=settings) as client:
                call = getattr(client.workflow(Errand), method)
                creating = asyncio.ensure_future(call({"instances": [{}]} if method == "create_batch" else {}, **where))
                await arrived.wait()
                assert unchecked not in capsys.readouterr().out  # it still waits, and yet the loop has come here
                await creating
                assert unchecked in capsys.readouterr().out
                await foreign.commit()
        assert rig.sql("select count(*) from wf.instance") == [(1,)]

    asyncio.run(main())


@every_kind
def test_what_a_refusal_looks_up_does_not_hold_up_the_loop(rig: Rig, begin: Any) -> None:
    """Why nothing was written the journal tells over a connection of ours, beside the caller's transaction."""
    rig.sql("insert into wf.instance (workflow, id, version, due_at) values ('nowhere', 'gone', '1', now())")

    async def main() -> None:
        async with postgres_on_the_loop(rig.settings.database_url) as url:
            settings = rig.settings.model_copy(update={"database_url": url})
            async with AsyncClient(settings=settings) as client, begin(rig.settings.database_url) as (where, _):
                gone = await client.workflow("nowhere").get("gone")
                await gone.delete()
                with pytest.raises(WorkflowNotFound):
                    await client.workflow("nowhere").create("r-17", **where)
                with pytest.raises(WorkflowNotFound):
                    await client.workflow("nowhere").create_batch([{"id": "r-17"}], **where)
                with pytest.raises(WorkflowNotFound):
                    await gone.send_event("go", **where)

    asyncio.run(main())


@every_kind
def test_an_event_comes_with_the_callers_commit(rig: Rig, begin: Any) -> None:
    """The wait gets it after the commit and not before."""

    async def body(client: AsyncClient) -> None:
        instance = await client.workflow(Errand).create("r-17", {"do": "wait"})
        await settle(rig)
        async with begin(rig.settings.database_url) as (where, foreign):
            await instance.send_event("go", "yes", **where)
            await settle(rig)
            assert (await instance.status()).status == "waiting"
            await foreign.commit()
        await asyncio.to_thread(rig.pass_time, 0)
        assert await instance.result(timeout=5) == "yes"

    serve(rig, body)


@every_kind
def test_a_refusal_leaves_the_callers_transaction_usable(rig: Rig, begin: Any) -> None:
    """After a taken id, the caller's own rows can still be written and committed."""
    rig.sql("create table public.orders (id text)")

    async def body(client: AsyncClient) -> None:
        await client.workflow(Errand).create("r-17")
        async with begin(rig.settings.database_url) as (where, foreign):
            with pytest.raises(InstanceAlreadyExists):
                await client.workflow(Errand).create("r-17", **where)
            await foreign.execute(text("insert into public.orders values ('mine')"))
            await foreign.commit()

    serve(rig, body)
    assert rig.sql("select id from public.orders") == [("mine",)]


def test_a_connection_of_the_wrong_kind_is_refused(rig: Rig) -> None:
    """A psycopg connection is not one that an event loop can share; the error says what is."""

    async def body(client: AsyncClient) -> None:
        async with await psycopg.AsyncConnection.connect(rig.settings.database_url) as connection:
            create: Any = client.workflow(Errand).create
            with pytest.raises(TypeError, match="SQLAlchemy AsyncConnection or AsyncSession, not AsyncConnection"):
                await create("r-17", connection=connection)

    serve(rig, body)
