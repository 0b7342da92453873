"""Forms made of JSON schemas, and what was filled into them made into a payload again. No script is needed.

An input that is left empty means null where that may be, else that the value is not there, else it is a fault. A value
that its input cannot hold, such as a text of several lines, is shown as JSON in a text area: so whatever a form shows
for a payload, it reads as that payload.

Inputs are named by JSON pointers below `payload`, as in `payload/customer/email`; those that hold JSON begin with
`json:`. Where the schema allows none or there is none, `json:payload` is all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from wf_api.filled import ABSENT, JSON, LOCAL, ON, ROOT, UnfitError, dumped, escaped, meaning, survives
from wf_api.shapes import Kind, Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


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
        yield _field(part, f"{name}/{escaped(key)}", f"{id}-{number}", value.get(key, ABSENT))


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
    text = "" if value is None and shape.nullable else dumped(value)
    return replace(about, kind=Kind.JSON, name=JSON + about.name, value=text)


def _options(shape: Shape, text: str) -> Iterator[Option]:
    choices = [(dumped(choice), choice) for choice in shape.choices if not (choice is None and shape.nullable)]
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
            return dumped(value)


def _holds(shape: Shape, text: str, value: Any) -> bool:
    """Whether an input gives back the value for which it shows this text: neither we nor the browser change it."""
    if shape.kind is not Kind.JSON and not survives(text, lines=shape.kind is Kind.LINES):
        return False
    if shape.kind is Kind.DATE and text and not _DATE.fullmatch(text):
        return False
    if shape.kind is Kind.DATETIME and text and not LOCAL.fullmatch(text):
        return False
    try:
        return _same(meaning(shape, text), value)
    except UnfitError:
        return False


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1 is not true."""
    return one is not ABSENT and dumped(one) == dumped(other)


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
