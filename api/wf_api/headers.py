"""Headers that stand on every answer and tell browsers what they must not do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf_api.assets import STATIC, is_lasting

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    Pairs = list[tuple[bytes, bytes]]

_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    # Not "no-referrer": with that, browsers send "Origin: null" with the forms of our own pages.
    (b"referrer-policy", b"same-origin"),
]
_PAGE = (
    b"content-security-policy",
    b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
)
_DATA = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_NO_STORE = (b"cache-control", b"no-store")
_ASK = (b"cache-control", b"no-cache")
"""For files that browsers may keep; they ask each time whether there is a newer one."""
_KEEP = (b"cache-control", b"public, max-age=31536000, immutable")
"""For those whose address changes with them: a page is painted without asking."""
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")


class SecurityHeaders:
    """Adds them around an app; as plain ASGI, because it stands in the way of every request.

    Pages may load what is ours, and nothing inline; all else may load nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add to the head of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given: Pairs = list(message.get("headers", ()))
                message = {**message, "headers": given + _more(scope, given)}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _more(scope: Scope, given: Pairs) -> Pairs:
    is_page = any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in given)
    found = [*_ALWAYS, _PAGE if is_page else _DATA]
    given[:] = [pair for pair in given if pair[0].lower() != b"cache-control"]
    found.append(_kept(scope["path"], scope["query_string"]))
    if scope["scheme"] == "https":
        found.append(_HTTPS_ONLY)
    return found


def _kept(path: str, query: bytes) -> tuple[bytes, bytes]:
    if not path.startswith(STATIC):
        return _NO_STORE
    return _KEEP if is_lasting(path, query) else _ASK
