"""What OpenAPI tells of every route: the answers that can come, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from wf_api.models.common import Refused

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.routing import APIRoute

TAGS = [
    {"name": "workflows", "description": "What workers have registered: versions, settings, numbers of instances."},
    {"name": "instances", "description": "One run each: create it, look at it, follow it, steer it, send it events."},
    {"name": "schedules", "description": "What begins by itself, and when."},
    {"name": "jobs", "description": "Actions on many instances, in the background."},
    {"name": "overview", "description": "What goes on now."},
    {"name": "attention", "description": "What wants a human."},
    {"name": "metrics", "description": "What workers have counted over time."},
    {"name": "audit", "description": "Who did what."},
    {"name": "tokens", "description": "Who may use the API."},
    {"name": "hooks", "description": "Signed webhooks of others; they need no token."},
    {"name": "health", "description": "For load balancers, without a token; and for Prometheus."},
]
"""In the order in which they are read."""

_TOLD = {
    400: "The request cannot be used as it is.",
    401: "No token, or one that nobody knows.",
    403: "The token may not do this.",
    404: "There is no such thing.",
    405: "The path has other methods.",
    409: "It is not in a state for this.",
    413: "The request, or a payload in it, is too big.",
    429: "Too many in this second; `Retry-After` tells when to come again.",
    500: "Something went wrong in the server.",
    503: "Postgres is away; `Retry-After` tells when to come again.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers in which something is refused, for `responses=`."""
    return {status: {"model": Refused, "description": _TOLD[status]} for status in statuses}


EVERYWHERE = refusals(400, 401, 403, 413, 429, 503)
"""What each route below `/api` may answer."""


GUARDED = ("/api/", "/metrics")
"""Paths for which a token is needed, as soon as there is one."""

_TOKEN = {"type": "http", "scheme": "bearer", "description": "A token, made by `wf tokens create`."}


def operation_id(route: APIRoute) -> str:
    """The name of the function, which generated clients make the name of a method."""
    return route.name


def openapi(app: FastAPI) -> dict[str, Any]:
    """The API in OpenAPI: as FastAPI tells it, without its own 422, which we answer as 400."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                if "401" in operation["responses"] and path.startswith(GUARDED):
                    operation["security"] = [{"token": []}]
        schema["components"]["securitySchemes"] = {"token": _TOKEN}
        for name in ("HTTPValidationError", "ValidationError"):
            schema["components"]["schemas"].pop(name, None)
        app.openapi_schema = schema
    return app.openapi_schema
