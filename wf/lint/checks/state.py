"""Changes that a step makes and that are read outside of it (WF120)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from wf.lint.checks.event import CHANGES
from wf.lint.findings import Finding
from wf.lint.scopes import Callback
from wf.lint.syntax import inside
from wf.lint.values import Container, Dotted, Self, Special

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.lint.regions import Code
    from wf.lint.scopes import Scope
    from wf.lint.values import Value


class _Change(NamedTuple):
    """A change: where, of which variable, or of which attribute of it."""

    node: ast.AST
    scope: Scope
    name: str
    attribute: str | None


def check(code: Code) -> Iterator[Finding]:
    """Look at what step code changes of the variables around it, and of `self`."""
    for function, node in code.step_nodes():
        for change in _changes(code, function, node):
            if _is_read(code, function, change) and not _is_handed_back(code, function, change):
                what = f"`{change.name}{f'.{change.attribute}' if change.attribute else ''}`"
                yield Finding.at(code.path, change.node, "WF120", what)  # type: ignore[arg-type]


def _changes(code: Code, function: Callback, node: ast.AST) -> Iterator[_Change]:
    match node:
        case ast.Call(func=ast.Attribute(value=base, attr=name)) if name in CHANGES:
            yield from _inner(code, function, node, base)
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            for target in targets:
                yield from _target(code, function, node, target)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
            yield from _target(code, function, node, target)
        case ast.NamedExpr(target=target):
            yield from _target(code, function, node, target)
        case _:
            pass


def _target(code: Code, function: Callback, node: ast.AST, target: ast.expr) -> Iterator[_Change]:
    match target:
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            for each in elts:
                yield from _target(code, function, node, each)
        case ast.Name(id=name) if name in code.tree.scope(target).elsewhere:
            owner = code.tree.scope(target).owner(name)
            if owner is not None:
                yield _Change(node, owner, name, None)
        case ast.Subscript(value=base):
            yield from _inner(code, function, node, base)
        case ast.Attribute(value=ast.Name() as base, attr=attribute):
            yield from _attribute(code, function, node, base, attribute)
        case _:
            pass


def _inner(code: Code, function: Callback, node: ast.AST, base: ast.expr) -> Iterator[_Change]:
    """A change in place of what a variable holds, or an attribute of `self`."""
    root, attribute = base, None
    while isinstance(root, ast.Subscript | ast.Attribute):
        attribute = root.attr if isinstance(root, ast.Attribute) else attribute
        root = root.value
    if not isinstance(root, ast.Name) or not _holds_data(code, base, root, attribute):
        return
    yield from _attribute(code, function, node, root, attribute) if attribute else _variable(code, function, node, root)


def _holds_data(code: Code, base: ast.expr, root: ast.Name, attribute: str | None) -> bool:
    """Whether what is changed is a list, dict or set that is made here, or what a step has given."""
    if code.resolver.is_only(base, _is_data):
        return True
    return attribute is None and code.resolver.is_only(root, _is_data)


def _is_data(value: Value) -> bool:
    return isinstance(value, Container) or value is Special.RESULT


def _variable(code: Code, function: Callback, node: ast.AST, root: ast.Name) -> Iterator[_Change]:
    owner = code.tree.scope(root).owner(root.id)
    if owner is not None and _is_around(code, owner, function):
        yield _Change(node, owner, root.id, None)


def _attribute(code: Code, function: Callback, node: ast.AST, root: ast.Name, attribute: str) -> Iterator[_Change]:
    owner = code.tree.scope(root).owner(root.id)
    if owner is None:
        return
    of_self = code.resolver.is_only(root, lambda value: _is_workflow(code, value))
    if of_self or (_is_around(code, owner, function) and code.resolver.is_only(root, _is_object)):
        yield _Change(node, owner, root.id, attribute)


def _is_object(value: Value) -> bool:
    return value is Special.RESULT or isinstance(value, Self | Dotted | Container)


def _is_around(code: Code, owner: Scope, function: Callback) -> bool:
    """Whether a scope is a function of workflow code around a step's function."""
    return owner.node in code.run and owner.node is not function and owner.node in code.tree.parents(function)


