"""Handlers that swallow the signals of the engine (WF122)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint.findings import Finding
from wf.lint.syntax import inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.lint.regions import Code

_AWAITS = ast.Await | ast.AsyncFor | ast.AsyncWith


def check(code: Code) -> Iterator[Finding]:
    """Look at each `try` around an `await`, and at `suppress`."""
    for _, node in code.workflow_nodes():
        if isinstance(node, ast.Try) and _waits(node.body):
            yield from _handlers(code, node)
        elif isinstance(node, ast.With) and _waits(node.body):
            yield from _suppressed(code, node)


def _waits(body: list[ast.stmt]) -> bool:
    return any(isinstance(each, _AWAITS) for each in inside(*body))


def _handlers(code: Code, node: ast.Try) -> Iterator[Finding]:
    for handler in node.handlers:
        if _is_broad(code, handler.type) and not any(isinstance(each, ast.Raise) for each in inside(*handler.body)):
            what = "`except:`" if handler.type is None else f"`except {ast.unparse(handler.type)}`"
            yield Finding.at(code.path, handler, "WF122", what)
            return


def _is_broad(code: Code, node: ast.expr | None) -> bool:
    if isinstance(node, ast.Tuple):
        return any(_is_broad(code, each) for each in node.elts)
    return node is None or code.resolver.dotted(node) == ["builtins.BaseException"]


def _suppressed(code: Code, node: ast.With) -> Iterator[Finding]:
    for item in node.items:
        match item.context_expr:
            case ast.Call(func=func, args=args) if code.resolver.dotted(func) == ["contextlib.suppress"]:
                if any(_is_broad(code, each) for each in args):
                    yield Finding.at(code.path, item.context_expr, "WF122", "`suppress(BaseException)`")
            case _:
                pass
