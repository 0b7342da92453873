"""Requests that nobody should have to look at: too big ones, and those with a NUL in their URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from wf_api.problems import BodyTooLarge, InvalidRequest, Refusal, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from wf.http import Problem


class Gate:
    """Refuses them before anybody looks at them; what comes without a length is counted while it is read.

    As plain ASGI, because it stands in the way of every request. FastAPI has a limit of bodies of its own, which costs
    three layers more and answers in plain text.

    Args:
        app: What is guarded.
        limit: Bytes of a body.
        told: The answer to a request that is refused.
    """

    def __init__(self, app: ASGIApp, limit: int, told: Callable[[Request, Problem], ASGIApp]) -> None:
        self._app, self._limit, self._told = app, limit, told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif (fault := self._fault(scope)) is not None:
            await self._told(Request(scope), problem_of(fault))(scope, receive, send)
        else:
            await self._app(scope, self._counted(receive), send)

    def _fault(self, scope: Scope) -> Refusal | None:
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            return InvalidRequest("There is a NUL (%00) in the URL; no name and no id has one.")
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        return self._too_large() if length.isdigit() and int(length) > self._limit else None

    def _counted(self, receive: Receive) -> Receive:
        got = 0

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > self._limit:
                raise self._too_large()
            return message

        return counted

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The request has more than {self._limit:,} bytes (WF_API_MAX_BODY).")
