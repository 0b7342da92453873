"""How findings call what they are about."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wf.lint.regions import Code
    from wf.lint.scopes import Callback

_MAX = 60


def source(node: ast.expr) -> str:
    """An expression as it stands there, on one line, shortened."""
    try:
        text = " ".join(ast.unparse(node).split())
    except RecursionError:  # a sum of a thousand texts is Python, too
        return "this"
    return text if len(text) <= _MAX else text[: _MAX - 1] + "…"


def called(node: ast.Call, dotted: str = "") -> str:
    """A call, and what is behind an alias."""
    text = f"`{source(node.func)}()`"
    hidden = dotted and "()" not in dotted and not dotted.endswith(source(node.func)) and "builtins." not in dotted
    return f"{text} ({dotted})" if hidden else text


def place(code: Code, function: Callback) -> str:
    """Where in the workflow's code a function is, unless it is `run` itself."""
    run = next(iter(code.run))
    if function is run or isinstance(function, ast.Lambda) or any(each is run for each in code.tree.parents(function)):
        return ""
    return f" in `{function.name}()`, which `run` calls,"
