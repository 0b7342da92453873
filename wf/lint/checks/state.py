"""Changes that a step makes and that are read outside of it (WF120)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint.checks.changes import changes_of, is_workflow
from wf.lint.checks.event import CHANGES
from wf.lint.findings import Finding
from wf.lint.scopes import Callback
from wf.lint.syntax import inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.lint.checks.changes import Change
    from wf.lint.regions import Code

_READING = {"pop", "popitem", "popleft", "setdefault"}
"""Methods that change something and give something of it."""


def check(code: Code) -> Iterator[Finding]:
    """Look at what step code changes of the variables around it, and of `self`."""
    for function, node in code.step_nodes():
        for change in changes_of(code, function, node):
            if _is_read(code, function, change) and not _is_handed_back(code, function, change):
                what = f"`{change.name}{f'.{change.attribute}' if change.attribute else ''}`"
                yield Finding.at(code.path, change.node, "WF120", what)


def _is_read(code: Code, function: Callback, change: Change) -> bool:
    """Whether anybody else sees the change: workflow code, or another step that does not make it itself."""
    if change.attribute is not None and _is_of_self(code, change):
        return any(_reads_attribute(code, node, change) for _, node in code.workflow_nodes())
    begin = _root(code, function, change)
    return any(
        _reads(code, node, change) and _is_later(code, node, begin)
        for other in _readers(code, begin, change)
        for node in code.nodes(other)
    )


def _readers(code: Code, begin: ast.AST, change: Change) -> Iterator[Callback]:
    yield from (each for each in code.run if each not in code.steps)
    if isinstance(change.scope.node, ast.Module):  # often a client that is made once; steps may share it
        return
    for each in code.steps:
        if each not in code.run and _root(code, each, change) is not begin and not _makes_it(code, each, change):
            yield each


def _is_of_self(code: Code, change: Change) -> bool:
    bindings = change.scope.names.get(change.name, [])
    return any(is_workflow(code, value) for each in bindings for value in code.resolver.binding(each))


def _reads_attribute(code: Code, node: ast.AST, change: Change) -> bool:
    match node:
        case ast.Attribute(value=base, attr=name, ctx=ast.Load()) if name == change.attribute:
            return code.resolver.is_only(base, lambda value: is_workflow(code, value))
        case _:
            return False


def _root(code: Code, function: Callback, change: Change) -> ast.AST:
    """The outermost function of step code around a function that lies in the scope of the variable."""
    root: ast.AST = function
    for outer in code.tree.parents(function):
        if outer is change.scope.node or outer in code.run:
            break
        if isinstance(outer, Callback):
            root = outer
    return root


def _reads(code: Code, node: ast.AST, change: Change, *, whole: bool = False) -> bool:
    """Whether a node reads what was changed; `whole` asks only whether it is named."""
    match node:
        case ast.Attribute(value=ast.Name(id=name) as base, attr=attribute, ctx=ast.Load()) if change.attribute:
            same = (name, attribute) == (change.name, change.attribute)
            return same and (whole or code.tree.scope(base).owner(name) is change.scope)
        case ast.Name(id=name, ctx=ast.Load()) if not change.attribute and name == change.name:
            owned = code.tree.scope(node).owner(name) is change.scope
            return owned and (whole or not _is_beside(code, node, change))
        case _:
            return False


def _is_beside(code: Code, name: ast.Name, change: Change) -> bool:
    """Whether a name is only used to change what it holds, or to read another item than the one that was changed."""
    outer = code.tree.parent(name)
    match outer:
        case ast.Attribute(attr=method) if method in CHANGES - _READING:
            return isinstance(code.tree.parent(outer), ast.Call)
        case ast.Subscript(ctx=ast.Store() | ast.Del()):
            return True
        case ast.Subscript(slice=ast.Constant(value=key)):
            return change.key is not None and key != change.key
        case _:
            return False


def _makes_it(code: Code, function: Callback, change: Change) -> bool:
    return any(
        (each.scope, each.name, each.attribute) == (change.scope, change.name, change.attribute)
        for node in code.nodes(function)
        for each in changes_of(code, function, node)
    )


def _is_later(code: Code, node: ast.AST, begin: ast.AST) -> bool:
    """Whether a node comes behind a function, or may: they are in one loop."""
    place = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
    if place > (getattr(begin, "end_lineno", 0), getattr(begin, "end_col_offset", 0)):
        return True
    loops = [each for each in code.tree.parents(begin) if isinstance(each, ast.For | ast.While | ast.AsyncFor)]
    return any(loop in code.tree.parents(node) for loop in loops)


def _is_handed_back(code: Code, function: Callback, change: Change) -> bool:
    """Whether the step returns what it has changed, and `run` puts that in its place."""
    returned = [each for each in code.nodes(function) if isinstance(each, ast.Return) and each.value is not None]
    if not any(_reads(code, node, change, whole=True) for each in returned for node in inside(each)):
        return False
    assignments = [node for _, node in code.workflow_nodes() if isinstance(node, ast.Assign)]
    assigned = [
        target
        for node in assignments
        for target in node.targets
        if isinstance(target, ast.Subscript) or any(isinstance(each, ast.Await) for each in inside(node.value))
    ]
    return any(_is_place(code, each, change) for target in assigned for each in ast.walk(target))


def _is_place(code: Code, target: ast.AST, change: Change) -> bool:
    match target:
        case ast.Attribute(value=ast.Name(), attr=attribute):
            return attribute == change.attribute
        case ast.Name(id=name):
            same = change.attribute is None and name == change.name
            return same and code.tree.scope(target).owner(name) is change.scope
        case _:
            return False
