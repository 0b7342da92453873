"""What a step's code changes of the variables around it, and of `self`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NamedTuple

from wf.lint.checks.event import CHANGES
from wf.lint.values import Container, Dotted, Self, Special

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.lint.regions import Code
    from wf.lint.scopes import Callback, Scope
    from wf.lint.values import Value


class Change(NamedTuple):
    """A change: of which variable, or of which attribute of it.

    Attributes:
        node: Where it stands.
        scope: The scope of the variable.
        name: Its name.
        attribute: Of what it holds; None if that is changed itself.
        key: The one item that is changed, if that is a constant; else None.
    """

    node: ast.expr | ast.stmt
    scope: Scope
    name: str
    attribute: str | None = None
    key: Any = None


def changes_of(code: Code, function: Callback, node: ast.AST) -> Iterator[Change]:
    """The changes that one node makes."""
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


def _target(code: Code, function: Callback, node: ast.expr | ast.stmt, target: ast.expr) -> Iterator[Change]:
    match target:
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            for each in elts:
                yield from _target(code, function, node, each)
        case ast.Name(id=name) if name in code.tree.scope(target).elsewhere:
            owner = code.tree.scope(target).owner(name)
            if owner is not None:
                yield Change(node, owner, name)
        case ast.Subscript(value=base, slice=key):
            known = key.value if isinstance(key, ast.Constant) and isinstance(base, ast.Name) else None
            yield from _inner(code, function, node, base, known)
        case ast.Attribute(value=ast.Name() as base, attr=attribute):
            yield from _attribute(code, function, node, base, attribute)
        case _:
            pass


def _inner(
    code: Code, function: Callback, node: ast.expr | ast.stmt, base: ast.expr, key: Any = None
) -> Iterator[Change]:
    """A change in place of what a variable holds, or an attribute of `self`."""
    root, attribute = base, None
    while isinstance(root, ast.Subscript | ast.Attribute):
        attribute = root.attr if isinstance(root, ast.Attribute) else attribute
        root = root.value
    if not isinstance(root, ast.Name) or not _holds_data(code, base, root, attribute):
        return
    if attribute is not None:
        yield from _attribute(code, function, node, root, attribute)
    elif (owner := code.tree.scope(root).owner(root.id)) is not None and _is_around(code, owner, function):
        yield Change(node, owner, root.id, key=key)


def _holds_data(code: Code, base: ast.expr, root: ast.Name, attribute: str | None) -> bool:
    """Whether what is changed is a list, dict or set that is made here, or what a step has given."""
    return code.resolver.is_only(base, _is_data) or (attribute is None and code.resolver.is_only(root, _is_data))


def _is_data(value: Value) -> bool:
    return isinstance(value, Container) or value is Special.RESULT


def _attribute(
    code: Code, function: Callback, node: ast.expr | ast.stmt, root: ast.Name, attribute: str
) -> Iterator[Change]:
    owner = code.tree.scope(root).owner(root.id)
    if owner is None:
        return
    of_self = code.resolver.is_only(root, lambda value: is_workflow(code, value))
    if of_self or (_is_around(code, owner, function) and code.resolver.is_only(root, _is_object)):
        yield Change(node, owner, root.id, attribute)


def _is_object(value: Value) -> bool:
    return value is Special.RESULT or isinstance(value, Self | Dotted | Container)


def _is_around(code: Code, owner: Scope, function: Callback) -> bool:
    """Whether a scope is a function of workflow code around a step's function."""
    return owner.node in code.run and owner.node is not function and owner.node in code.tree.parents(function)


def is_workflow(code: Code, value: Value) -> bool:
    """Whether a value is the workflow itself."""
    return isinstance(value, Self) and code.classes.is_workflow(value.cls)
