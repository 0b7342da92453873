"""Forms out of JSON schemas: what they show for a payload they read as that payload; and nothing in them is markup."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from tests.support.filled import (
    GOOD,
    SCHEMA,
    Everything,
    Inputs,
    Loop,
    by_name,
    rendered,
    sent,
)
from wf.errors import InvalidPayload
from wf_api.filled import Read, faults_of, read_form
from wf_api.forms import fields, misplaced
from wf_api.shapes import Kind


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
