"""The FastAPI app: routes, what stands around them, and how errors become answers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from wf.errors import WfError
from wf.settings import Settings
from wf_api.access import caller_of
from wf_api.addresses import login_at
from wf_api.assets import STATIC, STATIC_FOLDER
from wf_api.bodies import Gate
from wf_api.documented import TAGS, openapi, operation_id
from wf_api.envelope import refused
from wf_api.headers import SecurityHeaders
from wf_api.lean import NO_JSON, Express, LeanRoute, unreadable
from wf_api.metrics import Measured
from wf_api.origins import SAFE
from wf_api.pages import PAGES, SHOWN
from wf_api.pages.render import page, wants_page
from wf_api.parts import Parts
from wf_api.problems import InvalidRequest, NoRoute, Refusal, Unauthenticated, WrongMethod, problem_of
from wf_api.routes import ROUTERS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from fastapi import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from wf.clock import Clock
    from wf.http import Problem
    from wf_api.lean import Handler


class _App(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        # Around Starlette's own outermost layer, too: that answers what nobody has caught.
        parts: Parts = self.state.parts
        lean = [route for router in ROUTERS for route in router.routes if isinstance(route, LeanRoute)]
        express = Express(super().build_middleware_stack(), lean, HANDLERS, owner=self)
        measured = Measured(express, parts.metrics)
        return SecurityHeaders(Gate(measured, parts.settings.api_max_body, _told))


def make_app(settings: Settings | None = None, clock: Clock | None = None) -> FastAPI:
    """The app.

    Args:
        settings: From the environment by default.
        clock: Takes the place of the database's clock, in tests.

    Raises:
        InvalidHooks: WF_HOOKS names a file that cannot be used.
    """
    parts = Parts(settings or Settings(), clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with parts:
            yield

    app = _App(
        title="celery-wf", lifespan=lifespan, openapi_url="/api/openapi.json", docs_url=None,
        redoc_url=None, openapi_tags=TAGS, generate_unique_id_function=operation_id,
    )  # fmt: skip
    app.state.parts = parts
    app.state.pages = [route for router in SHOWN for route in router.routes]
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]  # FastAPI's own way to change it
    app.router.routes.extend(_routes())
    app.mount(STATIC, StaticFiles(directory=STATIC_FOLDER))
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Those of all routers, made once for all apps of this process: it takes longer than all else together."""
    whole = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, generate_unique_id_function=operation_id)
    for router in (*ROUTERS, *PAGES):
        whole.include_router(router)
    return whole.router.routes


async def _of_ours(request: Request, error: Exception) -> Response:
    if isinstance(error, Unauthenticated) and wants_page(request) and request.method in SAFE:
        return RedirectResponse(login_at(request), 303)
    caller = caller_of(request)
    return _told(request, problem_of(error if caller is None else caller.readable(error)))


def _told(request: Request, *problems: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that was refused; a browser gets it in words."""
    if not wants_page(request):
        return refused(*problems, headers=headers)
    first, caller = problems[0], caller_of(request)
    login = login_at(request) if first.status == HTTPStatus.UNAUTHORIZED else None
    answer = page(
        "error.html", status=first.status, problem=first, title=HTTPStatus(first.status).phrase, here="", login=login,
        who=None if caller is None else caller.principal,
    )  # fmt: skip
    answer.headers.update({**first.headers, **(headers or {})})
    return answer


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if isinstance(error.body, bytes):
        return _told(request, problem_of(InvalidRequest(f"body: {NO_JSON}")))
    faults = [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors()[:10]]
    return _told(
        request,
        *(
            problem_of(InvalidRequest(f"{place:.200}: {fault.removeprefix('Value error, ')}"))
            for place, fault in faults
        ),
    )


async def _of_routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = f"{request.method} {request.url.path}"
    match error.status_code:
        case 404:
            found: Refusal = NoRoute(f"There is no {what}. /api/openapi.json lists what there is.")
        case 405:
            found = WrongMethod(f"There is no {what}; the same path has other methods.")
        case 400 if isinstance(error.__cause__, Refusal):
            found = error.__cause__
        case 400 if error.__cause__ is not None:
            found = unreadable(error.__cause__)
        case _:
            found = InvalidRequest(str(error.detail))
    return _told(request, problem_of(found), headers=error.headers)


HANDLERS: dict[type[Exception], Handler] = {
    WfError: _of_ours,
    Exception: _of_ours,
    RequestValidationError: _invalid,
    HTTPException: _of_routing,
}
"""How errors become answers."""
