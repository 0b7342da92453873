"""Steps that are begun and left, not called at all, or called within another step (WF110 to WF112)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint.checks.words import called, source
from wf.lint.findings import Finding
from wf.lint.resolve import FUTURES, VALUES
from wf.lint.scopes import Definition, all_arguments
from wf.lint.values import Coroutine, Decorated, Dotted, Factory, Future, Method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.lint.regions import Code
    from wf.lint.scopes import Callback, Scope
    from wf.lint.values import Value

_TO_AWAIT = frozenset({
    "asyncio.gather()", "asyncio.sleep()", "asyncio.wait()", "asyncio.wait_for()", "asyncio.shield()",
})  # fmt: skip


def check(code: Code) -> Iterator[Finding]:
    """Look at statements, at assignments, and at the calls in step code."""
    for function, node in code.workflow_nodes():
        if isinstance(node, ast.Expr):
            yield from _dropped(code, node.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from _unused(code, node)
        elif isinstance(node, ast.Subscript) and code.resolver.is_only(node.value, _is_future):
            yield Finding.at(code.path, node, "WF110", f"`{source(node.value)}`")
        elif isinstance(node, ast.Return) and node.value is not None:
            yield from _returned(code, function, node.value)
        elif isinstance(node, Definition):
            yield from _uncalled(code, node)
    for _, node in code.step_nodes():
        if isinstance(node, ast.Call) and (nested := _nested(code, node)):
            yield Finding.at(code.path, node, "WF112", nested)


def _is_future(value: Value) -> bool:
    return isinstance(value, Future)


def _dropped(code: Code, value: ast.expr) -> Iterator[Finding]:
    if isinstance(value, ast.ListComp | ast.SetComp):  # made for its steps alone
        value = value.elt
    if isinstance(value, ast.Call) and code.resolver.is_only(value, _wants_await):
        yield Finding.at(code.path, value, "WF110", called(value))


def _wants_await(value: Value) -> bool:
    return isinstance(value, Future | Coroutine) or (isinstance(value, Dotted) and value.name in _TO_AWAIT)


def _unused(code: Code, node: ast.Assign | ast.AnnAssign) -> Iterator[Finding]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    match targets:
        case [ast.Name(id=name) as target] if isinstance(node.value, ast.Call):
            scope = code.tree.scope(target).owner(name)
            if scope is None or isinstance(scope.node, ast.Module | ast.ClassDef):
                return
            if code.resolver.is_only(node.value, _is_future) and not _is_read(code, scope, name):
                yield Finding.at(code.path, node.value, "WF110", called(node.value))
        case _:
            pass


def _is_read(code: Code, scope: Scope, name: str) -> bool:
    """Whether a name of a scope is used anywhere in it, or may be."""
    for node in ast.walk(scope.node):
        match node:
            case ast.Name(id="locals"):
                return True
            case ast.Name(id=str(used), ctx=ast.Load()) if used == name:
                if code.tree.scope(node).owner(name) is scope:
                    return True
            case _:
                pass
    return False


def _returned(code: Code, function: Callback, value: ast.expr) -> Iterator[Finding]:
    """What `run` itself returns is its result; another function may return a step for its caller to await."""
    is_run = function is next(iter(code.run)) and isinstance(function, ast.AsyncFunctionDef)
    if is_run and isinstance(value, ast.Call) and code.resolver.is_only(value, _wants_await):
        yield Finding.at(code.path, value, "WF110", called(value))


def _uncalled(code: Code, node: Definition) -> Iterator[Finding]:
    scope = code.tree.scope(node)
    if scope.names.get(node.name) != [node] or code.resolver.defined(node) != [Decorated(node)]:
        return
    if isinstance(scope.node, ast.Module | ast.ClassDef) or _is_read(code, scope, node.name):
        return
    if not _is_dependency(scope, {node.name, *_step_names(node)}):
        yield Finding.at(code.path, node, "WF111", f"`{node.name}`", node.name)


def _step_names(node: Definition) -> Iterator[str]:
    """The text under which other steps may ask for the result of this one."""
    for decorator in node.decorator_list:
        for each in ast.walk(decorator):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value


def _is_dependency(scope: Scope, names: set[str]) -> bool:
    """Whether a function of this scope takes the result of a step by its name."""
    functions = [each for each in ast.walk(scope.node) if isinstance(each, Definition) and each.decorator_list]
    return any(arg.arg in names for each in functions for arg in all_arguments(each))


def _nested(code: Code, node: ast.Call) -> str:
    """What is called of a step in step code."""
    for value in code.values(node.func):
        match value:
            case Method(name) if name in FUTURES | VALUES and _surely(code, node):
                return called(node)
            case Decorated():
                return called(node) if _surely(code, node) else ""
            case _:
                pass
    return ""


def _surely(code: Code, node: ast.Call) -> bool:
    return code.resolver.is_only(node.func, lambda value: isinstance(value, Method | Decorated | Factory))
