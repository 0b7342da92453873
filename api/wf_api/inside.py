"""Requests that the API sends to itself: a page is made again for those who follow it.

They take the way of every request, rights and all, but nobody has sent them: they count neither against the rate of a
caller nor in the metrics. The mark stands in the scope, where nobody outside can write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from wf_api.addresses import Sender

_MARK = "wf.inside"


def is_inside(scope: Mapping[str, Any]) -> bool:
    """Whether the API has sent this request to itself."""
    return _MARK in scope


async def ask(app: ASGIApp, target: str, sender: Sender) -> httpx.Response:
    """The page that this sender would get now.

    Args:
        app: The app.
        target: Path and query, as `wf_api.addresses` gives them.
        sender: In whose name.
    """

    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, _MARK: True}, receive, send)

    transport = httpx.ASGITransport(marked, raise_app_exceptions=False, client=(sender.host, 0))
    headers = [*sender.headers, ("accept", "text/html")]
    request = httpx.Request("GET", f"{sender.scheme}://wf{target}", headers=headers)
    answer = await transport.handle_async_request(request)  # a client of httpx costs as much as a small page
    await answer.aread()
    return answer
