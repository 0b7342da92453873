"""The door: who sends a request. A token in the `Authorization` header, a browser's session, or nobody in particular.

**Until a token is made**, whoever works on this machine is let in as `local` and may do everything, so that `wf dev`
needs no setup: the peer and the `Host` header must be loopback, no proxy may stand between, and a page of another site
may change nothing. From then on every request needs one, also when the last has expired or was revoked: the end of a
right must not give more of it. The way back in is `wf tokens create`, which asks the journal itself.

What the journal says about a token is believed for `TRUST` seconds, so that a request costs no round trip more: a token
that another process has revoked, and the life without tokens after the first one was made elsewhere, last so much
longer.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from starlette.concurrency import run_in_threadpool

from wf.tokens import LOCAL_NAME, Scope, Token, Tokens, hashed
from wf_api.inside import is_inside
from wf_api.origins import SAFE, from_other_site, from_own_page, is_local, peer
from wf_api.problems import Forbidden, Unauthenticated
from wf_api.sessions import COOKIE

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from wf.clock import Clock
    from wf_api.limits import Limits
    from wf_api.sessions import Session, Sessions

TRUST = 2.0
"""Seconds for which an answer of the journal is believed."""

CSRF_HEADER, CSRF_FIELD = "x-csrf-token", "csrf"

BIG = 2**31
"""Bytes of one field of a form: how many the whole may have, `wf_api.bodies` has seen to."""

_KEPT = 1000  # tokens and sessions that are remembered
_FIRST = "Create a token: wf tokens create NAME --scope admin"
_ASK = "Send a token: `Authorization: Bearer wf_...`, or log in at /login."
_UNKNOWN = (
    "Nobody knows this token: it is misspelt, has expired, or was revoked. `wf tokens list` shows those there are."
)

Found = TypeVar("Found")


@dataclass(frozen=True)
class Principal:
    """Somebody who has shown who they are.

    Attributes:
        name: For the audit.
        scope: What they may do.
        workflows: To these workflows only; None means all.
        csrf: What the forms of their pages must send along; None for whoever has not logged in with a browser.
    """

    name: str
    scope: Scope
    workflows: frozenset[str] | None = None
    csrf: str | None = None


LOCAL = Principal(LOCAL_NAME, Scope.ADMIN)
"""Whoever works on this machine until a token is made."""


class Door:
    """Knows who sends a request.

    Args:
        tokens: The journal's tokens.
        sessions: The browsers that are logged in.
        limits: Counts what nobody knows.
        clock: Whose time.
    """

    def __init__(self, tokens: Tokens, sessions: Sessions, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._tokens = _Remembered(tokens.find, clock)
        self._sessions = _Remembered(sessions.find, clock)
        self._any = _Remembered(lambda _: tokens.any() or None, clock, also_none=True)

    async def enter(self, request: Request) -> Principal:
        """Who sends a request.

        Raises:
            Unauthenticated: Nobody knows them.
            Forbidden: A page of another site sends it, or a form of ours that is too old.
            TooManyRequests: They have asked too often, or tried too many tokens.
            JournalUnavailable: Postgres does not answer.
        """
        try:
            principal = await self.known(request)
        except Unauthenticated:
            self.count(request)
            raise
        if is_inside(request.scope):
            return principal
        if principal is LOCAL:
            self.count(request)
        else:
            self._limits.take(f"token {principal.name}")
        return principal

    def count(self, request: Request) -> None:
        """Count a request of somebody of whom only the address is known; once, however often this is called for it.

        Raises:
            TooManyRequests: There were too many from there.
        """
        if not getattr(request.state, "counted", False):
            self._limits.take(f"address {peer(request)}")
            request.state.counted = True

    async def find_token(self, text: str, request: Request) -> Token:
        """What a token that a request shows stands for.

        A good token is good wherever it comes from: behind a proxy, all the world may have one address. So that its
        lookups have an end, an address that tries too many is counted before each of a token that is not remembered.

        Raises:
            Unauthenticated: Nobody knows it.
            TooManyRequests: Nobody knows it, and its address has tried too many; or asks too often.
        """
        address = peer(request)
        if not self._tokens.remembers(text) and self._limits.distrusts(address):
            self.count(request)
        found = await self._tokens.find(text)
        if found is None:
            self._limits.failed(address)
            raise Unauthenticated(_UNKNOWN)
        return found

    async def is_open(self) -> bool:
        """Whether no token was ever made."""
        return await self._any.find("") is None

    def forget(self) -> None:
        """Believe nothing any more, because tokens or sessions have just been changed here; from any thread."""
        for remembered in (self._tokens, self._sessions, self._any):
            remembered.expire()

    async def known(self, request: Request) -> Principal:
        """As `enter`, without counting a request of somebody who is known: for answers that last longer than a token.

        Raises:
            Unauthenticated: Nobody knows them, or nobody does any more.
            Forbidden: A page of another site sends it, or a form of ours that is too old.
            TooManyRequests: They are not known, and have asked too often, or tried too many tokens.
            JournalUnavailable: Postgres does not answer.
        """
        if (header := request.headers.get("authorization")) is not None:
            scheme, _, text = header.partition(" ")
            if scheme.lower() != "bearer":
                raise Unauthenticated(_ASK)
            return _of_token(await self.find_token(text.strip(), request))
        if (cookie := request.cookies.get(COOKIE)) and (session := await self._find_session(cookie, request)):
            if request.method not in SAFE:
                await _check_form(request, session)
            return replace(_of_token(session.token), csrf=session.csrf)
        if not await self.is_open():
            raise Unauthenticated(_ASK)
        if not is_local(request):
            raise Unauthenticated(f"Without any token the API serves its own machine only. {_FIRST}")
        if request.method not in SAFE and from_other_site(request):
            raise Forbidden("A page of another site may change nothing here.")
        return LOCAL

    async def _find_session(self, cookie: str, request: Request) -> Session | None:
        if not self._sessions.remembers(cookie):
            self.count(request)  # before the lookup, because anybody can make up a cookie
        return await self._sessions.find(cookie)


def _of_token(token: Token) -> Principal:
    return Principal(token.name, token.scope, token.workflows)


async def _check_form(request: Request, session: Session) -> None:
    """Refuse what a browser may have been tricked into: a cookie is sent along whoever asks for it."""
    if not from_own_page(request):
        raise Forbidden("With the cookie of a login, only our own pages may change something. Programs send a token.")
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        given = str((await request.form(max_part_size=BIG)).get(CSRF_FIELD, ""))
    if not same(given or "", session.csrf):
        raise Forbidden("X-CSRF-Token, or the field csrf of a form, is not that of this login. Load the page again.")


def same(given: str, wanted: str) -> bool:
    """Whether two secrets are the same; takes as long whatever they have in common."""
    return secrets.compare_digest(given.encode(errors="surrogateescape"), wanted.encode())


class _Remembered(Generic[Found]):
    """What a lookup has found, for a while. Keyed by hash: no secret stays in memory.

    An answer is of the generation that was when the lookup began: one that was on its way when everything expired is
    not believed either. The answers themselves are touched on the event loop only.

    Args:
        look: The lookup; None means that there is nothing.
        clock: Whose time.
        also_none: Whether that there is nothing is remembered, too; else a token works as soon as it is made.
    """

    def __init__(self, look: Callable[[str], Found | None], clock: Clock, *, also_none: bool = False) -> None:
        self._look, self._clock, self._also_none = look, clock, also_none
        self._known: OrderedDict[str, tuple[Found | None, float, object]] = OrderedDict()
        self._looking: dict[tuple[str, object], asyncio.Task[Found | None]] = {}
        self._generation = object()

    def remembers(self, secret: str) -> bool:
        """Whether it was found before, however long ago."""
        return hashed(secret) in self._known

    async def find(self, secret: str) -> Found | None:
        """What the lookup finds, or has found a moment ago; one lookup for all who ask meanwhile."""
        key, generation = hashed(secret), self._generation
        found, at, of = self._known.get(key, (None, 0.0, None))
        if of is generation and 0 <= self._clock.now() - at < TRUST:  # the wall clock may have been set back
            return found
        if (looking := self._looking.get((key, generation))) is None:
            looking = asyncio.create_task(self._look_up(secret, key, generation))
            self._looking[key, generation] = looking
        return await asyncio.shield(looking)  # whoever stops waiting leaves it to the others

    async def _look_up(self, secret: str, key: str, generation: object) -> Found | None:
        now = self._clock.now()
        try:
            found = await run_in_threadpool(self._look, secret)
        finally:
            del self._looking[key, generation]
        if found is not None or self._also_none:
            self._known[key] = found, now, generation
            self._known.move_to_end(key)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        else:
            self._known.pop(key, None)
        return found

    def expire(self) -> None:
        """Believe nothing of what is remembered, nor of what is being looked up now."""
        self._generation = object()
