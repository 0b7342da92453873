"""wf in FastAPI: a client for the app, a dependency that gives it, and HTTP answers for our errors.

::

    from wf.contrib.fastapi import WfClient, install, lifespan

    app = FastAPI(lifespan=lifespan)
    install(app)

    @app.post("/orders", status_code=201)
    async def create(order: NewOrder, wf: WfClient, session: SessionDep) -> None:
        session.add(Order(id=order.id))
        await wf.workflow("order").create(order.id, session=session)    # exists if the session commits

An app with a lifespan of its own opens ours inside::

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with wf.contrib.fastapi.lifespan(app), httpx.AsyncClient() as http:
            yield {"http": http}

A session that is committed after the `yield` of a dependency needs `Depends(get_session, scope="function")`: by default
FastAPI sends the answer first, and tells of an order that the commit may yet refuse.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.requests import HTTPConnection  # noqa: TC002  # FastAPI reads the annotation
from fastapi.responses import JSONResponse

from wf.async_client import AsyncClient
from wf.http import ROWS, answer_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wf.settings import Settings

log = structlog.get_logger("wf")


@asynccontextmanager
async def lifespan(app: FastAPI, settings: Settings | None = None) -> AsyncIterator[None]:
    """Open a client for the app, and close it at the end.

    It connects when it is first used: the app starts without Postgres and Redis.

    Args:
        app: Whose requests get the client.
        settings: By default the `WF_...` variables.

    Raises:
        InvalidSettings: A variable has a value that cannot be used.
        JournalUnavailable: There is no URL of Postgres, or it cannot be read.
        BrokerUnavailable: There is no URL of Redis, or it cannot be read.
    """
    async with AsyncClient(settings=settings) as client:
        app.state.wf = client
        try:
            yield
        finally:
            del app.state.wf


async def get_client(connection: HTTPConnection) -> AsyncClient:
    """The app's client; the key for `app.dependency_overrides`.

    Raises:
        RuntimeError: The app has none.
    """
    client: AsyncClient | None = getattr(connection.app.state, "wf", None)
    if client is None:
        raise RuntimeError(
            "This app has no wf client: pass FastAPI(lifespan=wf.contrib.fastapi.lifespan), or open that in a lifespan "
            "of your own. A mounted app's lifespan is never run: give it the client of the other in app.state.wf."
        )
    return client


WfClient = Annotated[AsyncClient, Depends(get_client)]
"""The type of a parameter that gets the app's client."""


def install(app: FastAPI) -> None:
    """Let the app answer our errors as HTTP knows them: 404, 409, 503 and so on, each with `detail` and `code`.

    What is neither the caller's fault nor an outage stays an error of the app, for its own handlers and logs.

    Args:
        app: Handlers of its own for the same classes win if they are added later.
    """
    for kind in ROWS:
        app.add_exception_handler(kind, _answer)


async def _answer(_: Request, error: Exception) -> JSONResponse:
    problem = answer_for(error)
    if problem.status >= 500:
        log.warning("workflows out of reach", code=problem.name, reason=str(error))  # which the answer keeps to itself
    return JSONResponse(problem.body, problem.status, problem.headers)
