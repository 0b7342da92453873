"""Forms made of JSON schemas, and what was filled into them made into a payload again. No script is needed.

An input that is left empty means null where that may be, else that the value is not there, else it is a fault. A value
that its input cannot hold, such as a text of several lines, is shown as JSON in a text area: so whatever a form shows
for a payload, it reads as that payload.

Inputs are named by JSON pointers below `payload`, as in `payload/customer/email`; those that hold JSON begin with
`json:`. Where the schema allows none or there is none, `json:payload` is all.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from wf_api.shapes import Kind, Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wf.errors import InvalidPayload

ROOT = "payload"
JSON = "json:"
ON = "on"
"""What browsers send for a checkbox that is checked."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d{1,3})?)?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,1000}")


class _Absent:
    """Stands for a value that is not there."""


ABSENT = _Absent()


class Option(NamedTuple):
    """A choice of a select."""

    value: str
    label: str
    selected: bool


@dataclass(frozen=True)
class Field:
    """An input, or several with a frame around them.

    Attributes:
        kind: What to show.
        name: What the browser sends it as.
        id: Of the element; its help has this with `-help`, its fault with `-fault`.
        label: What it is called.
        help: What its author says of it.
        required: Whether it must be filled in.
        value: What stands in it.
        checked: Whether a checkbox is.
        options: What a select offers.
        least: The least number.
        most: The greatest number.
        fields: Those in the frame.
        fault: What is wrong with what stands in it.
    """

    kind: Kind
    name: str
    id: str
    label: str
    help: str
    required: bool
    value: str = ""
    checked: bool = False
    options: tuple[Option, ...] = ()
    least: float | None = None
    most: float | None = None
    fields: tuple[Field, ...] = ()
    fault: str = ""

    @property
    def described_by(self) -> str:
        """The ids of the elements that say more about it."""
        parts = (("help", self.help), ("fault", self.fault))
        return " ".join(f"{self.id}-{part}" for part, text in parts if text)


class Read(NamedTuple):
    """What was filled in.

    Attributes:
        payload: The payload; without the values that have faults.
        faults: What is wrong, by the name of the input.
    """

    payload: Any
    faults: dict[str, str]


class _UnfitError(ValueError):
    """A text that cannot be read; its message is for whoever has filled it in."""


def fields(
    schema: Mapping[str, Any] | None,
    values: Any = ABSENT,
    faults: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
) -> list[Field]:
    """The inputs for a payload.

    Args:
        schema: Its JSON schema; None if there is none.
        values: What they show; the defaults where it says nothing.
        faults: What to say of some of them, by name, as `read_form` and `faults_of` give it.
        typed: What was filled in before, to show that again.
    """
    shape = shape_of(schema)
    shown = _field(shape, ROOT, ROOT, values)
    if typed is not None:
        shown = _typed(shown, shape, typed)
    listed = list(shown.fields) if shown.kind is Kind.FIELDSET else [shown]
    return [_blamed(one, faults or {}) for one in listed]


def read_form(schema: Mapping[str, Any] | None, form: Mapping[str, str]) -> Read:
    """What was filled in, as a payload, which may still break a rule of the schema; None if it is nothing at all.

    Args:
        schema: That of the form.
        form: What the browser has sent.
    """
    faults: dict[str, str] = {}
    found = _read(shape_of(schema), ROOT, form, faults)
    return Read(None if found is ABSENT else found, faults)


def untouched(listed: Iterable[Field]) -> dict[str, str]:
    """What a browser sends of inputs that nobody has changed."""
    sent: dict[str, str] = {}
    for field in listed:
        if field.kind is Kind.FIELDSET:
            sent |= untouched(field.fields)
        elif field.kind is Kind.SELECT:
            sent[field.name] = next((one.value for one in field.options if one.selected), field.options[0].value)
        elif field.kind is not Kind.CHECKBOX:
            sent[field.name] = field.value
        elif field.checked:
            sent[field.name] = ON
    return sent


