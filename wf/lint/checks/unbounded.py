"""Loops that make steps without an end (WF115)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint.checks.words import source
from wf.lint.findings import Finding
from wf.lint.scopes import Callback
from wf.lint.syntax import inside
from wf.lint.values import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.lint.regions import Code

_ENDLESS = {"itertools.count", "itertools.cycle", "itertools.repeat"}


def check(code: Code) -> Iterator[Finding]:
    """Look at `while True` and at endless iterators."""
    for _, node in code.workflow_nodes():
        if not isinstance(node, ast.While | ast.For) or not (endless := _endless(code, node)):
            continue
        if not _ends(code, node) and code.makes_steps(inside(*node.body)):
            yield Finding.at(code.path, node, "WF115", endless)


def _endless(code: Code, node: ast.AST) -> str:
    match node:
        case ast.While(test=ast.Constant(value=value)) if value:
            return f"`while {value!r}`"
        case ast.For(iter=ast.Call(func=func, args=args) as iterated):
            names = code.resolver.dotted(func)
            endless = set(names) <= _ENDLESS and bool(names) and not ("itertools.repeat" in names and len(args) > 1)
            return f"`{source(iterated)}`" if endless else ""
        case _:
            return ""


def _ends(code: Code, loop: ast.While | ast.For) -> bool:
    """Whether something leads out of a loop: `break`, `return`, `raise`, or an error that is caught around it."""
    if _is_left_from_outside(code, loop, set()):
        return True
    for node in inside(*loop.body):
        if isinstance(node, ast.Return | ast.Raise | ast.Yield | ast.YieldFrom):
            return True
        if isinstance(node, ast.Break) and _loop_of(code, node) is loop:
            return True
        if isinstance(node, ast.Call) and _raises(code, node):
            return True
    return False


def _is_left_from_outside(code: Code, node: ast.AST, seen: set[ast.AST]) -> bool:
    """Whether an error may be caught around a node, a timeout stop it, or somebody cancel the task that it is in."""
    for outer in code.tree.parents(node):
        if isinstance(outer, ast.Try | ast.TryStar) and outer.handlers:
            return True
        if isinstance(outer, ast.With | ast.AsyncWith):
            return True
        if isinstance(outer, Callback):
            return _is_called_within(code, outer, seen)
    return False


def _is_called_within(code: Code, function: Callback, seen: set[ast.AST]) -> bool:
    """The same of the calls of a function: a plain `await` of it leaves nothing to stop it."""
    if function is next(iter(code.run)) or function in seen:
        return False
    seen.add(function)
    calls = [
        node
        for _, node in code.workflow_nodes()
        if isinstance(node, ast.Call) and function in [getattr(each, "node", None) for each in code.values(node.func)]
    ]
    plain = [each for each in calls if isinstance(code.tree.parent(each), ast.Await)]
    return len(plain) < max(len(calls), 1) or any(_is_left_from_outside(code, each, seen) for each in calls)


def _loop_of(code: Code, node: ast.AST) -> ast.AST | None:
    inner = node
    for outer in code.tree.parents(node):
        if isinstance(outer, ast.While | ast.For | ast.AsyncFor) and inner not in outer.orelse:
            return outer
        inner = outer
    return None


def _raises(code: Code, node: ast.Call) -> bool:
    """Whether a function of the file is called that may raise by itself."""
    functions = [each.node for each in code.values(node.func) if isinstance(each, Function)]
    return any(isinstance(each, ast.Raise) for function in functions for each in code.nodes(function))
