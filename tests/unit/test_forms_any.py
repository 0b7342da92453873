"""Forms of any model with any value, and of hostile ones."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, create_model

from tests.support.filled import (
    GOOD,
    SCHEMA,
    Colour,
    Inputs,
    Level,
    by_name,
    rendered,
    sent,
)
from wf.params import json_schema
from wf_api.filled import Read, read_form
from wf_api.forms import fields, untouched
from wf_api.shapes import Kind

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
