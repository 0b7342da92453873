"""Browsers that are logged in: a random cookie, bound to the token that was pasted into the form."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from wf.sql import statements
from wf.tokens import Token, hashed, token_of

if TYPE_CHECKING:
    from wf.clock import Clock
    from wf.database import Database

COOKIE = "wf_session"


class Session(NamedTuple):
    """A browser's session.

    Attributes:
        token: With whose rights it acts.
        csrf: What its requests must send along to change something.
    """

    token: Token
    csrf: str


class Sessions:
    """The sessions of a journal. A session ends with its time, with its token, or when its browser logs out.

    Args:
        database: Where.
        clock: Whose time.
        ttl: Seconds until a session ends.
    """

    def __init__(self, database: Database, clock: Clock, ttl: float) -> None:
        self._database, self._clock, self.ttl = database, clock, ttl
        self._sql = statements()

    def create(self, token: Token) -> str:
        """Log a browser in, and remove the sessions whose time is over; gives its cookie."""
        cookie = secrets.token_urlsafe(32)
        values = {
            "hash": hashed(cookie), "token": token.id, "csrf": secrets.token_urlsafe(32), "ttl": self.ttl,
            "now": self._clock.override(),
        }  # fmt: skip
        self._database.rows(self._sql["session_create"], values)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie; None if it has ended, or its token has."""
        rows = self._database.read(self._sql["session_find"], {"hash": hashed(cookie), "now": self._clock.override()})
        return Session(token_of(rows[0][:-1]), rows[0][-1]) if rows else None

    def delete(self, cookie: str) -> None:
        """Log a browser out."""
        self._database.rows(self._sql["session_delete"], {"hash": hashed(cookie)})
