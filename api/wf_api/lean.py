"""Routes that are asked most: the way through FastAPI without its dependencies, which cost more than the work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from wf_api.problems import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Request, Response

NO_JSON = "it is not told to be JSON: send it with Content-Type: application/json"


class LeanRoute(APIRoute):
    """A route whose function takes parts of the path as text, a caller, and at most one body.

    To FastAPI it is a route as any other, which OpenAPI shows; only its requests are served without a look at the
    signature each time: measured, half the time of one that creates an instance. Nobody's body is read before it is
    known who sends it.
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
            response: Response = await run_in_threadpool(endpoint, **values)
            return response

        return serve


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
