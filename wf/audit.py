"""The audit: who did what to which instance, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.answers import Answer, Page
from wf.listing import KEY_MAX, PAGE
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Collection

    from wf.database import Database


LOOK = 100_000
"""Entries that one page is looked for among: the audit is kept for ever, and filters have no index."""


class Audit:
    """Reads the audit; whoever acts writes it, in the commit of the act.

    Args:
        database: Where.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._sql = database, statements()

    def list(
        self,
        *,
        workflow: str | None = None,
        instance: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        only: Collection[str] | None = None,
        cursor: int | None = None,
        limit: int = PAGE,
    ) -> Page:
        """A page of entries, newest first.

        Args:
            workflow: Only those about this workflow.
            instance: Only those about instances of this id.
            actor: Only those of somebody, such as `api:ci`.
            action: Only those of one kind, such as `terminate`.
            only: Only those about these workflows; None for all.
            cursor: The `cursor` of the page before.
            limit: Entries on a page.

        Returns:
            The page, which may have fewer entries, or none, and a cursor to go on: `LOOK` entries are looked at, at
            most, unless the list is about one instance.
        """
        values = {
            "workflow": workflow, "instance": instance, "actor": actor, "action": action,
            "only": None if only is None else sorted(only), "before": KEY_MAX if cursor is None else cursor,
            "limit": limit + 1,
        }  # fmt: skip
        about = workflow is not None and instance is not None
        floor = 0 if about else self._floor(values)
        rows = self._database.read(self._sql["audit_about" if about else "audit_list"], values | {"floor": floor})
        names = ("id", "actor", "action", "workflow", "instance", "detail", "at")
        entries = [Answer(zip(names, row, strict=True)) for row in rows[:limit]]
        end = entries[-1].id if len(rows) > limit else floor
        return Page(entries, str(end) if end else None)

    def _floor(self, values: dict[str, Any]) -> int:
        """The key of the oldest entry that is looked at; 0 if that may be all of them."""
        rows = self._database.read(self._sql["audit_floor"], values | {"look": LOOK})
        floor: int = rows[0][0] if rows else 0
        return floor
