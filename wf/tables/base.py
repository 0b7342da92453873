"""What all tables share."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, text

SCHEMA = "wf"

metadata = MetaData(schema=SCHEMA)

_NOW = text("now()")


def moment(name: str, *, required: bool = False) -> Column[object]:
    """A column of times; a required one has the database's now by default."""
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=_NOW if required else None)
