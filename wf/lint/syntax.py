"""Pieces of source: what a function executes itself, and the arguments of a step."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wf.lint.scopes import Callback


def callback_of(call: ast.Call) -> ast.expr | None:
    """The callback of `step.do(name, callback)`; a list in its place means `depends`."""
    given = call.args[1] if len(call.args) > 1 else None
    given = given or next((each.value for each in call.keywords if each.arg == "callback"), None)
    return None if isinstance(given, ast.List) else given


def own_nodes(function: Callback) -> Iterable[ast.AST]:
    """What a function executes itself, in order: without the bodies of functions in it, and of `if TYPE_CHECKING`."""
    body: list[ast.AST] = [function.body] if isinstance(function, ast.Lambda) else [*function.body]
    return inside(*body)


def inside(*nodes: ast.AST) -> Iterable[ast.AST]:
    """Nodes and what is executed in them, in order, as far as it is executed along with them."""
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(list(_inline(node)))


def _inline(node: ast.AST) -> Iterable[ast.AST]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            defaults = [each for each in (*node.args.defaults, *node.args.kw_defaults) if each is not None]
            return [*node.decorator_list, *defaults]
        case ast.Lambda():
            return [each for each in (*node.args.defaults, *node.args.kw_defaults) if each is not None]
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            return node.orelse
        case ast.AnnAssign(target=target, value=value):
            return [target] if value is None else [target, value]
        case _:
            return ast.iter_child_nodes(node)
