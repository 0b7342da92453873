"""Requests that say of themselves that they are too big."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from wf_api.envelope import refused
from wf_api.problems import BodyTooLarge, problem_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class LengthLimit:
    """Refuses them before anybody looks at them.

    FastAPI's own limit counts what comes without a length, and leaves the answer to us; to a length that is too much it
    answers in plain text, whatever we say.

    Args:
        app: What is guarded.
        limit: Bytes of a body.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102
        length = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        if length.isdecimal() and int(length) > self._limit:
            await refused(problem_of(too_large(self._limit)))(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def too_large(limit: int) -> BodyTooLarge:
    """The error for a body of more than so many bytes."""
    return BodyTooLarge(f"The request has more than {limit:,} bytes (WF_API_MAX_BODY).")
