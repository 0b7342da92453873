"""Settings of steps, durations and the like: constants as JSON, all else as source.

Of the text that a variable outside of `run` holds only that under a name in capitals is told: diagrams are never sealed
(see `wf.cipher`), and such a name says that what it stands for is no secret.
"""

from __future__ import annotations

import ast
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from wf.core.retry import DEFAULT
from wf.graph.names import DEPTH_MAX, known
from wf.graph.source import storable, text_of
from wf.graph.values import Real, Source

if TYPE_CHECKING:
    from wf.graph.values import Scope

_NUMBER_MAX = 2**53
"""Whole numbers up to here are the same in every reader of JSON."""
_RETRIES = ("limit", "delay", "backoff")


def config_of(node: ast.expr | None, scope: Scope) -> dict[str, Any]:
    """How a step is retried, defaults filled in; what cannot be known is null, with the `source` of it all."""
    given = None if node is None else constant(node, scope)
    given = {} if given is None else given
    if not isinstance(given, dict):
        source = "None" if node is None else text_of(node)
        return {"retries": dict.fromkeys(_RETRIES), "timeout": None, "source": source}
    retries = given.get("retries") or {}
    if not isinstance(retries, dict):
        retries = dict.fromkeys(_RETRIES, retries)
    return {
        "retries": {
            "limit": retries.get("limit", DEFAULT.limit),
            "delay": retries.get("delay", DEFAULT.delay),
            "backoff": retries.get("backoff", DEFAULT.backoff),
        },
        "timeout": given.get("timeout", DEFAULT.timeout),
    }


def constant(node: ast.expr, scope: Scope, depth: int = 0) -> Any:  # noqa: PLR0911  # a kind of expression each
    """A constant as JSON; the source text of what is none."""
    scope.effort.spend()
    match node:
        case _ if depth > DEPTH_MAX:
            return text_of(node)
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
        case _:
            return text_of(node)


def _known_constant(node: ast.expr, scope: Scope, depth: int) -> Any:
    match known(node, scope):
        case Source() as source if source.node is not node:
            return constant(source.node, source.scope, depth + 1)
        case Real(object=str()) if not _in_capitals(node):
            return text_of(node)
        case Real(object=value):
            return _plain(value, node)
        case _:
            return text_of(node)


def _in_capitals(node: ast.expr) -> bool:
    """Whether a name is one of a constant; `Color.RED.value` is, too."""
    match node:
        case ast.Name(id=name):
            return name.isupper()
        case ast.Attribute(value=base, attr=name):
            return name.isupper() or (name in ("name", "value") and _in_capitals(base))
        case _:
            return False


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
        return value if abs(value) <= _NUMBER_MAX else text_of(node)
    if isinstance(value, dict):
        return {str(key): _plain(item, node) for key, item in dict.items(value) if isinstance(key, str)}
    return text_of(node)
