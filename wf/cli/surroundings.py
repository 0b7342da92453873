"""Where the commands find their servers: the environment, else what `wf dev` of this folder has written down.

WF_API_URL goes before all of that: then commands that look or act ask the API, and need no servers.
"""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

import click

from wf.errors import JournalBusy, JournalRefused, JournalUnavailable, WfError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.answers import Answer
    from wf.attention import Attention
    from wf.catalog import Catalog
    from wf.client import Client
    from wf.overview import Overview
    from wf.remote import RemoteAttention, RemoteCatalog, RemoteClient, RemoteOverview
    from wf.settings import Settings

SESSION = Path(".wf/env")
"""Written by `wf dev`, for as long as it runs."""

URLS = ("WF_DATABASE_URL", "WF_REDIS_URL")

AGAIN = 0.5
"""Seconds until a command that only looks tries once more to reach Postgres."""


class NotConfigured(WfError):
    """Nobody has said where Postgres or Redis is."""

    code = "settings.not_configured"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not set. Set it, or start `wf dev` in this folder.")


class SessionGone(WfError):
    """The servers of `wf dev` do not answer any more."""

    code = "dev.session_gone"


def adopt_session() -> bool:
    """Take the URLs of `wf dev` in this folder, unless the environment names other servers than it uses.

    Returns:
        Whether its URLs were taken.
    """
    if not SESSION.is_file():
        return False
    written = dict(word.partition("=")[::2] for word in shlex.split(SESSION.read_text(), comments=True) if "=" in word)
    given = {name: os.environ[name] for name in URLS if os.environ.get(name)}
    if len(given) == len(URLS) or any(written.get(name) != url for name, url in given.items()):
        return False
    os.environ.update({name: written.get(name, "") for name in URLS})
    return True


@contextmanager
def settings(*, redis: bool = True, schema: bool = True, tries: int = 1) -> Iterator[Settings]:
    """The settings of a command that uses the servers.

    Args:
        redis: Whether it needs Redis.
        schema: Whether the journal's schema must fit.
        tries: How often to look for Postgres, which may just be starting.

    Raises:
        NotConfigured: A URL is missing.
        BrokerUnavailable: The URL of Redis cannot be read.
        SessionGone: `wf dev` was killed and its servers are gone.
        SchemaMismatch: The schema is missing, older or newer.
        JournalUnavailable: Postgres does not answer.
    """
    from wf.dispatch import connect  # noqa: PLC0415  (slow)
    from wf.migrations import check  # noqa: PLC0415
    from wf.settings import Settings  # noqa: PLC0415

    adopted = adopt_session()
    found = Settings()
    if not found.database_url:
        raise NotConfigured("WF_DATABASE_URL")
    if redis and not found.redis_url:
        raise NotConfigured("WF_REDIS_URL")
    if redis:
        connect(found).close()  # only reads the URL; Redis itself may be down
    try:
        if schema:
            _patiently(partial(check, found.database_url), tries)
        yield found
    except JournalUnavailable as error:
        if adopted and not isinstance(error, JournalBusy | JournalRefused):
            raise SessionGone(
                f"The Postgres of `wf dev` does not answer ({error.reason}). Start `wf dev` again, or remove {SESSION}."
            ) from error
        raise


def _patiently(look: Callable[[], object], tries: int) -> None:
    """Look once more after a while, and again, if Postgres does not answer."""
    for left in reversed(range(tries)):
        try:
            look()
            return
        except JournalUnavailable as error:
            if not left or isinstance(error, JournalBusy | JournalRefused):
                raise
            sleep(AGAIN)


def patient(look: Callable[[], Answer]) -> Callable[[], Answer]:
    """A look that outlives an outage: it says once that it waits, and goes on. Ctrl-C ends the waiting."""

    def again() -> Answer:
        said = False
        while True:
            try:
                return look()
            except JournalUnavailable as error:
                if not said:
                    click.echo(f"wf: {error} Looking again until it is back.", err=True)
                said = True
                sleep(AGAIN)

    return again


@contextmanager
def open_catalog() -> Iterator[Catalog | RemoteCatalog]:
    """The journal, for commands that only look; they need no Redis. Raises what `settings` raises."""
    if (there := remote()) is not None:
        with there:
            yield there.catalog
        return
    from wf.catalog import Catalog  # noqa: PLC0415  (slow)
    from wf.clock import DatabaseClock  # noqa: PLC0415
    from wf.database import Database  # noqa: PLC0415

    with settings(redis=False, tries=3) as found:
        database = Database(found)
        try:
            yield Catalog(database, DatabaseClock())
        finally:
            database.close()


@contextmanager
def open_overview() -> Iterator[Overview | RemoteOverview]:
    """What goes on now; also without Redis. Raises what `settings` raises."""
    if (there := remote()) is not None:
        with there:
            yield there.overview
        return
    from wf.clock import DatabaseClock  # noqa: PLC0415  (slow)
    from wf.database import Database  # noqa: PLC0415
    from wf.overview import Overview  # noqa: PLC0415

    with settings(redis=False, tries=3) as found:
        database = Database(found)
        overview = Overview(database, DatabaseClock(), found)
        try:
            yield overview
        finally:
            overview.close()
            database.close()


@contextmanager
def open_attention() -> Iterator[Attention | RemoteAttention]:
    """What wants a human; also without Redis. Raises what `settings` raises."""
    if (there := remote()) is not None:
        with there:
            yield there.attention
        return
    from wf.attention import Attention  # noqa: PLC0415  (slow)
    from wf.clock import DatabaseClock  # noqa: PLC0415
    from wf.database import Database  # noqa: PLC0415
    from wf.overview import Overview  # noqa: PLC0415

    with settings(redis=False, tries=3) as found:
        database, clock = Database(found), DatabaseClock()
        overview = Overview(database, clock, found)
        try:
            yield Attention(database, clock, found, overview)
        finally:
            overview.close()
            database.close()


@contextmanager
def open_client() -> Iterator[Client | RemoteClient]:
    """A client; what it logs goes to standard error. Raises what `settings` raises."""
    if (there := remote()) is not None:
        with there:
            yield there
        return
    import structlog  # noqa: PLC0415  (slow)

    from wf.client import Client  # noqa: PLC0415

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    with settings() as found, Client(settings=found, actor="cli") as client:
        yield client


def remote() -> RemoteClient | None:
    """A client of the API at WF_API_URL, if that is set."""
    if not os.environ.get("WF_API_URL"):
        return None
    from wf.remote import RemoteClient  # noqa: PLC0415  (slow)
    from wf.settings import Settings  # noqa: PLC0415

    return RemoteClient(Settings())
