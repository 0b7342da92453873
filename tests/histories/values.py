"""Values and an error of an author's own, as recorded instances hold them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pydantic import BaseModel


class Color(enum.Enum):
    """A value of an author's own."""

    RED = "red"


@dataclass
class Parcel:
    """Another one."""

    weight: Decimal
    color: Color


class Address(BaseModel):
    """And another one."""

    city: str
    since: datetime


class RefusedError(Exception):
    """An author's error, with a constructor of its own."""

    def __init__(self, order: int) -> None:
        super().__init__(f"order {order} refused")
        self.order = order


VALUES = {
    "parcel": Parcel(Decimal("1.50"), Color.RED),
    "address": Address(city="Köln", since=datetime(2020, 2, 29, tzinfo=UTC)),
    "bytes": b"\x00\xff",
    "set": {1, 2},
    "tuple": (1, "two", None),
    "delta": timedelta(days=1),
    "text": 'quotes " and \\ and \N{SNOWMAN}',
}
"""One of each kind that the journal keeps."""
