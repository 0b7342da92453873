"""A model with every kind of field, and its form as a browser has it: rendered, read back, and sent."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID  # noqa: TC003  # pydantic reads it

from pydantic import BaseModel, Field

from wf_api.forms import fields
from wf_api.pages import render

if TYPE_CHECKING:
    from jinja2 import Template

    from wf_api import forms


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Address(BaseModel):
    street: str = Field(description="With the number.")
    zip: int | None = None


class Node(BaseModel):
    name: str
    next: Node | None = None


class Loop(BaseModel):
    name: str
    inner: Loop


class Everything(BaseModel):
    """One of each."""

    name: str = Field(description="As on the door.", title="Your name")
    nick: str | None = None
    greeting: str = "hello"
    count: int = Field(ge=1, le=9)
    maybe: int | None = None
    ratio: float = 0.5
    price: Decimal = Decimal("1.10")
    agreed: bool
    loud: bool = True
    unsure: bool | None = None
    colour: Colour
    level: Level = Level.LOW
    word: Literal["yes", "no", 7] = "no"
    only: Literal["one"]
    day: date | None = None
    at: datetime
    span: timedelta = timedelta(minutes=2)
    id: UUID | None = None
    tags: list[str] = []
    numbers: list[int]
    pair: tuple[int, str] = (1, "a")
    address: Address
    other: Address | None = None
    node: Node
    extra: dict[str, int] = {}
    anything: Any = None
    either: int | list[str] = 3


GOOD: dict[str, Any] = {
    "name": "Ada", "count": 3, "agreed": True, "colour": "blue", "only": "one", "at": "2026-01-02T03:04:05Z",
    "numbers": [1, 2], "address": {"street": "Main 1"}, "node": {"name": "a", "next": {"name": "b"}},
}  # fmt: skip


class Inputs(HTMLParser):
    """What a browser makes of a form: every element, and what it would send."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sent: dict[str, str] = {}
        self.text = ""
        self._area, self._select = "", ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        name, value = found.get("name") or "", found.get("value") or ""
        if tag == "input" and (found["type"] != "checkbox" or "checked" in found):
            self.sent[name] = value
        if tag == "textarea":
            self._area, self.sent[name] = name, ""
        if tag == "select":
            self._select = name
        if tag == "option" and ("selected" in found or self._select not in self.sent):
            self.sent[self._select] = value

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._area:
            first = not self.sent[self._area]  # HTML forgets a line break at the beginning of a text area
            self.sent[self._area] += data.removeprefix("\n") if first else data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.sent[self._area] = self.sent[self._area].replace("\n", "\r\n")  # as browsers send it
            self._area = ""


@cache
def template() -> Template:
    return render._templates().from_string('{% from "_fields.html" import inputs %}{{ inputs(listed) }}')


def rendered(listed: list[forms.Field]) -> str:
    return template().render(listed=listed)


def sent(schema: Any, *values: Any) -> dict[str, str]:
    """What a browser sends of a form that nobody has changed."""
    return Inputs(rendered(fields(schema, *values))).sent


def by_name(listed: list[forms.Field]) -> dict[str, forms.Field]:
    found = {}
    for one in listed:
        found[one.name] = one
        found |= by_name(list(one.fields))
    return found


SCHEMA = Everything.model_json_schema()
