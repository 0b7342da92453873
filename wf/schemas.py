"""JSON schemas of payloads, as workers have told them: for forms, and for processes that do not know the classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.database import Database


class Declared(NamedTuple):
    """What the class of a version declares of payloads.

    Attributes:
        version: The version.
        params: The schema of its params; None if there is no model.
        events: Those of the payloads of its events, by type.
    """

    version: str
    params: dict[str, Any] | None
    events: Mapping[str, dict[str, Any]]


def declared(database: Database, workflow: str, version: str | None = None) -> Declared | None:
    """What a version declares of payloads; None if no worker has registered it.

    Args:
        database: Where.
        workflow: The workflow.
        version: None for the one that a new instance gets.
    """
    rows = database.read(statements()["version_schemas"], {"workflow": workflow, "version": version})
    return Declared(*rows[0]) if rows else None
