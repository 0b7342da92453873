"""What is examined: settings, and connections that give up soon and change nothing."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg

from wf.attention import Attention
from wf.clock import journal_clock
from wf.database import Database
from wf.dispatch import connect
from wf.overview import Overview
from wf.sql import statements
from wf.urls import conninfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from redis import Redis

    from wf.clock import Clock
    from wf.database import Connection, Rows
    from wf.settings import Settings

STATEMENT = 1.0
"""Seconds that one statement may take."""

CONNECT = 2
"""Seconds until Postgres must have let us in; libpq knows no shorter ones."""


class Subject:
    """A deployment, as this process sees it.

    Args:
        settings: Where it is, and what it is told.
        clock: Takes the place of the database's clock, in tests.
        wall: This machine's clock.
        environ: Variables of the environment.
    """

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, wall: Callable[[], float] = time.time,
        environ: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.settings, self.wall = settings, wall
        self.environ: Mapping[str, str] = {} if environ is None else environ
        self.clock = clock or journal_clock()

    @cached_property
    def database(self) -> Database:
        """The journal, read-only, for what others of us read, too."""
        return Database(self.settings, read_only=True, timeout=STATEMENT)

    @cached_property
    def overview(self) -> Overview:
        """Knows workers, queues and the alarm."""
        return Overview(self.database, self.clock, self.settings)

    @cached_property
    def attention(self) -> Attention:
        """Knows what wants a human."""
        return Attention(self.database, self.clock, self.settings, self.overview)

    def journal(self, statement: str, **params: Any) -> Rows:
        """Ask the journal.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        return self.database.read(statements()[statement], {"now": self.clock.override(), **params})

    @contextmanager
    def postgres(self) -> Iterator[Connection]:
        """A connection that asks the server for nothing, as one of anybody; each statement is a transaction.

        Raises:
            psycopg.Error: There is none to be had.
        """
        with closing(
            psycopg.connect(
                conninfo(self.settings.database_url), connect_timeout=CONNECT, application_name="wf doctor",
                prepare_threshold=None, autocommit=True,
            )
        ) as connection:  # fmt: skip
            yield connection

    def ask(self, connection: Connection, statement: str, **params: Any) -> Rows:
        """Ask Postgres about itself. Options do not pass every pooler: the timeout is set in the transaction."""
        with connection.transaction():
            connection.execute("select set_config('statement_timeout', %s, true)", [f"{STATEMENT * 1000:.0f}"])
            return connection.execute(statements()[statement], params).fetchall()

    @contextmanager
    def redis(self) -> Iterator[Redis]:
        """A connection to Redis.

        Raises:
            BrokerUnavailable: There is no URL, or it cannot be read.
        """
        with closing(connect(self.settings)) as found:
            yield found

    def close(self) -> None:
        """Close what has been opened."""
        for name in ("overview", "database"):
            if name in vars(self):
                vars(self)[name].close()
