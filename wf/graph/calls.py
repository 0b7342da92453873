"""Calls in `run`: of steps, of asyncio, of functions that may lead to steps."""

from __future__ import annotations

import ast
import asyncio
import functools
import itertools
import sys
from abc import abstractmethod
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeGuard

from wf.graph.constants import constant
from wf.graph.nodes import Node
from wf.graph.source import text_of
from wf.graph.steps import Steps, arguments, timer
from wf.graph.values import (
    CARRIERS,
    Decorated,
    Factory,
    Function,
    Many,
    Method,
    Pending,
    Real,
    Scope,
    Source,
    Special,
    Value,
    element_of,
    joined,
    leaves_of,
    without_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ADDING = frozenset({"append", "add", "extend", "appendleft", "insert", "put_nowait"})
_SAME = (list, tuple, set, frozenset, sorted, reversed, iter)
"""What gives the values that it gets."""
_MAPPING = (map, filter, itertools.starmap)
_KINDS = {"FIRST_COMPLETED": "race", "FIRST_EXCEPTION": "all"}


class Calls(Steps):
    """Follows calls."""

    @abstractmethod
    def value(self, node: ast.expr | None, scope: Scope) -> Value:
        """Draw what an expression does, and tell what it gives."""

    def call(self, node: ast.Call, scope: Scope) -> Value:
        """Draw a call."""
        match node.func:
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in _ADDING and name in scope.values:
                return self._collect(name, node, scope)
        called = self.value(node.func, scope)
        return self._call(called, node, scope)

    def _call(self, called: Value, node: ast.Call, scope: Scope) -> Value:
        match called:
            case Method():
                found = self.of_step(called, node, scope)
            case Factory():
                found = self.decorate(called, self.value(node.args[0], scope) if node.args else None)
            case Decorated():
                found = self.run_decorated(called)
            case Function():
                found = self.run_function(called, *self._arguments(node, scope), node.lineno)
            case Many(values) if any(isinstance(each, CARRIERS) for each in values):
                found = self._one_of(values, node, scope)
            case Pending():  # `tasks.values()` and its like
                found = called
            case Real(object=there):
                found = self._of_object(there, node, scope)
            case _:
                args, keywords = self._arguments(node, scope)
                found = self._of_stranger([*args, *keywords.values()], node)
        return found

    def _collect(self, name: str, node: ast.Call, scope: Scope) -> Value:
        """`tasks.append(...)` and its like."""
        added = joined([self.value(arg, scope) for arg in node.args])
        if isinstance(added, CARRIERS | Many):
            scope.values[name] = known = joined([scope.values[name], added])
            self.effort.spend(copies=len(leaves_of(known)))
        elif not isinstance(scope.values[name], Pending):
            scope.values[name] = None  # any text may be in it now
        return None

    def _one_of(self, values: list[Value], node: ast.Call, scope: Scope) -> Value:
        """One of several functions, as from a table or in a loop over them."""
        blocks, labels, found = [], [], []
        for each in values:
            with self.block() as block:
                found.append(self._call(each, node, scope))
            blocks.append(block)
            labels.append(_label(each))
        self.add(Node("switch", {"discriminant": text_of(node.func)}, blocks, labels))
        return joined(found)

    def _arguments(self, node: ast.Call, scope: Scope) -> tuple[list[Value], dict[str, Value]]:
        args = [self._argument(arg, scope) for arg in node.args]
        return args, {each.arg or "**": self._argument(each.value, scope) for each in node.keywords}

    def _argument(self, node: ast.expr, scope: Scope) -> Value:
        value = self.value(node, scope)
        return Source(node, scope) if value is None or isinstance(value, Real) else value

    def _of_object(self, found: object, node: ast.Call, scope: Scope) -> Value:
        """A call of what is there when the module is imported."""
        if (special := self._special.get(id(found))) is not None:
            return special(node, scope)
        args, keywords = self._arguments(node, scope)
        given = [*args, *keywords.values()]
        if _is_authors(found) and any(isinstance(each, CARRIERS) for each in given):
            function = self.function_of(found)
            if function is not None:
                return self.run_function(function, args, keywords, node.lineno)
        return self._of_stranger(given, node, keep_text=any(found is each for each in _SAME))

    def _of_stranger(self, given: list[Value], node: ast.Call, *, keep_text: bool = False) -> Value:
        """A call of which nothing is known: functions that are handed to it are taken to be called."""
        results = [
            self.run_function(each, [], {}, node.lineno) if isinstance(each, Function) else each
            for each in given
            if not isinstance(each, Source | Special)
        ]
        if not keep_text:  # such as `create_task`
            for leaf in leaves_of(joined(results)):
                leaf.lazy = False
        return joined(results if keep_text else map(without_text, results))

    @functools.cached_property
    def _special(self) -> Mapping[int, Callable[[ast.Call, Scope], Value]]:
        """What is known by itself."""
        table: dict[Any, Callable[[ast.Call, Scope], Value]] = {
            super: lambda _node, _scope: Special.SUPER,
            asyncio.gather: self._gather, asyncio.wait: self._wait, asyncio.as_completed: self._as_completed,
            asyncio.wait_for: self._wait_for, asyncio.sleep: self._timer, functools.partial: self._partial,
            **dict.fromkeys(_MAPPING, self._map),
        }  # fmt: skip
        return {id(function): special for function, special in table.items()}

    def _gather(self, node: ast.Call, scope: Scope) -> Value:
        quiet = any(k.arg == "return_exceptions" and constant(k.value, scope) is True for k in node.keywords)
        return self._side_by_side("all_settled" if quiet else "all", node.args, scope)

    def _wait(self, node: ast.Call, scope: Scope) -> Value:
        said = [constant(k.value, scope) for k in node.keywords if k.arg == "return_when"]
        kind = _KINDS.get(str(said[0]), "all_settled") if said else "all_settled"
        return self._side_by_side(kind, node.args[:1], scope)

    def _as_completed(self, node: ast.Call, scope: Scope) -> Value:
        found = self._side_by_side("all", node.args[:1], scope)
        for leaf in leaves_of(found):
            if leaf.type == "parallel":
                leaf.starts = None
        return found

    def _side_by_side(self, kind: str, args: list[ast.expr], scope: Scope) -> Value:
        with self.block() as fresh:
            leaves = leaves_of(joined([self.value(arg, scope) for arg in args]))
        return Pending(self.gather(kind, leaves, fresh))

    def _wait_for(self, node: ast.Call, scope: Scope) -> Value:
        """A race with a timer."""
        awaited = arguments(node, "fut", "timeout")
        with self.block() as fresh:
            leaves = leaves_of(self.value(awaited.get("fut"), scope))
            limit = awaited.get("timeout")
            if limit is not None and constant(limit, scope) is not None:
                self.add(timer(constant(limit, scope), node.lineno))
        return Pending(self.gather("race", leaves, fresh))

    def _timer(self, node: ast.Call, scope: Scope) -> Value:
        delay = arguments(node, "delay").get("delay")
        duration = None if delay is None else constant(delay, scope)
        if duration == 0:  # a turn of the loop, no timer
            return None
        slept = self.add(timer(duration, node.lineno))
        slept.starts, slept.lazy = self.now(), True
        return Pending([slept])

    def _partial(self, node: ast.Call, scope: Scope) -> Value:
        if not node.args:
            return None
        called, more = self.value(node.args[0], scope), node.args[1:]
        if isinstance(called, Method):
            return Method(called.name, [*called.args, *more], [*called.keywords, *node.keywords])
        if isinstance(called, Real) and isinstance(called.object, FunctionType):
            called = self.function_of(called.object)
        if not isinstance(called, Function):
            return called
        bound = [*called.bound, *(self._argument(arg, scope) for arg in more)]
        named = {each.arg: self._argument(each.value, scope) for each in node.keywords if each.arg is not None}
        return Function(called.node, called.scope, bound, called.keywords | named)

    def _map(self, node: ast.Call, scope: Scope) -> Value:
        """A loop over a function."""
        if not node.args:
            return None
        called = self.value(node.args[0], scope)
        given = [self.value(arg, scope) for arg in node.args[1:]]
        if isinstance(called, Real) and isinstance(called.object, FunctionType):
            called = self.function_of(called.object)
        with self.block() as block:
            match called:
                case Function():
                    found = self.run_function(called, [element_of(each) for each in given], {}, node.lineno)
                case Decorated():
                    found = self.run_decorated(called)
                case _:
                    return joined(given)
        self.add(Node("loop", {}, [block]))
        return found


def _is_authors(found: object) -> TypeGuard[FunctionType]:
    """Whether it is a function, and not one of Python's own."""
    return isinstance(found, FunctionType) and found.__module__.partition(".")[0] not in sys.stdlib_module_names


def _label(value: Value) -> str | None:
    match value:
        case Decorated(name=name):
            return name.text
        case Function(node=node):
            return getattr(node, "name", "lambda")
        case _:
            return None
