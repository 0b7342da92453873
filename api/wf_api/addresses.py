"""Addresses of pages that a request names: to follow them, or to go there after a login. Only ours are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import quote, urlencode

import httpx
from starlette.routing import Match

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

LOGIN = "/login"

LONGEST = 2000
"""Characters of an address that is taken."""

_NOT_PASSED = {"accept", "accept-encoding", "connection", "last-event-id"}


class Address(NamedTuple):
    """Where a page is.

    Attributes:
        target: Path and query, as they are asked for.
        params: The parts of the path.
    """

    target: str
    params: Mapping[str, str]


class Sender(NamedTuple):
    """All of a request that decides what its sender gets to see of a page.

    Attributes:
        scheme: http or https.
        host: The address of the sender.
        headers: What they have sent, without what concerns this one connection.
    """

    scheme: str
    host: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, request: Request) -> Self:
        """Who has sent a request."""
        headers = tuple(pair for pair in request.headers.items() if pair[0] not in _NOT_PASSED)
        return cls(request.url.scheme, request.client.host if request.client else "unknown", headers)


def page_at(request: Request, target: str) -> Address | None:
    """The page of this path and query, if it is one of ours that somebody can look at.

    The routes are asked, and for the path as it arrives there: what a text looks like says little, because `%6c` is
    another way to write `l`, and `/x/..` leads nowhere.
    """
    if not target.startswith("/") or len(target) > LONGEST:
        return None
    try:
        url = httpx.URL(f"http://wf{target}")
    except httpx.InvalidURL:
        return None
    if not url.path.isprintable():  # no name or id is like that, and the journal would refuse to look for it
        return None
    scope = {"type": "http", "method": "GET", "path": url.path, "headers": []}
    for route in request.app.state.pages:
        match, found = route.matches(scope)
        if match is Match.FULL:
            return Address(url.raw_path.decode(), found["path_params"])
    return None


def login_at(request: Request) -> str:
    """The login that leads back to the page that was asked for."""
    here = page_at(request, quote(request.url.path) + (f"?{request.url.query}" if request.url.query else ""))
    return LOGIN if here is None or here.target == "/" else f"{LOGIN}?{urlencode({'next': here.target})}"
