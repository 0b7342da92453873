"""Names of steps, and their settings, as far as the source tells them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from wf.core.retry import DEFAULT
from wf.graph.source import storable, text_of
from wf.graph.values import Many, Real, Scope, Source, Special, Value, member

_SPECIAL = re.compile(r"([\\.^$*+?{}\[\]|()])")
_PERCENT = re.compile(r"(%(?:\(\w+\))?[-#0 +]*[\d*]*(?:\.[\d*]+)?[a-zA-Z%])")
_FIELD = re.compile(r"(\{\{|\}\}|\{[^{}]*\})")
_DEPTH_MAX = 10
_WHOLE_MAX = 2**53
"""Whole numbers up to here are the same in every reader of JSON."""


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
    if depth > _DEPTH_MAX:
        return hole(node)
    match node:
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
    return hole(node)


def _one_of(node: ast.expr, found: list[Template]) -> Template:
    if not found or any(each.regex == ".*" for each in found):
        return hole(node)
    return Template(f"{{{text_of(node)}}}", f"(?:{'|'.join(dict.fromkeys(each.regex for each in found))})", fixed=False)


def _concatenated(parts: list[Template]) -> Template:
    regex = re.sub(r"(?:(?<!\\)\.\*){2,}", ".*", "".join(part.regex for part in parts))
    return Template("".join(part.text for part in parts), regex, all(part.fixed for part in parts))


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
    return Source(node, scope)


def config_of(node: ast.expr | None, scope: Scope) -> dict[str, Any]:
    """How a step is retried, defaults filled in; what cannot be known is null, with the `source` of it all."""
    given = {} if node is None else constant(node, scope)
    if not isinstance(given, Mapping):
        return {"retries": dict.fromkeys(("limit", "delay", "backoff")), "timeout": None, "source": str(given)}
    retries = given.get("retries") or {}
    if not isinstance(retries, Mapping):
        retries = dict.fromkeys(("limit", "delay", "backoff"), retries)
    return {
        "retries": {
            "limit": retries.get("limit", DEFAULT.limit),
            "delay": retries.get("delay", DEFAULT.delay),
            "backoff": retries.get("backoff", DEFAULT.backoff),
        },
        "timeout": given.get("timeout", DEFAULT.timeout),
    }


def constant(node: ast.expr, scope: Scope, depth: int = 0) -> Any:
    """A constant as JSON; the source text of what is none."""
    if depth > _DEPTH_MAX:
        return text_of(node)
    match node:
        case ast.Constant(value=value):
            return _plain(value, node)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return _plain(-number, node)
        case ast.Dict(keys=keys, values=values):
            return _dict(
                node,
                [None if key is None else constant(key, scope, depth + 1) for key in keys],
                [constant(value, scope, depth + 1) for value in values],
            )
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            both = constant(left, scope, depth + 1), constant(right, scope, depth + 1)
            return {**both[0], **both[1]} if all(isinstance(each, dict) for each in both) else text_of(node)
        case ast.Name() | ast.Attribute():
            return _known_constant(node, scope, depth)
    return text_of(node)


def _known_constant(node: ast.expr, scope: Scope, depth: int) -> Any:
    match known(node, scope):
        case Source() as source if source.node is not node:
            return constant(source.node, source.scope, depth + 1)
        case Real(object=value):
            return _plain(value, node)
    return text_of(node)


def _dict(node: ast.expr, keys: list[Any], values: list[Any]) -> Any:
    found: dict[str, Any] = {}
    for key, value in zip(keys, values, strict=True):
        if key is None:
            if not isinstance(value, dict):
                return text_of(node)
            found |= value
        else:
            found[str(key)] = value
    return found


def _plain(value: Any, node: ast.expr) -> Any:
    """A constant as JSON; anything else as the source text that stands for it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return storable(str.__str__(value))
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float):
        return value if abs(value) <= _WHOLE_MAX else text_of(node)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, node) for key, item in value.items()}
    return text_of(node)
