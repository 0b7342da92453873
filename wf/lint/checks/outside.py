"""What belongs into a step: I/O, clocks, blocking sleeps, randomness, surroundings, threads (WF101 to WF106)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint import known
from wf.lint.checks.uses import is_told_elsewhere
from wf.lint.checks.words import called, place, source
from wf.lint.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.lint.regions import Code
    from wf.lint.scopes import Callback


_VALUES = {"WF102", "WF104", "WF105"}


def check(code: Code) -> Iterator[Finding]:
    """Look at each call in workflow code, and at `os.environ`."""
    for function, node in code.workflow_nodes():
        if isinstance(node, ast.Call):
            yield from _call(code, function, node)
        elif isinstance(node, ast.Attribute | ast.Name) and code.resolver.dotted(node) == ["os.environ"]:
            yield Finding.at(code.path, node, "WF105", f"`{source(node)}`{place(code, function)}")


def _call(code: Code, function: Callback, node: ast.Call) -> Iterator[Finding]:
    names = code.resolver.dotted(node.func)
    found = {_rule(name, node) or _bound(code, name, node) for name in names} or {_unnamed(code, node)}
    if len(found) == 1 and (rule := found.pop()) and not (rule in _VALUES and is_told_elsewhere(code, node)):
        what = called(node, names[0] if len(names) == 1 else "") + place(code, function)
        yield Finding.at(code.path, node, rule, what)


def _rule(name: str, node: ast.Call) -> str:  # noqa: PLR0911  # a rule each
    given = len(node.args) + len(node.keywords)
    if name == "time.sleep":
        return "WF103"
    if name in known.CLOCKS or given <= known.CLOCKS_WITHOUT_ARGUMENT.get(name, -1):
        return "WF102"
    if name in known.RANDOM or name.startswith("random.SystemRandom()."):
        return "WF104"
    if name in known.SEEDED and (not given or _is_none(node)):
        return "WF104"
    if name in known.SURROUNDINGS:
        return "WF105"
    if name in known.THREADS or (name.startswith(known.LOOPS) and name.rpartition(".")[2] in known.THREAD_METHODS):
        return "WF106"
    return "WF101" if known.is_io(name) or _sends_a_task(name) else ""


def _is_none(node: ast.Call) -> bool:
    return bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value is None


def _sends_a_task(name: str) -> bool:
    """Whether this is a call of a Celery task from elsewhere."""
    module, _, method = name.rpartition(".")
    return method == "apply_async" or (method == "delay" and "task" in module and "()" not in module)


def _bound(code: Code, name: str, node: ast.Call) -> str:
    """A call of what `self.env` binds; that it is awaited tells that it goes out."""
    upper = name.startswith("self.env.") and name.split(".")[2].isupper()
    return "WF101" if upper and isinstance(code.tree.parent(node), ast.Await) else ""


def _unnamed(code: Code, node: ast.Call) -> str:
    """Calls that are known by their shape: of Celery tasks of the file, and of the event loop."""
    match node.func:
        case ast.Attribute(attr="delay" | "apply_async", value=ast.Name() as task):
            return "WF101" if _is_task(code, task) else ""
        case ast.Attribute(attr="run_in_executor"):
            return "WF106"
        case _:
            return ""


def _is_task(code: Code, name: ast.Name) -> bool:
    functions = [each for each in code.tree.bindings(name) if isinstance(each, ast.FunctionDef)]
    decorators = [each for function in functions for each in function.decorator_list]
    plain = [each.func if isinstance(each, ast.Call) else each for each in decorators]
    return any(source(each).endswith(("task", "shared_task")) for each in plain)
