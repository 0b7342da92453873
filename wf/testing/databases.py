"""Databases for the tests of a session: migrated, of its own, and as if nothing had been in them.

It is imported while an embedded server is prepared: psycopg and SQLAlchemy take as long.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from wf.urls import conninfo, with_database

if TYPE_CHECKING:
    from collections.abc import Iterator

Error = psycopg.Error

_FIRST = 16_384
"""The lowest oid of a database that somebody has made; those below are of initdb."""


def migrated(url: str) -> None:
    """Bring a database to the schema of this release."""
    from wf.migrations import migrate  # noqa: PLC0415  (slow, and with prepared data not needed)

    migrate(url)


@contextmanager
def own_database(url: str, name: str) -> Iterator[str]:
    """A migrated database on a team's Postgres, and its URL; it is dropped at the end.

    Args:
        url: Of any database there.
        name: Of the one to make.
    """
    own = with_database(url, name)
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            migrated(own)
            yield own
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def set_aside(url: str) -> None:
    """Make a copy of the database `postgres` before the tests fill it."""
    with psycopg.connect(with_database(url, "template1"), autocommit=True) as connection:
        connection.execute("create database wf_kept template postgres strategy file_copy")


def put_back(url: str) -> None:
    """Have the copy, and nothing that tests have made, be the database `postgres`."""
    with psycopg.connect(with_database(url, "template1"), autocommit=True) as connection:
        made = connection.execute("select datname from pg_database where oid >= %s and datname <> 'wf_kept'", [_FIRST])
        for (name,) in (*made.fetchall(), ("postgres",)):
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'wf_kept'")
        connection.execute("alter database wf_kept rename to postgres")
