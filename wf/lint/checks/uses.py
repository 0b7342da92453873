"""What a value is used for: the name of a step, of which another rule tells, or a log, in which it harms nobody."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint.resolve import FUTURES
from wf.lint.values import Method

if TYPE_CHECKING:
    from wf.lint.regions import Code

_LOGS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def is_told_elsewhere(code: Code, node: ast.Call) -> bool:
    """Whether a value goes into the name of a step, or into logs only."""
    return _names_a_step(code, node) or _is_logged(code, node) or _is_only_logged(code, node)


def _names_a_step(code: Code, node: ast.AST) -> bool:
    inner = node
    for outer in code.tree.parents(node):
        if isinstance(outer, ast.stmt | ast.Lambda):
            return False
        named = isinstance(inner, ast.keyword) and inner.arg == "name"
        if isinstance(outer, ast.Call) and (named or outer.args[:1] == [inner]) and _is_step(code, outer):
            return True
        inner = outer
    return False


def _is_step(code: Code, node: ast.Call) -> bool:
    return any(isinstance(each, Method) and each.name in FUTURES for each in code.values(node.func))


def _is_logged(code: Code, node: ast.AST) -> bool:
    for outer in code.tree.parents(node):
        if isinstance(outer, ast.stmt):
            return isinstance(outer, ast.Expr) and isinstance(outer.value, ast.Call) and _is_log(outer.value)
    return False


def _is_log(node: ast.Call) -> bool:
    match node.func:
        case ast.Name(id="print"):
            return True
        case ast.Attribute(value=ast.Name(id=name) | ast.Attribute(attr=name), attr=method):
            return method in _LOGS and "log" in name.lower()
        case _:
            return False


def _is_only_logged(code: Code, node: ast.Call) -> bool:
    """Whether a value goes into a variable that is only read for logs: `began = time.monotonic()`."""
    match code.tree.parent(node):
        case ast.Assign(targets=[ast.Name() as target]):
            scope = code.tree.scope(target).owner(target.id)
            if scope is None or scope.node not in code.run:
                return False
            named = [each for each in ast.walk(scope.node) if isinstance(each, ast.Name) and each.id == target.id]
            reads = [each for each in named if each is not target]
            return bool(reads) and all(_is_logged(code, each) for each in reads)
        case _:
            return False
