"""wf in FastAPI: the app's client, the dependency, and the answers for our errors."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from tests.support.errands import Errand
from wf import AsyncClient, InstanceNotFound, JournalUnavailable, RateLimited
from wf.codec import CodecError
from wf.contrib.fastapi import WfClient, get_client, install, lifespan
from wf.errors import JournalRefused
from wf.urls import database_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.support import Rig
    from wf.settings import Settings


def ask(app: FastAPI, body: Callable[[httpx.AsyncClient], Awaitable[None]]) -> None:
    """Serve the app for as long as a caller has questions."""

    async def main() -> None:
        async with app.router.lifespan_context(app) as state:

            async def served(scope: Any, receive: Any, send: Any) -> None:
                await app({**scope, "state": dict(state or {})}, receive, send)

            async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://shop") as http:
                await body(http)

    asyncio.run(main())


def with_settings(settings: Settings) -> Any:
    """The lifespan of an app that does not get its settings from the environment."""

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app, settings):
            yield

    return own


def test_the_lifespan_opens_and_closes_the_apps_client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the WF_... variables, one for all requests; after the end the app has none, and it is closed."""
    for name in ("database_url", "redis_url", "key_prefix", "queue"):
        monkeypatch.setenv(f"WF_{name.upper()}", getattr(settings, name))
    app, seen = FastAPI(lifespan=lifespan), []

    @app.get("/{id}")
    async def look(id: str, wf: WfClient) -> str:
        seen.append(wf)
        await wf.workflow(Errand).create(id)
        return (await wf.workflow(Errand).get(id)).id

    async def body(http: httpx.AsyncClient) -> None:
        assert [(await http.get(f"/{id}")).json() for id in ("a", "b")] == ["a", "b"]

    ask(app, body)
    assert len(set(seen)) == 1
    assert not hasattr(app.state, "wf")


def test_an_app_without_urls_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong in the settings is told at the start, not by the first request."""
    monkeypatch.delenv("WF_DATABASE_URL", raising=False)
    with pytest.raises(JournalUnavailable, match="set WF_DATABASE_URL"):
        ask(FastAPI(lifespan=lifespan), lambda _: asyncio.sleep(0))


def test_an_own_lifespan_has_ours_inside(settings: Settings) -> None:
    """It gives the settings, and its own state reaches the requests as ever."""

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with lifespan(app, settings):
            yield {"mine": 17}

    app = FastAPI(lifespan=own)

    @app.get("/")
    async def look(request: Request, wf: WfClient) -> list[Any]:
        return [app.state.wf is wf, request.state.mine]

    ask(app, lambda http: expect(http, "/", 200, [True, 17]))


async def expect(http: httpx.AsyncClient, path: str, status: int, json: Any) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()) == (status, json)


def test_an_app_without_a_client_says_how_to_give_it_one() -> None:
    """Forgetting the lifespan is an error that names it."""
    app = FastAPI()

    @app.get("/")
    async def look(wf: WfClient) -> None: ...

    with pytest.raises(RuntimeError, match=r"pass FastAPI\(lifespan=wf.contrib.fastapi.lifespan\)"):
        ask(app, lambda http: expect(http, "/", 200, None))


def test_a_mounted_app_may_share_the_client(settings: Settings) -> None:
    """Its lifespan is never run, as the error says; with the other's client in its state it works."""
    app, sub = FastAPI(lifespan=with_settings(settings)), FastAPI()
    app.mount("/sub", sub)

    @sub.get("/")
    async def look(wf: WfClient) -> bool:
        return wf is app.state.wf

    async def body(http: httpx.AsyncClient) -> None:
        with pytest.raises(RuntimeError, match="A mounted app's lifespan is never run"):
            await http.get("/sub/")
        sub.state.wf = app.state.wf
        await expect(http, "/sub/", 200, json=True)

    ask(app, body)


def test_a_test_can_override_the_client(rig: Rig) -> None:
    """`dependency_overrides` works with `get_client` as the key; no lifespan is needed then."""
    app = FastAPI()

    @app.post("/{id}")
    async def create(id: str, wf: WfClient) -> str:
        return (await wf.workflow(Errand).create(id)).id

    async def body(http: httpx.AsyncClient) -> None:
        async with AsyncClient(settings=rig.settings, clock=rig.clock) as client:
            app.dependency_overrides[get_client] = lambda: client
            assert (await http.post("/r-17")).json() == "r-17"

    ask(app, body)
    rig.settle()
    assert rig.client.workflow(Errand).get("r-17").status().status == "complete"


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(request.app.state.engine) as session, session.begin():
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]


