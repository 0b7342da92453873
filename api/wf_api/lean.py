"""The express lane: routes that are asked most, served without FastAPI's way of dependencies, layers and routers.

FastAPI's own way costs three times as much as to create an instance. To it a `LeanRoute` is a route as any other, which
OpenAPI shows; but `Express`, which stands before the app, knows these routes, too, and serves them itself.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect

from wf_api.problems import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from fastapi import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    Handler = Callable[[Request, Exception], Awaitable[Response]]

log = structlog.get_logger("wf")

NO_JSON = "it is not told to be JSON: send it with Content-Type: application/json"


class LeanRoute(APIRoute):
    """A route whose function takes parts of the path as text, a caller, and at most one body.

    Nobody's body is read before it is known who sends it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What serves a request."""
        endpoint, asked = self.endpoint, self.dependant
        askers: list[tuple[str, Any]] = [(str(asker.name), asker.call) for asker in asked.dependencies]
        bodies: list[tuple[str, TypeAdapter[Any], Any]] = [
            (body.name, TypeAdapter(cast("Any", body.field_info.annotation)), body.field_info)
            for body in asked.body_params
        ]

        async def serve(request: Request) -> Response:
            values: dict[str, Any] = dict(request.path_params)
            for name, ask in askers:
                values[name] = await ask(request)  # one of `wf_api.access`, which takes no more
            for name, adapter, field in bodies:
                data = await request.body()
                missing = not data and not field.is_required()
                values[name] = field.default if missing else _read(adapter, request, data)
            # As asyncio.to_thread, without a copy of the context, which nothing here looks at.
            call = partial(endpoint, **values)
            response: Response = await asyncio.get_running_loop().run_in_executor(None, call)
            return response

        return serve


class Express:
    """Serves lean routes; all other requests go on to the app.

    Args:
        app: The app, with all that stands around it.
        routes: Those to serve here.
        handlers: How errors become answers, as the app knows it.
    """

    def __init__(
        self, app: ASGIApp, routes: Sequence[LeanRoute], handlers: dict[type[Exception], Handler], *, owner: Any
    ) -> None:
        self._app, self._handlers, self._owner = app, handlers, owner
        self._routes = [
            (route, route.path_regex, frozenset(route.methods or ()), route.get_route_handler()) for route in routes
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or pass it on."""
        if scope["type"] == "http":
            for route, pattern, methods, serve in self._routes:
                if scope["method"] in methods and (match := pattern.match(scope["path"])):
                    scope.update(app=self._owner, route=route, path_params=match.groupdict())
                    with suppress(ClientDisconnect):  # then nobody waits for an answer
                        response = await self._answer(serve, Request(scope, receive))
                        await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    async def _answer(self, serve: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        try:
            return await serve(request)
        except ClientDisconnect:
            raise
        except Exception as error:  # there is a handler for every class
            kind = next(kind for kind in type(error).__mro__ if kind in self._handlers)
            if kind is Exception:  # nobody has foreseen it, and no server around us would tell
                log.exception("a request failed", path=request.url.path)
            return await self._handlers[kind](request, error)


def _read(adapter: TypeAdapter[Any], request: Request, data: bytes) -> Any:
    """A body, as FastAPI reads it: only what is told to be JSON, and checked by its model.

    Raises:
        InvalidRequest: It is no JSON.
        RequestValidationError: It does not fit the model.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))):
        raise InvalidRequest(f"body: {NO_JSON}")
    try:
        value = json.loads(data)
    except json.JSONDecodeError as error:
        fault = {"type": "json_invalid", "loc": ("body", error.pos), "msg": f"JSON decode error: {error.msg}"}
        raise RequestValidationError([fault]) from None
    except (ValueError, RecursionError) as error:
        raise unreadable(error) from error
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from None


def unreadable(error: BaseException) -> InvalidRequest:
    """The error for a body that is no JSON."""
    return InvalidRequest(f"body: it cannot be read as JSON in UTF-8: {str(error).partition(';')[0]}")
