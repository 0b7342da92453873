"""URLs as users write them, and as the drivers need them."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from wf.errors import JournalUnavailable


def database_url(url: str) -> URL:
    """The SQLAlchemy URL of a Postgres URL, always through psycopg 3.

    Raises:
        JournalUnavailable: There is no URL, or it is not one of Postgres.
    """
    if not url:
        raise JournalUnavailable("no database is configured: set WF_DATABASE_URL=postgresql://...")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # whose text may hold a password
        raise JournalUnavailable("WF_DATABASE_URL cannot be read as postgresql://user@host/database") from None
    if "@" in (parsed.host or ""):  # the driver would show this part of a password as the name of an unknown host
        raise JournalUnavailable("WF_DATABASE_URL holds two @: write %40 for the one in the password")
    if parsed.drivername.split("+")[0] not in {"postgresql", "postgres"}:
        raise JournalUnavailable(f"WF_DATABASE_URL must begin with postgresql://, not {parsed.drivername}://")
    return parsed.set(drivername="postgresql+psycopg")


def with_database(url: str, name: str) -> str:
    """The URL of another database on the same Postgres, as users write it.

    Raises:
        JournalUnavailable: As `database_url`.
    """
    return database_url(url).set(drivername="postgresql", database=name).render_as_string(hide_password=False)


def redis_url(url: str) -> str:
    """The same Redis as redis-py reads it; Celery writes Unix sockets in another way."""
    return url.replace("redis+socket://", "unix://").replace("?virtual_host=", "?db=")


def conninfo(url: str) -> str:
    """The same URL as libpq reads it.

    Raises:
        JournalUnavailable: As `database_url`.
    """
    rendered = database_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    place, mark, query = rendered.partition("?")
    # SQLAlchemy leaves blanks as they are, and writes them as + in the query; libpq knows %20 alone.
    return place.replace(" ", "%20") + mark + query.replace("+", "%20")
