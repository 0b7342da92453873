"""Running a callback up to its middle, for a worker that dies there."""

from __future__ import annotations

import ast
import inspect
import sys
from contextlib import suppress
from functools import partial
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from wf.errors import WfError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType


class Uncuttable(WfError):
    """A callback has no middle at which its worker could die."""

    code = "testing.uncuttable"


_dead: list[Any] = []
"""What dead workers held: never let go while this process lives, or their `finally` blocks would run after all."""


class FirstPart:
    """An async callback up to where it first waits for something.

    Args:
        callback: The author's.
    """

    def __init__(self, callback: Callable[..., Any]) -> None:
        self._callback = callback
        self.__signature__ = inspect.signature(callback)

    async def __call__(self, *args: Any, **named: Any) -> None:
        """Run this part."""
        body = self._callback(*args, **named)
        _dead.append(body)
        with suppress(StopIteration):
            body.send(None)


class _Cut(BaseException):
    """The first statement has run; no `except Exception` of the callback may stop this."""


def first_statement(callback: Callable[..., Any], result: Callable[[], Any]) -> Any:
    """Run a sync callback until its first statement has run; all of it, if it has but one.

    Args:
        callback: The author's.
        result: Calls it.

    Raises:
        Uncuttable: It is not written in Python, or it does not let itself be stopped.
    """
    code: CodeType | None = getattr(inspect.unwrap(function_of(callback)), "__code__", None)
    if code is None:
        raise Uncuttable(f"crash_worker(at='during') cannot stop {callback!r:.120} in its middle: it has no lines.")
    first, was_cut = _lines_of_first(code), False

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal first, was_cut
        if frame.f_code is not code:
            return None
        if event == "line":
            first = first or range(frame.f_lineno, frame.f_lineno + 1)
            if frame.f_lineno not in first:
                was_cut = True
                raise _Cut
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        value = result()
    except _Cut:
        return None  # nobody will see it: the worker dies next
    finally:
        sys.settrace(before)
    if was_cut:
        raise Uncuttable(
            f"crash_worker(at='during') could not stop {callback!r:.120}: what wraps it swallows everything that is "
            f"raised in it (a bare `except:`, or `except BaseException`)."
        )
    return value


def function_of(callback: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind a partial or an object that can be called."""
    while isinstance(callback, partial):
        callback = callback.func
    if inspect.isroutine(callback) or inspect.isclass(callback):
        return callback
    return getattr(type(callback), "__call__", callback)  # noqa: B004  # the method itself, not whether there is one


def _lines_of_first(code: CodeType) -> range | None:
    """The lines of the first statement behind the docstring; None if the source cannot be had."""
    try:
        lines, start = inspect.getsourcelines(code)
        tree = ast.parse(dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):  # a lambda in the middle of an expression, say
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = [each for each in node.body if not _is_text(each)] or node.body
            return range(body[0].lineno + start - 1, (body[0].end_lineno or body[0].lineno) + start)
    return None


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