def same(one: Read, other: Read) -> bool:
    """Whether the same was filled in: 1 is not true."""
    return one.faults == other.faults and json.dumps(one.payload) == json.dumps(other.payload)


def faults_of(error: InvalidPayload) -> dict[str, str]:
    """What a payload that was refused has wrong, by the names of inputs."""
    faults: dict[str, str] = {}
    for fault in error.errors:
        path = [str(part) for part in fault["loc"] if part != "$"]
        faults.setdefault("/".join([ROOT, *map(_escaped, path)]), str(fault["msg"]))
    return faults


def misplaced(listed: Iterable[Field], faults: Mapping[str, str]) -> list[str]:
    """Faults that belong to none of the inputs, such as a value that must not be there: for the head of the form."""
    listed = list(listed)
    return [f"{where.removeprefix(ROOT)[1:] or 'all of it'}: {text}" for where, text in faults.items()
            if not _any_about(listed, where)]  # fmt: skip


# From values to inputs.


def _field(shape: Shape, name: str, id: str, value: Any) -> Field:
    if value is ABSENT and shape.has_default:
        value = shape.default
    about = Field(shape.kind, name, id, shape.label, shape.help, shape.required, least=shape.least, most=shape.most)
    if shape.kind is Kind.FIELDSET:
        value = {} if value is ABSENT else value
        if isinstance(value, dict) and value.keys() <= shape.inner.keys():
            return replace(about, fields=tuple(_inner(shape, name, id, value)))
        return _as_json(about, shape, value)
    text = "" if value is ABSENT else _shown(shape, value)
    if value is not ABSENT and not _holds(shape, text, value):
        return _as_json(about, shape, value)
    return _with_text(about, shape, text)


def _inner(shape: Shape, name: str, id: str, value: dict[str, Any]) -> Iterator[Field]:
    for number, (key, part) in enumerate(shape.inner.items(), 1):
        yield _field(part, f"{name}/{_escaped(key)}", f"{id}-{number}", value.get(key, ABSENT))


def _with_text(about: Field, shape: Shape, text: str) -> Field:
    """The input with that in it."""
    if shape.kind is Kind.JSON:
        return replace(about, name=JSON + about.name, value=text)
    if shape.kind is Kind.CHECKBOX:
        return replace(about, checked=text == ON, required=False)
    if shape.kind is Kind.SELECT:
        return replace(about, options=tuple(_options(shape, text)), value=text)
    if shape.kind is Kind.LINES:
        return replace(about, value=text, required=False)
    return replace(about, value=text)


def _as_json(about: Field, shape: Shape, value: Any) -> Field:
    """A text area for a value that the input of its shape cannot hold."""
    text = "" if value is None and shape.nullable else _dumped(value)
    return replace(about, kind=Kind.JSON, name=JSON + about.name, value=text)


def _options(shape: Shape, text: str) -> Iterator[Option]:
    choices = [(_dumped(choice), choice) for choice in shape.choices if not (choice is None and shape.nullable)]
    if not shape.required or shape.nullable or text not in [value for value, _ in choices]:
        yield Option("", "", selected=not text)
    for value, choice in choices:
        yield Option(value, choice if isinstance(choice, str) else value, selected=value == text)


def _shown(shape: Shape, value: Any) -> str:
    """What an input shows for a value, whether it can hold it or not."""
    if value is None and shape.nullable:
        return ""
    match shape.kind:
        case Kind.CHECKBOX:
            return ON if value is True else ""
        case Kind.DATETIME:
            return str(value).removesuffix("Z")
        case Kind.LINES:
            return "\n".join(map(str, value)) if isinstance(value, list) else ""
        case Kind.TEXT | Kind.DATE:
            return str(value)
        case _:
            return _dumped(value)


def _holds(shape: Shape, text: str, value: Any) -> bool:
    """Whether an input gives back the value for which it shows this text: neither we nor the browser change it."""
    if shape.kind is not Kind.JSON and not _survives(text, lines=shape.kind is Kind.LINES):
        return False
    if shape.kind is Kind.DATE and text and not _DATE.fullmatch(text):
        return False
    if shape.kind is Kind.DATETIME and text and not _LOCAL.fullmatch(text):
        return False
    try:
        return _same(_value(shape, text), value)
    except _UnfitError:
        return False