@pytest.fixture
def shop(rig: Rig) -> FastAPI:
    """An app that creates instances in the transaction of a request, which a dependency commits."""
    app = FastAPI(lifespan=with_settings(rig.settings))
    app.state.engine = create_async_engine(database_url(rig.settings.database_url), poolclass=NullPool)
    install(app)

    @app.post("/{id}")
    async def create(id: str, wf: WfClient, session: SessionDep, then: str = "") -> int:
        create = partial(wf.workflow(Errand).create, session=session)
        await create(id)
        if then == "refuse":
            raise HTTPException(422, "no")
        if then == "nest":
            async with session.begin_nested():
                await create(f"{id}-inner")
            async with session.begin_nested() as savepoint:
                await create(f"{id}-lost")
                await savepoint.rollback()
        return rig.queued()

    return app


def test_a_commit_behind_the_endpoint_nudges(rig: Rig, shop: FastAPI) -> None:
    """While the endpoint runs nobody is nudged; when it has been answered, a worker is, without the alarm."""

    async def body(http: httpx.AsyncClient) -> None:
        assert (await http.post("/r-17")).json() == 0
        assert rig.queued() == 1

    ask(shop, body)
    rig.settle()
    assert rig.client.workflow(Errand).get("r-17").status().status == "complete"


def test_a_request_that_fails_creates_nothing(rig: Rig, shop: FastAPI) -> None:
    """The dependency sees the error and rolls back: no instance, no nudge, and the id is free."""

    async def body(http: httpx.AsyncClient) -> None:
        assert (await http.post("/r-17?then=refuse")).status_code == 422
        assert rig.queued() == 0
        assert rig.sql("select count(*) from wf.instance") == [(0,)]
        assert (await http.post("/r-17")).status_code == 200

    ask(shop, body)


def test_savepoints_of_a_request_are_respected(rig: Rig, shop: FastAPI) -> None:
    """What a savepoint took back does not exist; the end of another one nudges nobody before the commit."""

    async def body(http: httpx.AsyncClient) -> None:
        assert (await http.post("/r-17?then=nest")).json() == 0

    ask(shop, body)
    rig.settle()
    found = rig.client.workflow(Errand).list()
    assert sorted((each.id, each.status) for each in found) == [("r-17", "complete"), ("r-17-inner", "complete")]


def test_a_taken_id_in_the_requests_transaction_is_a_conflict(shop: FastAPI) -> None:
    """The error passes through the session's dependency and is answered."""

    async def body(http: httpx.AsyncClient) -> None:
        await http.post("/r-17")
        answer = await http.post("/r-17")
        assert (answer.status_code, answer.json()["code"]) == (409, "instance.already_exists")

    ask(shop, body)


def failing(error: Exception) -> FastAPI:
    """An app whose only page fails."""
    app = FastAPI()
    install(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    return app


def test_an_error_of_ours_is_answered() -> None:
    """With status, detail and code; a rate limit with the time to come back."""

    async def body(http: httpx.AsyncClient) -> None:
        answer = await http.get("/")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
        assert (answer.json()["code"], "5 times per second" in answer.json()["detail"]) == ("rate_limited", True)

    ask(failing(RateLimited("report", 5, 2.1, "WF_CREATION_RATE")), body)


def test_an_outage_is_told_to_the_log_and_not_to_the_caller(capsys: pytest.CaptureFixture[str]) -> None:
    """A subclass of an error in the table has its answer; the reason is for the operators."""

    async def body(http: httpx.AsyncClient) -> None:
        answer = await http.get("/")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert "db-7" not in answer.text

    ask(failing(JournalRefused("no room on db-7")), body)
    assert "no room on db-7" in capsys.readouterr().out


@pytest.mark.parametrize("error", [CodecError("stored data is damaged"), ValueError("a mistake")], ids=type)
def test_what_nobody_asked_for_stays_an_error_of_the_app(error: Exception) -> None:
    """It reaches the app's own handlers, its log and its monitoring, as if we were not there."""
    with pytest.raises(type(error), match=str(error)):
        ask(failing(error), lambda http: expect(http, "/", 500, None))


def test_a_handler_of_the_app_wins() -> None:
    """Whoever wants another answer for one of our errors adds a handler as for any other."""
    app = failing(InstanceNotFound("report", "r-17"))
    app.add_exception_handler(InstanceNotFound, lambda _, error: JSONResponse({"oops": str(error)[:8]}, 410))
    ask(app, lambda http: expect(http, "/", 410, {"oops": "Workflow"}))
