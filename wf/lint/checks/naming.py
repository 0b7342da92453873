"""Names of steps that differ at every replay (WF113)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint.checks.words import called
from wf.lint.findings import Finding
from wf.lint.known import CLOCKS, CLOCKS_WITHOUT_ARGUMENT, SEEDED, varies
from wf.lint.resolve import FUTURES
from wf.lint.scopes import Assigned
from wf.lint.syntax import inside
from wf.lint.values import Function, Method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.lint.regions import Code

_DEPTH = 4


def check(code: Code) -> Iterator[Finding]:
    """Look at the first argument of each step, and of `step.do` as a decorator."""
    for _, node in code.workflow_nodes():
        if not isinstance(node, ast.Call) or not code.resolver.is_only(node.func, _makes_a_step):
            continue
        named = [each.value for each in node.keywords if each.arg == "name"]
        for name in node.args[:1] or named:
            if cause := _cause(code, name, 0):
                yield Finding.at(code.path, name, "WF113", cause)


def _makes_a_step(value: object) -> bool:
    return isinstance(value, Method) and value.name in FUTURES


def _cause(code: Code, name: ast.expr, depth: int) -> str:
    """The call that makes a text differ, in it or in the variables that it is made of."""
    for node in inside(name):
        if isinstance(node, ast.Call):
            if (cause := _varies(code, node)) or (cause := _given(code, node, depth)):
                return cause
        elif isinstance(node, ast.Name) and depth < _DEPTH and (cause := _variable(code, node, depth)):
            return cause
    return ""


def _varies(code: Code, node: ast.Call) -> str:
    names = code.resolver.dotted(node.func)
    given = len(node.args) + len(node.keywords)
    for name in names:
        clock = name in CLOCKS or given <= CLOCKS_WITHOUT_ARGUMENT.get(name, -1)
        unseeded = name.partition("()")[0] in SEEDED and _is_unseeded(node)
        if not (varies(name) or clock or unseeded):
            return ""
    return called(node, names[0]) if names else ""


def _is_unseeded(node: ast.Call) -> bool:
    """Whether this is `Random().choice(...)`, made and used at once."""
    made = node.func.value if isinstance(node.func, ast.Attribute) else None
    return isinstance(made, ast.Call) and not made.args and not made.keywords


def _given(code: Code, node: ast.Call, depth: int) -> str:
    """The same of a function of the file that makes the text."""
    functions = [each for each in code.values(node.func) if isinstance(each, Function)]
    if len(functions) != 1 or depth >= _DEPTH:
        return ""
    body = functions[0].node
    if isinstance(body, ast.Lambda):
        return _cause(code, body.body, depth + 1)
    returned = [each.value for each in code.nodes(body) if isinstance(each, ast.Return) and each.value is not None]
    return next((cause for each in returned if (cause := _cause(code, each, depth + 1))), "")


def _variable(code: Code, node: ast.Name, depth: int) -> str:
    """The same of a variable of workflow code that is only bound once."""
    owner = code.tree.scope(node).owner(node.id)
    if owner is None or owner.node not in code.run:  # what a module made is another matter, and so is a class
        return ""
    match owner.names.get(node.id):
        case [Assigned(value)] if not isinstance(value, ast.Await):
            return _cause(code, value, depth + 1)
        case _:
            return ""