def _survives(text: str, *, lines: bool) -> bool:
    """Whether a browser sends a text back as it is."""
    if "\r" in text or "\0" in text or ("\n" in text and not lines):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character
        return False
    return True


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1 is not true."""
    return one is not ABSENT and _dumped(one) == _dumped(other)


def _typed(shown: Field, shape: Shape, typed: Mapping[str, str]) -> Field:
    """The inputs as they were filled in, right or wrong."""
    name = shown.name.removeprefix(JSON)
    if (text := typed.get(JSON + name)) is not None:
        return replace(shown, kind=Kind.JSON, name=JSON + name, value=text, fields=())
    if shape.kind is Kind.FIELDSET:
        about = replace(shown, kind=Kind.FIELDSET, name=name, value="")
        inner = tuple(_inner(shape, name, shown.id, {}))
        parts = zip(inner, shape.inner.values(), strict=True)
        return replace(about, fields=tuple(_typed(one, part, typed) for one, part in parts))
    return _with_text(replace(shown, kind=shape.kind, name=name), shape, typed.get(name, ""))


def _blamed(shown: Field, faults: Mapping[str, str]) -> Field:
    """The inputs with their faults; what is wrong inside of a value is the fault of its input."""
    inner = tuple(_blamed(one, faults) for one in shown.fields)
    told = [text for where, text in faults.items() if _is_about(shown, where) and not _any_about(inner, where)]
    return replace(shown, fields=inner, fault="; ".join(told))


def _is_about(shown: Field, where: str) -> bool:
    name = shown.name.removeprefix(JSON)
    return where == name or where.startswith(f"{name}/")


def _any_about(listed: Iterable[Field], where: str) -> bool:
    return any(_is_about(one, where) for one in listed)


# From inputs to values.


def _read(shape: Shape, name: str, form: Mapping[str, str], faults: dict[str, str]) -> Any:
    try:
        if (text := form.get(JSON + name)) is not None:
            return _value(replace(shape, kind=Kind.JSON), text)
        if shape.kind is not Kind.FIELDSET:
            return _value(shape, form.get(name, ""))
    except _UnfitError as error:
        faults[name] = str(error)
        return ABSENT
    inner = ((key, _read(part, f"{name}/{_escaped(key)}", form, faults)) for key, part in shape.inner.items())
    return {key: value for key, value in inner if value is not ABSENT}


def _value(shape: Shape, text: str) -> Any:
    """What an input means.

    Raises:
        _UnfitError: Nothing.
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
        _UnfitError: It must not be empty.
    """
    if shape.nullable:
        return None
    if shape.kind is Kind.LINES and (shape.required or shape.has_default):
        return []
    if shape.required:
        raise _UnfitError("Fill this in.")
    return ABSENT


def _choice(shape: Shape, text: str) -> Any:
    for choice in shape.choices:
        if _dumped(choice) == text:
            return choice
    raise _UnfitError("Choose one of these.")


def _scalar(kind: Kind, text: str) -> Any:
    if kind is Kind.INTEGER:
        if not _INTEGER.fullmatch(text.strip()):
            raise _UnfitError("This is no whole number.")
        return int(text)
    if kind is Kind.NUMBER:
        return _number(text.strip())
    if kind is Kind.DATETIME and (local := _LOCAL.fullmatch(text.strip())):
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
        raise _UnfitError("This is no number.")
    return found


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise _UnfitError("It is nested too deeply.") from None
    except ValueError as error:
        raise _UnfitError(f"This is no JSON: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def _dumped(value: Any) -> str:
    """A value as JSON that people can read, and that every browser sends back as it is."""
    text = json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) else None)
    return text if _survives(text, lines=True) else json.dumps(value)


def _escaped(key: str) -> str:
    """A part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")
