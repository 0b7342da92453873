"""A database for each test, cloned from one that was migrated once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString, Self
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator


class Databases:
    """Makes databases on one server; each costs some 15 ms. Not for several threads."""

    def __init__(self, server_url: str) -> None:
        """Use a server.

        Args:
            server_url: URL of a database in which we may run `create database`.
        """
        self._server_url = server_url
        self._done: list[str] = []
        self._connection: psycopg.Connection[Any] | None = None

    def url(self, name: str) -> str:
        """The URL of another database on the server."""
        return urlunsplit(urlsplit(self._server_url)._replace(path=f"/{name}"))

    @contextmanager
    def clone(self, template: str) -> Iterator[str]:
        """Make a copy of a database to which nobody is connected; gives its URL."""
        name = f"wf_{uuid4().hex}"
        self._run("create database {} template {} strategy file_copy", name, template)
        try:
            yield self.url(name)
        finally:
            self.drop()
            self._done.append(name)  # dropped by the next one: its connections, just closed, still take 100 ms to go

    def create(self) -> str:
        """Make an empty database; gives its name."""
        name = f"wf_{uuid4().hex}"
        self._run("create database {}", name)
        return name

    def drop(self, *names: str) -> None:
        """Drop databases, and those of earlier tests."""
        for name in [*self._done, *names]:
            self._run("drop database {} with (force)", name)
        self._done.clear()

    def _run(self, statement: LiteralString, *names: str) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._server_url, autocommit=True)
        self._connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