def _is_read(code: Code, function: Callback, change: _Change) -> bool:
    """Whether anybody else sees the change: workflow code, or another step that does not make it itself."""
    if change.attribute is not None and change.node is not None and _of_self(code, change):
        return any(_reads_attribute(code, node, change) for _, node in code.workflow_nodes())
    begin = _root(code, function, change)
    makers = {id(begin)}
    of_module = isinstance(change.scope.node, ast.Module)  # often a client that is made once; steps may share it
    for region in (code.run,) if of_module else (code.run, code.steps):
        for other in region:
            if other in code.run and other in code.steps:
                continue
            if region is code.steps and (_makes_it(code, other, change) or id(_root(code, other, change)) in makers):
                continue
            if any(_reads(code, node, change) and _later(code, node, begin) for node in code.nodes(other)):
                return True
    return False


def _is_handed_back(code: Code, function: Callback, change: _Change) -> bool:
    """Whether the step returns what it has changed, and `run` puts that in its place."""
    if isinstance(function, ast.Lambda):
        return False
    returned = [each for each in code.nodes(function) if isinstance(each, ast.Return) and each.value is not None]
    if not any(_reads(code, node, change, whole=True) for each in returned for node in inside(each)):
        return False
    targets = [
        target
        for _, node in code.workflow_nodes()
        if isinstance(node, ast.Assign) and any(isinstance(each, ast.Await) for each in inside(node.value))
        for each in node.targets
        for target in ast.walk(each)
    ]
    return any(_is_place(code, each, change) for each in targets)


def _is_place(code: Code, target: ast.AST, change: _Change) -> bool:
    match target:
        case ast.Attribute(value=ast.Name(), attr=attribute):
            return attribute == change.attribute
        case ast.Name(id=name):
            same = change.attribute is None and name == change.name
            return same and code.tree.scope(target).owner(name) is change.scope
        case _:
            return False


def _of_self(code: Code, change: _Change) -> bool:
    bindings = change.scope.names.get(change.name, [])
    return any(_is_workflow(code, value) for each in bindings for value in code.resolver.binding(each))


def _is_workflow(code: Code, value: Value) -> bool:
    return isinstance(value, Self) and code.classes.is_workflow(value.cls)


def _reads_attribute(code: Code, node: ast.AST, change: _Change) -> bool:
    match node:
        case ast.Attribute(value=base, attr=name, ctx=ast.Load()) if name == change.attribute:
            return code.resolver.is_only(base, lambda value: _is_workflow(code, value))
        case _:
            return False


def _root(code: Code, function: Callback, change: _Change) -> ast.AST:
    """The outermost function around that lies in the scope of the variable."""
    root: ast.AST = function
    for outer in code.tree.parents(function):
        if outer is change.scope.node or outer in code.run:
            break
        if isinstance(outer, Callback):
            root = outer
    return root


def _reads(code: Code, node: ast.AST, change: _Change, *, whole: bool = False) -> bool:
    if change.attribute is not None:
        match node:
            case ast.Attribute(value=ast.Name(id=name) as base, attr=attribute, ctx=ast.Load()):
                same = name == change.name and attribute == change.attribute
                return same and (whole or code.tree.scope(base).owner(name) is change.scope)
            case _:
                return False
    if not isinstance(node, ast.Name) or node.id != change.name or not isinstance(node.ctx, ast.Load):
        return False
    return code.tree.scope(node).owner(node.id) is change.scope and (whole or not _only_changes(code, node))


def _only_changes(code: Code, name: ast.Name) -> bool:
    """Whether a name is only used to change what it holds: `x.append(...)`, `x[...] = ...`."""
    outer = code.tree.parent(name)
    match outer:
        case ast.Attribute(attr=method) if method in CHANGES - {"pop", "popitem", "popleft", "setdefault"}:
            return isinstance(code.tree.parent(outer), ast.Call)
        case ast.Subscript(ctx=ast.Store() | ast.Del()):
            return True
        case _:
            return False


def _makes_it(code: Code, function: Callback, change: _Change) -> bool:
    return any(
        (each.scope, each.name, each.attribute) == (change.scope, change.name, change.attribute)
        for node in code.nodes(function)
        for each in _changes(code, function, node)
    )


def _later(code: Code, node: ast.AST, begin: ast.AST) -> bool:
    """Whether a node comes behind a function, or may: they are in one loop."""
    place = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
    if place > (getattr(begin, "end_lineno", 0), getattr(begin, "end_col_offset", 0)):
        return True
    loops = [each for each in code.tree.parents(begin) if isinstance(each, ast.For | ast.While | ast.AsyncFor)]
    return any(loop in code.tree.parents(node) for loop in loops)
