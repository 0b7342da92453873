"""Forms out of JSON schemas: what they show for a payload they read as that payload; and nothing in them is markup."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, create_model

from wf.errors import InvalidPayload
from wf.params import json_schema
from wf_api.filled import Read, faults_of, read_form
from wf_api.forms import fields, misplaced, untouched
from wf_api.pages import render
from wf_api.shapes import Kind

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


def test_each_value_has_its_input() -> None:
    """By its type; what has none of its own is JSON."""
    kinds = {name.split("/")[-1]: field.kind for name, field in by_name(fields(SCHEMA)).items()}
    assert kinds == {
        "name": Kind.TEXT, "nick": Kind.TEXT, "greeting": Kind.TEXT, "count": Kind.INTEGER, "maybe": Kind.INTEGER,
        "ratio": Kind.NUMBER, "price": Kind.TEXT, "agreed": Kind.CHECKBOX, "loud": Kind.CHECKBOX,
        "unsure": Kind.SELECT, "colour": Kind.SELECT, "level": Kind.SELECT, "word": Kind.SELECT, "only": Kind.SELECT,
        "day": Kind.DATE, "at": Kind.DATETIME, "span": Kind.TEXT, "id": Kind.TEXT, "tags": Kind.LINES,
        "numbers": Kind.LINES, "pair": Kind.JSON, "address": Kind.FIELDSET, "street": Kind.TEXT, "zip": Kind.INTEGER,
        "other": Kind.JSON, "node": Kind.FIELDSET, "next": Kind.JSON, "extra": Kind.JSON, "anything": Kind.JSON,
        "either": Kind.JSON,
    }  # fmt: skip


def test_inputs_say_what_they_are_for() -> None:
    """Label, help, bounds, whether they must be filled in; defaults stand in them; a choice may be empty."""
    found = by_name(fields(SCHEMA))
    name = found["payload/name"]
    assert (name.label, name.help, name.required, name.value) == ("Your name", "As on the door.", True, "")
    assert (found["payload/count"].least, found["payload/count"].most) == (1, 9)
    assert [found[f"payload/{key}"].required for key in ("nick", "greeting", "agreed", "numbers")] == [False] * 4
    assert (found["payload/greeting"].value, found["payload/loud"].checked) == ("hello", True)
    options = {key: [one.value for one in found[f"payload/{key}"].options] for key in ("colour", "level", "only")}
    assert options == {"colour": ["", '"red"', '"blue"'], "level": ["", "1", "2"], "only": ["", '"one"']}
    assert [one.label for one in found["payload/word"].options if one.selected] == ["no"]
    assert [one.value for one in found["payload/unsure"].options] == ["", "true", "false"]
    assert json.loads(found["json:payload/pair"].value) == [1, "a"]


def test_a_form_that_is_filled_in_gives_a_payload() -> None:
    """Empty inputs are null where that may be, and not there otherwise; the model takes it."""
    filled = {
        "payload/name": " Ada ", "payload/count": " 3 ", "payload/maybe": "", "payload/ratio": "1e3",
        "payload/price": "2", "payload/agreed": "on", "payload/unsure": "false", "payload/colour": '"blue"',
        "payload/word": "7", "payload/only": '"one"', "payload/day": "2026-01-02", "payload/at": "2026-01-02T03:04",
        "payload/tags": "a\r\n\r\n b \r\n", "payload/numbers": "1\r\n-2", "payload/address/street": "Main 1",
        "payload/node/name": "a", "json:payload/node/next": '{"name": "b"}', "json:payload/extra": "",
        "json:payload/either": '["x"]', "csrf": "of another part",
    }  # fmt: skip
    read = read_form(SCHEMA, filled)
    assert read.faults == {}
    assert read.payload == {
        "name": " Ada ", "nick": None, "count": 3, "maybe": None, "ratio": 1000.0, "price": "2", "agreed": True,
        "loud": False, "unsure": False, "colour": "blue", "word": 7, "only": "one", "day": "2026-01-02",
        "at": "2026-01-02T03:04:00Z", "id": None, "tags": ["a", "b"], "numbers": [1, -2],
        "address": {"street": "Main 1", "zip": None}, "other": None, "node": {"name": "a", "next": {"name": "b"}},
        "either": ["x"],
    }  # fmt: skip
    assert Everything.model_validate(read.payload).at == datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


FAULTY: list[tuple[str, str, str]] = [
    ("payload/name", "", "Fill this in."),
    ("payload/count", "three", "This is no whole number."),
    ("payload/count", "1.5", "This is no whole number."),
    ("payload/count", "", "Fill this in."),
    ("payload/ratio", "nan", "This is no number."),
    ("payload/ratio", "1e999", "This is no number."),
    ("payload/colour", '"green"', "Choose one of these."),
    ("payload/colour", "", "Fill this in."),
    ("payload/numbers", "1\r\ntwo", "This is no whole number."),
    ("payload/address/street", "", "Fill this in."),
    ("json:payload/extra", "{", "This is no JSON: Expecting property name enclosed in double quotes"),
    ("json:payload/extra", "[NaN]", "This is no JSON: NaN is no number in JSON"),
    ("json:payload/either", "[" * 100_000, "It is nested too deeply."),
]


@pytest.mark.parametrize(("name", "text", "message"), FAULTY, ids=lambda value: value[:30])
def test_what_cannot_be_read_is_told_and_shown_again(name: str, text: str, message: str) -> None:
    """Beside its input, with what was typed; all else is read."""
    filled = sent(SCHEMA, GOOD) | {name: text}
    read = read_form(SCHEMA, filled)
    assert list(read.faults) == [name.removeprefix("json:")]
    assert read.faults[name.removeprefix("json:")].startswith(message)
    shown = by_name(fields(SCHEMA, faults=read.faults, typed=filled))
    assert shown[name].fault.startswith(message)
    assert [one.name for one in shown.values() if one.fault] == [name]
    if shown[name].kind is not Kind.SELECT:
        assert shown[name].value == text
    assert read.payload["only"] == "one"


def test_what_was_typed_is_shown_again_as_it_was() -> None:
    """Whatever it was: an unchecked box, an emptied default, JSON in the place of fields."""
    filled = sent(SCHEMA, GOOD)
    del filled["payload/loud"]
    filled |= {"payload/greeting": "", "json:payload/address": '{"street": 1}'}
    again = Inputs(rendered(fields(SCHEMA, typed=filled))).sent
    changed = {
        key: text for key, text in again.items() if filled.get(key, "").replace("\r", "") != text.replace("\r", "")
    }
    assert changed == {}
    assert again.keys() == {name for name in filled if not name.startswith("payload/address/")}


def test_faults_of_a_refusal_stand_beside_their_inputs() -> None:
    """Those of pydantic and of the API alike; of a line or of something in JSON beside all of it."""
    locs = [
        ("count",),
        ("$", "address", "zip"),
        ("$", "numbers", 1),
        ("extra", "a/b"),
        ("address", "more"),
        ("$",),
        ("new",),
    ]
    error = InvalidPayload("w", "M", [{"type": "t", "loc": loc, "msg": f"{loc[-1]}!"} for loc in locs])
    faults = faults_of(error)
    listed = fields(SCHEMA, GOOD, faults)
    found = {name: one.fault for name, one in by_name(listed).items() if one.fault}
    assert found == {
        "payload/count": "count!", "payload/address/zip": "zip!", "payload/numbers": "1!", "json:payload/extra": "a/b!",
        "payload/address": "more!",
    }  # fmt: skip
    assert misplaced(listed, faults) == ["all of it: $!", "new: new!"]


@pytest.mark.parametrize(
    "schema", [None, {}, {"type": "object"}, {"anyOf": [{"type": "object"}, {"type": "array"}]}], ids=str
)
@pytest.mark.parametrize("value", [{"a": [1, {"b": "</textarea>\n"}]}, [], "text", 0, False, {}], ids=str)
def test_without_fields_all_of_it_is_json(schema: Any, value: Any) -> None:
    """One text area, for anything."""
    (only,) = fields(schema, value)
    assert (only.kind, only.name, only.id) == (Kind.JSON, "json:payload", "payload")
    assert read_form(schema, sent(schema, value)) == Read(value, {})


def test_nothing_at_all() -> None:
    """An empty text area without a schema is no payload; with one that asks for something, a fault."""
    assert read_form(None, {}) == Read(None, {})
    assert read_form(None, {"json:payload": " \r\n"}) == Read(None, {})
    assert read_form({"type": "string"}, {"payload": ""}) == Read(None, {"payload": "Fill this in."})
    assert read_form({"type": "object", "properties": {"a": {"type": "string"}}}, {}) == Read({}, {})


def test_a_payload_that_has_more_than_the_schema_is_json() -> None:
    """So that nothing is lost by looking at it."""
    value = {**GOOD, "unknown": 1}
    assert [one.name for one in fields(SCHEMA, value)] == ["json:payload"]
    assert read_form(SCHEMA, sent(SCHEMA, value)).payload == value


def test_a_schema_that_goes_round_in_circles_ends() -> None:
    """What holds itself is JSON from there on; a reference to nowhere, or to itself, is JSON."""
    loop = by_name(fields(Loop.model_json_schema()))
    assert loop["json:payload/inner"].kind is Kind.JSON
    for node in ({"$ref": "#/$defs/A"}, {"$ref": "http://a/b"}, {"allOf": [{"$ref": "#/$defs/A"}]}):
        schema = {"$defs": {"A": {"$ref": "#/$defs/A"}}, "type": "object", "properties": {"x": node}}
        assert [one.kind for one in fields(schema)] == [Kind.JSON]


class Deep(BaseModel):
    class One(BaseModel):
        class Two(BaseModel):
            n: int

        two: Two

    one: One


def test_objects_in_objects_have_frames() -> None:
    """With ids that name their place, and names that name their path."""
    found = by_name(fields(Deep.model_json_schema(), {"one": {"two": {"n": 1}}}))
    assert [(name, one.id) for name, one in found.items()] == [
        ("payload/one", "payload-1"), ("payload/one/two", "payload-1-1"), ("payload/one/two/n", "payload-1-1-1"),
    ]  # fmt: skip


# Any model, any value.

TEXTS = st.text(max_size=12) | st.sampled_from(
    ["", " ", "a\nb", "\r", "</textarea>", "\n", '"', "\ud800", "json:payload"]
)
Choice = Literal["a", 1] | None
SCALARS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, TEXTS), (int, st.integers()), (bool, st.booleans()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (date, st.dates()), (datetime, st.datetimes(timezones=st.sampled_from([None, UTC]) | st.timezones())),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)), (UUID, st.uuids()),
    (Colour, st.sampled_from(Colour)),
    (Level, st.sampled_from(Level)), (Choice, st.sampled_from(["a", 1, None])),
    (timedelta, st.timedeltas()),
]  # fmt: skip
NAMES = st.sampled_from(["a", "b", "Label", "json", "model", "x~y", "a/b", "payload", "über", "x y", '"><script>'])


def nullable(of: tuple[Any, st.SearchStrategy[Any]]) -> tuple[Any, st.SearchStrategy[Any]]:
    return of[0] | None if of[0] is not Choice else of[0], st.none() | of[1]


def listed(of: tuple[Any, st.SearchStrategy[Any]]) -> tuple[Any, st.SearchStrategy[Any]]:
    return list[of[0]], st.lists(of[1], max_size=3)  # type: ignore[valid-type]


@st.composite
def models(draw: st.DrawFn, depth: int = 2) -> tuple[type[BaseModel], st.SearchStrategy[Any]]:
    """A model, and what makes instances of it."""
    definitions: dict[str, Any] = {}
    parts = {}
    for number, name in enumerate(draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))):
        part = draw(st.sampled_from(SCALARS))
        way = draw(st.sampled_from(["plain", "nullable", "list", "model", "dict"]))
        if way == "nullable":
            part = nullable(part)
        elif way == "list":
            part = listed(part)
        elif way == "dict":
            part = (dict[str, part[0]], st.dictionaries(TEXTS, part[1], max_size=2))  # type: ignore[valid-type]
        elif way == "model" and depth:
            part = draw(models(depth - 1))
            part = draw(st.sampled_from([part, nullable(part), listed(part)]))
        how: dict[str, Any] = {"alias": name}
        if draw(st.booleans()):
            how["description"] = draw(TEXTS)
        if draw(st.booleans()):
            how["default"] = draw(part[1])
        definitions[f"f{number}"] = (part[0], Field(**how))
        parts[name] = part[1]
    model = create_model("Model", **definitions)
    return model, st.fixed_dictionaries(parts).map(model.model_validate)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_form_reads_what_it_shows(data: st.DataObject) -> None:
    """Rendered, parsed as a browser does, and read: the payload is the same, whatever the model and the value."""
    model, instances = data.draw(models())
    schema = json_schema(model)  # None for half a character in a default
    value = json.loads(json.dumps(data.draw(instances).model_dump(mode="json", by_alias=True)))
    read = read_form(schema, sent(schema, value))
    assert read == Read(value, {})
    assert json.dumps(read.payload, sort_keys=True) == json.dumps(value, sort_keys=True)  # 1 is not true
    Inputs(rendered(fields(schema)))
    assert read_form(schema, untouched(fields(schema, value))) == read


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, max_size=4), st.lists(st.integers(), max_size=4))
def test_lists_alone_are_payloads_too(texts: list[str], numbers: list[int]) -> None:
    """The root need not be an object."""
    for of, value in ((str, texts), (int, numbers)):
        schema = TypeAdapter(list[of]).json_schema()  # type: ignore[valid-type]
        assert read_form(schema, sent(schema, value)) == Read(value, {})


HOSTILE = "\"><script>alert(1)</script><!--' onfocus=x"


def test_nothing_that_is_filled_in_becomes_markup() -> None:
    """Names, titles, descriptions, values, choices and faults are text, wherever they stand."""
    inner: dict[str, Any] = {
        "type": "object",
        "title": HOSTILE,
        "description": HOSTILE,
        "required": [HOSTILE],
        "properties": {},
    }
    inner["properties"] = {HOSTILE: {"title": HOSTILE, "description": HOSTILE, "enum": [HOSTILE, "b"]}}
    kinds: list[dict[str, Any]] = [
        {"type": "string"},
        {"type": "integer"},
        {"type": "array", "items": {"type": "string"}},
        {},
        inner,
    ]
    schema = {
        "type": "object", "required": [f"{HOSTILE}{n}" for n in range(5)],
        "properties": {
            f"{HOSTILE}{n}": {"title": HOSTILE, "description": HOSTILE, **kind} for n, kind in enumerate(kinds)
        },
    }  # fmt: skip
    value = {f"{HOSTILE}{n}": part for n, part in enumerate([HOSTILE, 1, [HOSTILE], {HOSTILE: 1}, {HOSTILE: HOSTILE}])}
    faults = {f"payload/{name.replace('/', '~1')}": HOSTILE for name in value}
    found = Inputs(rendered(fields(schema, value, faults)))
    assert {tag for tag, _ in found.tags} == {
        "div", "fieldset", "input", "label", "legend", "option", "p", "select", "span", "textarea",
    }  # fmt: skip
    known = {
        "aria-describedby", "aria-invalid", "class", "for", "id", "name", "required", "rows", "selected", "spellcheck",
        "step", "type", "value",
    }  # fmt: skip
    assert {name for _, attributes in found.tags for name in attributes} == known
    assert HOSTILE in found.text
    assert read_form(schema, found.sent) == Read(value, {})


def test_every_input_has_a_label_and_is_described() -> None:
    """Tied by ids of which each stands once; what is wrong is marked as such."""
    listed = fields(SCHEMA, GOOD, {"payload/name": "no", "payload/address/street": "no", "payload/node": "no"})
    tags = Inputs(rendered(listed)).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    controls = [attributes for tag, attributes in tags if tag in ("input", "select", "textarea")]
    labels = [attributes["for"] for tag, attributes in tags if tag == "label"]
    assert [control["id"] for control in controls] == sorted(labels, key=[c["id"] for c in controls].index)
    described = {attributes["id"]: str(attributes["aria-describedby"]).split() for _, attributes in tags
                 if "aria-describedby" in attributes}  # fmt: skip
    assert all(set(parts) <= set(ids) for parts in described.values())
    assert described["payload-1"] == ["payload-1-help", "payload-1-fault"]
    invalid = [attributes["id"] for _, attributes in tags if attributes.get("aria-invalid") == "true"]
    names = {one.id: one.name for one in by_name(listed).values()}
    assert [names[str(id)] for id in invalid] == ["payload/name", "payload/address/street", "payload/node"]


def test_moments_are_shown_in_utc_or_not_changed() -> None:
    """A moment that the input cannot hold keeps its zone, or its lack of one."""
    schema = {"type": "string", "format": "date-time"}
    kinds = {
        "2026-01-02T03:04:05Z": Kind.DATETIME, "2026-01-02T03:04:05.125Z": Kind.DATETIME,
        "2026-01-02T03:04:05": Kind.JSON, "2026-01-02T03:04:05+02:00": Kind.JSON, "soon": Kind.JSON,
    }  # fmt: skip
    for value, kind in kinds.items():
        (only,) = fields(schema, value)
        assert only.kind is kind, value
        assert read_form(schema, sent(schema, value)) == Read(value, {})
    assert read_form(schema, {"payload": "2026-01-02T03:04:05+02:00"}).payload == "2026-01-02T03:04:05+02:00"


def test_a_default_of_null_is_an_empty_input() -> None:
    """Also where the type does not allow for it, as in `n: int = None`."""
    schema = {"type": "object", "properties": {"n": {"type": "integer", "default": None}}}
    (only,) = fields(schema)
    assert (only.kind, only.value) == (Kind.INTEGER, "")
    assert read_form(schema, {"payload/n": ""}) == Read({}, {})
