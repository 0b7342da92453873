"""What was filled into a form, as a payload; the rules stand in `wf_api.forms`."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from wf_api.shapes import Kind, Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wf.errors import InvalidPayload

ROOT = "payload"
JSON = "json:"
ON = "on"
"""What browsers send for a checkbox that is checked."""

LOCAL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d{1,3})?)?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,1000}")


class Absent:
    """Stands for a value that is not there."""


ABSENT = Absent()


class Read(NamedTuple):
    """What was filled in.

    Attributes:
        payload: The payload; without the values that have faults.
        faults: What is wrong, by the name of the input.
    """

    payload: Any
    faults: dict[str, str]


class UnfitError(ValueError):
    """A text that cannot be read; its message is for whoever has filled it in."""


def read_form(schema: Mapping[str, Any] | None, form: Mapping[str, str]) -> Read:
    """What was filled in, as a payload, which may still break a rule of the schema; None if it is nothing at all.

    Args:
        schema: That of the form.
        form: What the browser has sent.
    """
    faults: dict[str, str] = {}
    found = _read(shape_of(schema), ROOT, form, faults)
    return Read(None if found is ABSENT else found, faults)


def same(one: Read, other: Read) -> bool:
    """Whether the same was filled in: 1 is not true."""
    return one.faults == other.faults and json.dumps(one.payload) == json.dumps(other.payload)


def faults_of(error: InvalidPayload) -> dict[str, str]:
    """What a payload that was refused has wrong, by the names of inputs."""
    faults: dict[str, str] = {}
    for fault in error.errors:
        path = [str(part) for part in fault["loc"] if part != "$"]
        faults.setdefault("/".join([ROOT, *map(escaped, path)]), str(fault["msg"]))
    return faults


def _read(shape: Shape, name: str, form: Mapping[str, str], faults: dict[str, str]) -> Any:
    try:
        if (text := form.get(JSON + name)) is not None:
            return meaning(replace(shape, kind=Kind.JSON), text)
        if shape.kind is not Kind.FIELDSET:
            return meaning(shape, form.get(name, ""))
    except UnfitError as error:
        faults[name] = str(error)
        return ABSENT
    inner = ((key, _read(part, f"{name}/{escaped(key)}", form, faults)) for key, part in shape.inner.items())
    return {key: value for key, value in inner if value is not ABSENT}


def meaning(shape: Shape, text: str) -> Any:
    """What a text in an input means; ABSENT if the value is not there.

    Raises:
        UnfitError: It cannot be read.
    """
    if shape.kind is Kind.CHECKBOX:
        return bool(text)
    if not text or (shape.kind is not Kind.TEXT and not text.strip()):
        return _nothing(shape)
    match shape.kind:
        case Kind.SELECT:
            return _choice(shape, text)
        case Kind.LINES:
            lines = [line.strip() for line in text.split("\n")]
            return [_scalar(shape.items, line) for line in lines if line]
        case Kind.JSON:
            return _loaded(text)
        case kind:
            return _scalar(kind, text)


def _nothing(shape: Shape) -> Any:
    """What an empty input means.

    Raises:
        UnfitError: It must not be empty.
    """
    if shape.nullable:
        return None
    if shape.kind is Kind.LINES and (shape.required or shape.has_default):
        return []
    if shape.required:
        raise UnfitError("Fill this in.")
    return ABSENT


def _choice(shape: Shape, text: str) -> Any:
    for choice in shape.choices:
        if dumped(choice) == text:
            return choice
    raise UnfitError("Choose one of these.")


def _scalar(kind: Kind, text: str) -> Any:
    if kind is Kind.INTEGER:
        if not _INTEGER.fullmatch(text.strip()):
            raise UnfitError("This is no whole number.")
        return int(text)
    if kind is Kind.NUMBER:
        return _number(text.strip())
    if kind is Kind.DATETIME and (local := LOCAL.fullmatch(text.strip())):
        return f"{local[1]}{local[2] or ':00'}Z"  # as its label says, in UTC
    return text


def _number(text: str) -> float:
    if _INTEGER.fullmatch(text):
        return int(text)
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if found - found != 0:
        raise UnfitError("This is no number.")
    return found


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise UnfitError("It is nested too deeply.") from None
    except ValueError as error:
        raise UnfitError(f"This is no JSON: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def dumped(value: Any) -> str:
    """A value as JSON that people can read, and that every browser sends back as it is."""
    text = json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) else None)
    return text if survives(text, lines=True) else json.dumps(value)


def escaped(key: str) -> str:
    """A part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def survives(text: str, *, lines: bool) -> bool:
    """Whether a browser sends a text back as it is."""
    if "\r" in text or "\0" in text or ("\n" in text and not lines):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character
        return False
    return True
