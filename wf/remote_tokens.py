"""The tokens behind an API, as `wf.tokens.Tokens` has them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from wf.remote_http import part
from wf.tokens import Scope, Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wf.remote_http import Http


class RemoteTokens:
    """As `wf.tokens.Tokens`; who creates or revokes one is whoever's token the API is shown.

    Args:
        http: Asks the API.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    def make(
        self, name: str, scope: str, workflows: Iterable[str] | None = None, expires_in: str | None = None, **_: object
    ) -> tuple[str, Token]:
        """As `Tokens.make`."""
        only = None if workflows is None else [*workflows]
        wish = {"name": name, "scope": scope, "workflows": only, "expires_in": expires_in}
        made = self._http.send("POST", "/tokens", json=wish)
        return made["token"], _token(made)

    def list(self) -> list[Token]:
        """As `Tokens.list`."""
        return [_token(told) for told in self._http.get("/tokens")]

    def revoke(self, name: str, **_: object) -> None:
        """As `Tokens.revoke`."""
        self._http.send("DELETE", f"/tokens/{part(name)}")


def _token(told: Mapping[str, Any]) -> Token:
    """What `Token.describe` has told, but for its number, which is nobody's business."""
    created, expires, used = (
        None if told[name] is None else datetime.fromisoformat(told[name])
        for name in ("created_on", "expires_on", "used_on")
    )
    assert created is not None
    only = None if told["workflows"] is None else frozenset(told["workflows"])
    return Token(0, told["name"], Scope.of(told["scope"]), only, told["created_by"], created, expires, used)
