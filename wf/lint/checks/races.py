"""Races between steps (WF116)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint.checks.words import called
from wf.lint.findings import Finding
from wf.lint.resolve import MAKERS
from wf.lint.scopes import Assigned
from wf.lint.syntax import inside
from wf.lint.values import Container

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.lint.regions import Code
    from wf.lint.scopes import Callback

_FIRST = {"asyncio.FIRST_COMPLETED", "asyncio.FIRST_EXCEPTION"}
_FIRST_TEXT = {"FIRST_COMPLETED", "FIRST_EXCEPTION"}


def check(code: Code) -> Iterator[Finding]:
    """Look at `asyncio.wait` for the first, and at `as_completed` that is left early."""
    for function, node in code.workflow_nodes():
        if not isinstance(node, ast.Call) or not node.args:
            continue
        names = code.resolver.dotted(node.func)
        raced = names == ["asyncio.wait"] and _is_first(code, node) and not _losers_are_seen(code, function, node)
        raced |= names == ["asyncio.as_completed"] and _is_left(code, node)
        if raced and _has_effects(code, node.args[0]) and not _cancels(code, function):
            yield Finding.at(code.path, node, "WF116", called(node))


def _is_first(code: Code, node: ast.Call) -> bool:
    given = next((each.value for each in node.keywords if each.arg == "return_when"), None)
    if isinstance(given, ast.Constant):
        return given.value in _FIRST_TEXT
    return given is not None and set(code.resolver.dotted(given)) & _FIRST != set()


def _losers_are_seen(code: Code, function: Callback, node: ast.Call) -> bool:
    """Whether what is pending is looked at again, or the tasks are, or the race goes on in a loop."""
    here = code.tree.parents(node)
    if any(isinstance(each, ast.While | ast.For) and each in code.nodes(function) for each in here):
        return True
    if isinstance(node.args[0], ast.Name) and _is_loaded_behind(code, function, node, node.args[0].id):
        return True
    statement = next((each for each in code.tree.parents(node) if isinstance(each, ast.stmt)), None)
    match statement:
        case ast.Assign(targets=[ast.Tuple(elts=[_, ast.Name(id=pending)])]):
            return any(_loads(each, pending) for each in code.nodes(function))
        case ast.Expr() | ast.Assign(targets=[ast.Tuple(elts=[_, _])]):
            return False
        case _:
            return True


def _is_loaded_behind(code: Code, function: Callback, node: ast.Call, name: str) -> bool:
    end = (node.end_lineno or 0, node.end_col_offset or 0)
    return any(_loads(each, name) and (each.lineno, each.col_offset) > end for each in code.nodes(function))  # type: ignore[attr-defined]


def _loads(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)


def _is_left(code: Code, node: ast.Call) -> bool:
    """Whether `as_completed` is not iterated to its end."""
    outer = code.tree.parent(node)
    if isinstance(outer, ast.Call):
        return code.resolver.dotted(outer.func) == ["builtins.next"]
    if not isinstance(outer, ast.For | ast.AsyncFor) or outer.iter is not node:
        return False
    ends = [each for each in inside(*outer.body) if isinstance(each, ast.Break | ast.Return)]
    return any(isinstance(each, ast.Return) or _breaks(code, each, outer) for each in ends)


def _breaks(code: Code, node: ast.AST, loop: ast.AST) -> bool:
    loops = (each for each in code.tree.parents(node) if isinstance(each, ast.While | ast.For | ast.AsyncFor))
    return next(loops) is loop


def _has_effects(code: Code, contenders: ast.expr) -> bool:
    """Whether what races runs code of the user; a wait for an event against a sleep has no effects."""
    nodes = [contenders, *(each.node for each in code.values(contenders) if isinstance(each, Container))]
    if isinstance(contenders, ast.Name):
        nodes += _bound(code, contenders)
    listed = [each for node in nodes for each in inside(node)]
    more = [value for each in listed if isinstance(each, ast.Name) for value in _bound(code, each)]
    return code.makes_steps([*listed, *(each for node in more for each in inside(node))], MAKERS)


def _bound(code: Code, name: ast.Name) -> list[ast.expr]:
    owner = code.tree.scope(name).owner(name.id)
    if owner is None or owner.node not in code.run:
        return []
    return [each.value for each in owner.names.get(name.id, []) if isinstance(each, Assigned)]


def _cancels(code: Code, function: Callback) -> bool:
    calls = (each for each in code.nodes(function) if isinstance(each, ast.Call))
    return any(isinstance(each.func, ast.Attribute) and each.func.attr == "cancel" for each in calls)
