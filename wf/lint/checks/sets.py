"""Steps in the order of a set (WF114)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint.checks.words import source
from wf.lint.findings import Finding
from wf.lint.syntax import inside
from wf.lint.values import Container, Function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.lint.regions import Code
    from wf.lint.values import Value

_KEEP_ORDER = frozenset({"builtins.list", "builtins.tuple", "builtins.enumerate", "builtins.iter", "builtins.reversed"})
_OF_SETS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})


def check(code: Code) -> Iterator[Finding]:
    """Look at loops, comprehensions and `map`."""
    for _, node in code.workflow_nodes():
        for iterated, makers in _iterations(code, node):
            if _is_set(code, iterated) and code.makes_steps(inside(*makers)):
                yield Finding.at(code.path, iterated, "WF114", f"`{source(iterated)}`")


def _iterations(code: Code, node: ast.AST) -> Iterator[tuple[ast.expr, list[ast.AST]]]:
    """What is iterated, and what is done with each."""
    match node:
        case ast.For(iter=iterated, body=body):
            yield iterated, [*body]
        case ast.ListComp(elt=elt, generators=generators) | ast.GeneratorExp(elt=elt, generators=generators):
            for each in generators:
                yield each.iter, [elt]
        case ast.Call(func=func, args=[first, iterated, *_]) if code.resolver.dotted(func) == ["builtins.map"]:
            functions = [each.node for each in code.values(first) if isinstance(each, Function)]
            yield iterated, [each for function in functions for each in code.nodes(function)]
        case _:
            pass


def _is_set(code: Code, node: ast.expr) -> bool:
    match node:
        case ast.Call(func=func, args=[inner, *_]) if set(code.resolver.dotted(func)) & _KEEP_ORDER:
            return _is_set(code, inner)
        case ast.Call(func=ast.Attribute(value=base, attr=name)) if name in _OF_SETS:
            return _is_set(code, base)
        case _:
            return code.resolver.is_only(node, lambda value: _shuffled(code, value, node))


def _shuffled(code: Code, value: Value, node: ast.expr) -> bool:
    """Whether a value is a set, and not one of numbers, whose order is the same everywhere."""
    if isinstance(value, Container) and value.kind == "list" and isinstance(value.node, ast.Call):
        ordered = set(code.resolver.dotted(value.node.func)) <= {"builtins.list"}
        return ordered and value.node is not node and bool(value.node.args) and _is_set(code, value.node.args[0])
    return isinstance(value, Container) and value.kind == "set" and not _of_numbers(code, value.node)


def _of_numbers(code: Code, node: ast.expr) -> bool:
    match node:
        case ast.Set(elts=elts):
            return all(isinstance(each, ast.Constant) and isinstance(each.value, int) for each in elts)
        case ast.SetComp(generators=[ast.comprehension(iter=each), *_]):
            return _is_range(code, each)
        case ast.Call(args=[]):
            return False
        case ast.Call(args=[ast.List(elts=elts) | ast.Tuple(elts=elts)]):
            return all(isinstance(each, ast.Constant) and isinstance(each.value, int) for each in elts)
        case ast.Call(args=[each, *_]):
            return _is_range(code, each)
        case _:
            return False


def _is_range(code: Code, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and code.resolver.dotted(node.func) == ["builtins.range"]
