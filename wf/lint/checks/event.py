"""Changes of the event (WF121)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint.checks.words import source
from wf.lint.findings import Finding
from wf.lint.values import Special

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.lint.regions import Code

CHANGES = frozenset({
    "append", "extend", "insert", "add", "update", "setdefault", "pop", "popitem", "remove", "discard", "clear", "sort",
    "reverse", "appendleft", "extendleft", "popleft", "rotate", "__setitem__", "__delitem__", "difference_update",
    "intersection_update", "symmetric_difference_update",
})  # fmt: skip
"""Methods that change a list, dict, set or deque."""


def check(code: Code) -> Iterator[Finding]:
    """Look at assignments into the event, and at calls that change parts of it, wherever they are."""
    for _, node in (*code.workflow_nodes(), *code.step_nodes()):
        for changed in _changed(node):
            if code.resolver.is_only(changed, lambda value: value is Special.EVENT):
                yield Finding.at(code.path, node, "WF121", f"`{_told(node)}`")  # type: ignore[arg-type]


def _told(node: ast.AST) -> str:
    """A change as it stands there."""
    match node:
        case ast.Call(func=func):
            return f"{source(func)}()"
        case ast.Delete(targets=[target, *_]):
            return f"del {source(target)}"
        case ast.Assign(targets=[target, *_]) | ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return f"{source(target)} = ..."
        case _:
            return "this"


def _changed(node: ast.AST) -> Iterator[ast.expr]:
    """What a node changes in place."""
    match node:
        case ast.Call(func=ast.Attribute(value=base, attr=name)) if name in CHANGES:
            yield base
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            for target in targets:
                yield from _target(target)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
            yield from _target(target)
        case _:
            pass


def _target(target: ast.expr) -> Iterator[ast.expr]:
    match target:
        case ast.Subscript(value=base) | ast.Attribute(value=base):
            yield base
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            for each in elts:
                yield from _target(each)
        case _:
            pass
