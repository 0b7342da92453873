"""The source of functions, and pieces of it as text."""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FunctionType

SOURCE_MAX = 200
"""Characters that are shown of a condition or an expression."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Definition = ast.FunctionDef | ast.AsyncFunctionDef


def definition_of(function: FunctionType) -> Definition | None:
    """The parsed `def` of a function, with the line numbers of its file; None if there is no source of one."""
    try:
        lines, first = inspect.getsourcelines(function)
        source = "".join(lines)
        indented = source[:1].isspace()
        # A block around it, rather than dedenting, which would spoil text that goes over several lines.
        tree = ast.parse(f"if True:\n{source}" if indented else source)
    except (OSError, TypeError, SyntaxError, ValueError, IndexError):
        return None
    ast.increment_lineno(tree, first - (2 if indented else 1))
    name = function.__code__.co_name
    found = (node for node in ast.walk(tree) if isinstance(node, Definition) and node.name == name)
    return next(found, None)


def surroundings(function: FunctionType) -> dict[str, Any]:
    """What a function sees beside its own variables, without builtins."""
    seen = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            seen[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            seen.pop(name, None)
    return seen


def storable(text: str) -> str:
    """Text without what JSON in Postgres cannot hold."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def text_of(node: ast.AST) -> str:
    """An expression as text on one line, shortened."""
    text = storable(" ".join(ast.unparse(node).split()))
    return text if len(text) <= SOURCE_MAX else text[: SOURCE_MAX - 1] + "…"


def bindings(body: list[ast.stmt]) -> dict[str, int]:
    """How often each variable is assigned in the body of a function; one that inner functions assign, twice more."""
    counts: dict[str, int] = {}
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        for name, times in _bound(node):
            counts[name] = counts.get(name, 0) + times
        if isinstance(node, Definition | ast.Lambda | ast.ClassDef):
            inner = (name for each in ast.walk(node) if isinstance(each, ast.Nonlocal) for name in each.names)
            counts |= {name: counts.get(name, 0) + 2 for name in inner}
        elif not isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            waiting.extend(ast.iter_child_nodes(node))
    return counts


def _bound(node: ast.AST) -> list[tuple[str, int]]:
    match node:
        case ast.AugAssign(target=ast.Name(id=name)):
            return [(name, 2)]
        case ast.Name(id=name, ctx=ast.Store()):
            return [(name, 1)]
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [(node.name, 1)]
        case _:
            return []
