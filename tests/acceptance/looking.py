"""Looks into the database of a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from wf import Settings


def look(settings: Settings, query: str, **params: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement, which is committed."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        cursor = connection.execute(query.encode(), params or None)
        return cursor.fetchall() if cursor.description else []
