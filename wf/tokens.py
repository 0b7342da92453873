"""Tokens: who may use the REST API, how much, and for which workflows.

A token is 256 random bits, so its SHA-256 is all that is kept: there is nothing to guess, and neither salt nor a slow
hash would make it harder. Whoever reads the table can use none of them.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from psycopg.types.json import Jsonb

from wf import durations
from wf.errors import InvalidToken, TokenExists, TokenNotFound
from wf.sql import statements
from wf.workflow import is_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from wf.clock import Clock
    from wf.database import Database

PREFIX = "wf_"
"""What tokens begin with, so that scanners of sources and logs find one that has leaked."""

LOCAL_NAME = "local"
"""What audits call those who need no token, because none was made yet; no token is called so."""

_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.@-]{0,99}")


class Scope(IntEnum):
    """What a caller may do; each holds those before it."""

    READ = 1
    """Look."""
    WRITE = 2
    """Create instances, send events, move and remove instances."""
    ADMIN = 3
    """Settings of workflows, removal of workflows, tokens."""

    @property
    def word(self) -> str:
        """As people write it: `read`, `write` or `admin`."""
        return self.name.lower()

    @classmethod
    def of(cls, word: object) -> Self:
        """The scope that somebody has written.

        Raises:
            InvalidToken: There is none of this name.
        """
        for scope in cls:
            if word == scope.word:
                return scope
        raise InvalidToken(f"There is no scope {word!r:.120}; there are {', '.join(scope.word for scope in cls)}")


@dataclass(frozen=True)
class Token:
    """What is known of a token; not the token itself.

    Attributes:
        id: For sessions, which are bound to one token even if its name is given again.
        name: What people call it.
        scope: What it allows.
        workflows: For these workflows only; None means all.
        created_by: Who made it.
        created_at: When.
        expires_at: When it ends by itself; None means never.
        used_at: When it was last used, to the minute; None means never.
    """

    id: int
    name: str
    scope: Scope
    workflows: frozenset[str] | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None

    def describe(self) -> dict[str, Any]:
        """As REST and the command line show it."""
        return {
            "name": self.name, "scope": self.scope.word,
            "workflows": None if self.workflows is None else sorted(self.workflows), "created_by": self.created_by,
            "created_on": self.created_at, "expires_on": self.expires_at, "used_on": self.used_at,
        }  # fmt: skip


class Tokens:
    """The tokens of a journal.

    Args:
        database: Where.
        clock: Whose time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._sql = statements()

    def create(
        self,
        name: str,
        scope: Scope | str,
        workflows: Iterable[str] | None = None,
        expires_in: float | str | timedelta | None = None,
        *,
        created_by: str,
    ) -> str:
        """As `make`; gives the token alone."""
        return self.make(name, scope, workflows, expires_in, created_by=created_by)[0]

    def make(
        self,
        name: str,
        scope: Scope | str,
        workflows: Iterable[str] | None = None,
        expires_in: float | str | timedelta | None = None,
        *,
        created_by: str,
    ) -> tuple[str, Token]:
        """Make a token.

        Args:
            name: 1 to 100 letters, digits, or any of '-', '_', '.' and '@'; what audits will show.
            scope: What it allows.
            workflows: For these workflows only; None means all.
            expires_in: When it ends by itself, as seconds or text; None means never.
            created_by: Who wants it, for the audit.

        Returns:
            The token, which is nowhere else and cannot be shown again; and what is known of it.

        Raises:
            TokenExists: The name is taken.
            InvalidToken: The name, the scope, a workflow or the time cannot be used.
            JournalUnavailable: Postgres does not answer.
        """
        scope, only = _scope(scope), _workflows(workflows)
        text = PREFIX + secrets.token_urlsafe(32)
        values = {
            "name": _check_name(name), "hash": hashed(text), "scope": scope.word, "workflows": only,
            "expires_in": _lifetime(expires_in), "actor": created_by, "now": self._clock.override(),
            "detail": Jsonb({"scope": scope.word, "workflows": only}),
        }  # fmt: skip
        made = self._database.rows(self._sql["token_create"], values)
        if not made:
            raise TokenExists(name)
        return text, token_of(made[0])

    def list(self) -> list[Token]:
        """Those that have not been revoked, by name; expired ones, too.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        return [token_of(row) for row in self._database.read(self._sql["token_list"])]

    def revoke(self, name: str, *, revoked_by: str) -> None:
        """End a token, and every browser's session that began with it; its name is free again.

        Raises:
            TokenNotFound: There is none of this name.
            JournalUnavailable: Postgres does not answer.
        """
        values = {"name": name, "actor": revoked_by, "now": self._clock.override()}
        if "\0" in name or not self._database.rows(self._sql["token_revoke"], values):
            raise TokenNotFound(name)

    def find(self, text: str) -> Token | None:
        """What a token stands for; None if it is unknown, revoked or expired.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        values = {"hash": hashed(text), "now": self._clock.override()}
        rows = self._database.read(self._sql["token_find"], values)
        return token_of(rows[0]) if rows else None

    def any(self) -> bool:
        """Whether a token was ever made, which ends the life without tokens for good: revoked and expired ones count.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        return bool(self._database.read(self._sql["token_any"])[0][0])

    def any_active(self) -> bool:
        """Whether there is a token that is neither revoked nor expired.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        return bool(self._database.read(self._sql["token_any_valid"], {"now": self._clock.override()})[0][0])


def hashed(text: str) -> str:
    """What is kept of a secret: its SHA-256, as the statements take it."""
    return sha256(text.encode(errors="surrogateescape")).hexdigest()


def token_of(row: tuple[Any, ...]) -> Token:
    """A row of the statements."""
    id, name, scope, workflows, created_by, created_at, expires_at, used_at = row
    only = None if workflows is None else frozenset(workflows)
    return Token(id, name, Scope.of(scope), only, created_by, created_at, expires_at, used_at)


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidToken(
            f"The name {name!r:.120} is invalid: use 1 to 100 letters, digits, '-', '_', '.' or '@', and begin with a "
            f"letter, a digit or '_'"
        )
    if name == LOCAL_NAME:
        raise InvalidToken(f"The name {name!r} stands for callers without a token")
    return name


def _scope(scope: Scope | str) -> Scope:
    return scope if isinstance(scope, Scope) else Scope.of(scope)


def _workflows(workflows: Iterable[str] | None) -> list[str] | None:
    if workflows is None:
        return None
    found = sorted(set(workflows))
    if not found:
        raise InvalidToken("The list of workflows is empty, so the token would be for nothing; leave it out for all")
    for name in found:
        if not is_name(name):
            raise InvalidToken(f"No workflow can be called {name!r:.120}")
    return found


def _lifetime(expires_in: float | str | timedelta | None) -> float | None:
    if expires_in is None:
        return None
    try:
        found = durations.seconds(expires_in, what="expires_in")
    except ValueError as error:
        raise InvalidToken(str(error).removesuffix(".")) from None
    if not 0 < found <= _LONGEST:
        raise InvalidToken(f"expires_in {expires_in!r:.120} is not between 0 and 100 years; leave it out for ever")
    return found


_LONGEST = 100 * 31_557_600.0  # seconds; Postgres would refuse a time beyond its calendar
