"""Where a request comes from, as far as it can be told: this machine, and the browser of which site."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


def peer(request: HTTPConnection) -> str:
    """The address of whoever sends the request; behind a proxy of WF_API_PROXIES, as that tells it."""
    return request.client.host if request.client else "unknown"


def is_local(request: HTTPConnection) -> bool:
    """Whether a request was made on this machine, for this machine.

    The peer must be on loopback, and so must be what it believes to talk to: a page of another site can have its own
    name resolved to 127.0.0.1 (DNS rebinding), but then `Host` has that name. What a proxy passes on is not local.
    """
    if any(name in request.headers for name in _FORWARDED):
        return False
    return is_loopback(peer(request)) and is_loopback(_host(request.headers.get("host", "")))


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine itself."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


def from_other_site(request: HTTPConnection) -> bool:
    """Whether a browser says that a page of another site sends this; what is no browser says nothing."""
    if "origin" in request.headers:
        return not from_own_page(request)
    return request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}


def from_own_page(request: HTTPConnection) -> bool:
    """Whether a browser says that one of our own pages sends this.

    Our pages may be https where we see http: a proxy ends TLS, and we believe only those of WF_API_PROXIES who say so.
    """
    scheme, _, host = request.headers.get("origin", "").lower().partition("://")
    return host == request.headers.get("host", "").lower() and scheme in {request.url.scheme, "https"}


@lru_cache(maxsize=256)
def _host(header: str) -> str:
    """The name or address in a `Host` header, without its port and brackets; empty if it cannot be read."""
    try:
        found = urlsplit(f"//{header}")
        return "" if found.username is not None or found.path else found.hostname or ""
    except ValueError:
        return ""
