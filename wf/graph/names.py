"""Texts in `run`, such as the names of steps, as far as the source tells them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from wf.graph.source import storable, text_of
from wf.graph.values import Many, Real, Scope, Source, Special, Value, member

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPECIAL = re.compile(r"([\\.^$*+?{}\[\]|()])")
_PERCENT = re.compile(r"(%(?:\(\w+\))?[-#0 +]*[\d*]*(?:\.[\d*]+)?[a-zA-Z%])")
_FIELD = re.compile(r"(\{\{|\}\}|\{[^{}]*\})")
TEXT_MAX = 2_000
"""Characters of a text, or of its regular expression; of longer ones nothing is known."""
_PRICE = 40
"""References that could be copied meanwhile."""
DEPTH_MAX = 10
"""Variables that stand for variables are followed so far."""


class _TooLong(Exception):
    """A text is."""


class Template(NamedTuple):
    """Text with holes.

    Attributes:
        text: As people read it; a hole is the expression, in braces.
        regex: What it may become.
        fixed: Whether there are no holes.
    """

    text: str
    regex: str
    fixed: bool = True

    def facts(self) -> dict[str, str]:
        """The name of a node, and the pattern for the rows of the journal."""
        return {"name": self.text} if self.fixed else {"name": self.text, "pattern": f"^{self.regex}$"}


def literal(text: str) -> Template:
    """Text as it is. The regular expression is one for Python, JavaScript and Postgres alike."""
    text = storable(text)
    return Template(text, _SPECIAL.sub(r"\\\1", text))


def hole(node: ast.expr) -> Template:
    """Any text."""
    return Template(f"{{{text_of(node)}}}", ".*", fixed=False)


def template(node: ast.expr, scope: Scope, depth: int = 0) -> Template:
    """What is known of a text."""
    scope.effort.spend(copies=_PRICE)
    try:
        return _template(node, scope, depth)
    except _TooLong:  # as a whole: there may be as many such parts as there is time
        if depth:
            raise
        return hole(node)


def _template(node: ast.expr, scope: Scope, depth: int) -> Template:  # noqa: PLR0911  # a kind of expression each
    match node:
        case _ if depth > DEPTH_MAX:
            return hole(node)
        case ast.Constant(value=str(text)):
            return literal(text)
        case ast.JoinedStr(values=parts):
            return _concatenated([_piece(part, scope, depth) for part in parts])
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _concatenated([template(left, scope, depth + 1), template(right, scope, depth + 1)])
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return _formatted(_PERCENT.split(text), {"%%": "%"})
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _formatted(_FIELD.split(text), {"{{": "{", "}}": "}"})
        case ast.IfExp(body=body, orelse=orelse):
            return _one_of(node, [template(body, scope, depth + 1), template(orelse, scope, depth + 1)])
        case ast.Name(id=name):
            return _of_value(node, scope.look(name), depth, upper=name.isupper())
        case ast.Attribute() | ast.Subscript():
            return _of_value(node, known(node, scope), depth, upper=getattr(node, "attr", "").isupper())
        case _:
            return hole(node)


def _piece(node: ast.expr, scope: Scope, depth: int) -> Template:
    """A part of an f-string."""
    if isinstance(node, ast.FormattedValue):
        plain = node.conversion in (-1, ord("s")) and node.format_spec is None
        return template(node.value, scope, depth + 1) if plain else hole(node.value)
    return template(node, scope, depth + 1)


def _of_value(node: ast.expr, value: Value, depth: int, *, upper: bool) -> Template:
    match value:
        case Real(object=str(text)) if upper:  # others may change while the worker runs
            return literal(str.__str__(text))
        case Source():
            found = template(value.node, value.scope, depth + 1)
            return hole(node) if found.regex == ".*" else found
        case Many(values):
            return _one_of(node, [_of_value(node, each, depth + 1, upper=upper) for each in values])
        case _:
            return hole(node)


def _one_of(node: ast.expr, found: list[Template]) -> Template:
    if not found or any(each.regex == ".*" for each in found):
        return hole(node)
    regex = f"(?:{'|'.join(dict.fromkeys(each.regex for each in found))})"
    return hole(node) if len(regex) > TEXT_MAX else Template(f"{{{text_of(node)}}}", regex, fixed=False)


def _concatenated(parts: list[Template]) -> Template:
    regex = re.sub(r"(?:(?<!\\)\.\*){2,}", ".*", "".join(part.regex for part in parts))
    text = "".join(part.text for part in parts)
    if max(len(text), len(regex)) > TEXT_MAX:
        raise _TooLong
    return Template(text, regex, all(part.fixed for part in parts))


def _formatted(pieces: list[str], escaped: Mapping[str, str]) -> Template:
    """Text of which every second piece stands for a value."""
    parts = [
        Template(piece if piece[:1] == "{" else f"{{{piece}}}", ".*", fixed=False)
        if number % 2 and piece not in escaped
        else literal(escaped.get(piece, piece) if number % 2 else piece)
        for number, piece in enumerate(pieces)
    ]
    return _concatenated(parts)


def known_text(value: Value) -> str:
    """The regular expression of a text, or nothing."""
    if not isinstance(value, Source):
        return ""
    found = template(value.node, value.scope)
    return "" if found.regex == ".*" else found.regex


def known(node: ast.expr, scope: Scope) -> Value:
    """What is known of a value without a call; `Source` if it is but this expression."""
    match node:
        case ast.Name(id=name):
            return scope.look(name)
        case ast.Attribute(value=base, attr=name):
            found = known(base, scope)
            if found is Special.SELF:
                return member(scope.workflow, name)
            return member(found.object, name) if isinstance(found, Real) else None
        case _:
            return Source(node, scope)
