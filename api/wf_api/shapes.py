"""What a form shows for a JSON schema: the shape of each value, as pydantic's schemas describe them.

What has no input of its own (unions, dicts, lists of objects, recursion) is JSON in a text area.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DEEPEST = 4
"""Objects in objects that get fields of their own."""

_SCALARS = ("string", "integer", "number")
_NULL = {"type": "null"}


class Kind(StrEnum):
    """How a value is shown."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    CHECKBOX = "checkbox"
    SELECT = "select"
    DATE = "date"
    DATETIME = "datetime"
    LINES = "lines"
    """A list of scalars, one on each line."""
    JSON = "json"
    FIELDSET = "fieldset"


@dataclass(frozen=True)
class Shape:
    """A value of a form.

    Attributes:
        kind: How it is shown.
        label: What it is called.
        help: What its author says of it.
        required: Whether it must be there.
        nullable: Whether it may be null; then an empty input means that.
        has_default: Whether it is known what comes of it if it is not there.
        default: That.
        choices: The values of a select.
        items: How a line of a list is read.
        least: The least number.
        most: The greatest number.
        inner: The values of an object, by name.
    """

    kind: Kind
    label: str
    help: str = ""
    required: bool = True
    nullable: bool = False
    has_default: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    items: Kind = Kind.TEXT
    least: float | None = None
    most: float | None = None
    inner: Mapping[str, Shape] = field(default_factory=dict)


def shape_of(schema: Mapping[str, Any] | None, label: str = "Payload") -> Shape:
    """The shape of a whole payload.

    Args:
        schema: Its JSON schema; None if there is none.
        label: What it is called if the schema does not say.
    """
    if schema is None:
        return Shape(Kind.JSON, label, required=False)
    return _Reader(schema).shape(schema, label, required=True, above=())


class _Reader:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def shape(self, given: Any, label: str, *, required: bool, above: tuple[str, ...]) -> Shape:
        node, refs = self._resolved(given)
        node, nullable, more = self._without_null(node)
        above += refs + more
        about: dict[str, Any] = {
            "label": _text(node.get("title")) or label, "help": _text(node.get("description")), "required": required,
            "nullable": nullable, "has_default": "default" in node and (nullable or node["default"] is not None),
            "default": node.get("default"),
        }  # fmt: skip
        if "enum" in node or "const" in node:
            choices = node["enum"] if isinstance(node.get("enum"), list) else [node.get("const")]
            return Shape(Kind.SELECT, **about, choices=tuple(choices))
        if self._is_fieldset(node, above, plain=required and not nullable):
            wanted, parts = node.get("required", ()), node["properties"]
            # The journal keeps lists in order, and no mappings: first what must be there, as its author has ordered it.
            inner = {
                name: self.shape(parts[name], name, required=name in wanted, above=above)
                for name in dict.fromkeys([*(name for name in wanted if name in parts), *parts])
            }
            return Shape(Kind.FIELDSET, **about, inner=inner)
        return self._scalar(node, about)

    def _scalar(self, node: Mapping[str, Any], about: dict[str, Any]) -> Shape:
        type = node.get("type")
        if type == "boolean":
            sure = not about["nullable"] and (about["required"] or about["has_default"])
            return Shape(Kind.CHECKBOX, **about) if sure else Shape(Kind.SELECT, **about, choices=(True, False))
        if type == "array" and (items := self._line(node)) is not None:
            return Shape(Kind.LINES, **about, items=items)
        if type in ("integer", "number"):
            return Shape(Kind(type), **about, least=_number(node, "minimum"), most=_number(node, "maximum"))
        if type == "string":
            return Shape(
                {"date": Kind.DATE, "date-time": Kind.DATETIME}.get(node.get("format", ""), Kind.TEXT), **about
            )
        if _is_decimal(node):
            return Shape(Kind.TEXT, **about)
        return Shape(Kind.JSON, **about)

    def _is_fieldset(self, node: Mapping[str, Any], above: tuple[str, ...], *, plain: bool) -> bool:
        """Whether an object gets fields of its own: one that may be left out is easier to leave out as a whole."""
        recursive = len(set(above)) < len(above) or len(above) > DEEPEST
        parts = node.get("properties")
        return plain and node.get("type") == "object" and isinstance(parts, dict) and bool(parts) and not recursive

    def _line(self, node: Mapping[str, Any]) -> Kind | None:
        """How a line of a list is read; None if its items are no scalars."""
        if "prefixItems" in node:
            return None
        item, _ = self._resolved(node.get("items"))
        type = item.get("type")
        if type not in _SCALARS:
            return None
        return Kind.TEXT if type == "string" else Kind(type)

    def _resolved(self, given: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
        """A part of the schema with what it refers to filled in, and the names of that."""
        node: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
        refs: list[str] = []
        while True:
            if isinstance(all_of := node.get("allOf"), list) and len(all_of) == 1 and isinstance(all_of[0], dict):
                del node["allOf"]
                node = {**all_of[0], **node}
            elif isinstance(ref := node.pop("$ref", None), str) and ref not in refs:
                refs.append(ref)
                found = self._root.get("$defs", {}).get(ref.removeprefix("#/$defs/"))
                node = {**found, **node} if isinstance(found, dict) else node
            else:
                return node, tuple(refs)

    def _without_null(self, node: dict[str, Any]) -> tuple[dict[str, Any], bool, tuple[str, ...]]:
        """What a value is if it is not null, whether it may be null, and the names of what was filled in."""
        any_of, type = node.get("anyOf"), node.get("type")
        if isinstance(any_of, list) and _NULL in any_of:
            left = [one for one in any_of if one != _NULL]
            rest = {name: value for name, value in node.items() if name != "anyOf"}
            if len(left) != 1:
                return {**rest, "anyOf": left}, True, ()
            found, refs = self._resolved(left[0])
            return {**found, **rest}, True, refs
        if isinstance(type, list) and "null" in type and len(type) == 2:
            return {**node, "type": next(one for one in type if one != "null")}, True, ()
        return node, False, ()


def _is_decimal(node: Mapping[str, Any]) -> bool:
    """Whether it is a number that may be written as text, as pydantic describes a Decimal."""
    any_of = node.get("anyOf")
    if not isinstance(any_of, list) or not all(isinstance(one, dict) for one in any_of):
        return False
    return sorted(str(one.get("type")) for one in any_of) == ["number", "string"]


def _number(node: Mapping[str, Any], name: str) -> float | None:
    found = node.get(name)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""
