"""Statements of `run`: branches, loops, `try`, `with`, and where values go."""

from __future__ import annotations

import ast
import asyncio
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wf.graph.constants import constant
from wf.graph.expressions import Expressions
from wf.graph.nodes import Block, Node
from wf.graph.source import Definition, text_of
from wf.graph.steps import timer
from wf.graph.values import (
    CARRIERS,
    Factory,
    Function,
    Many,
    Method,
    Pending,
    Real,
    Scope,
    Value,
    joined,
    leaves_of,
    member,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Statements(Expressions):
    """Follows statements."""

    def body(self, statements: list[ast.stmt], scope: Scope, *, last: bool = False) -> None:
        """Draw statements; a `return` at the end of a function is not worth a node."""
        for number, statement in enumerate(statements, 1):
            self._statement(statement, scope, last=last and number == len(statements))

    def _statement(self, node: ast.stmt, scope: Scope, *, last: bool) -> None:
        self.effort.spend()
        if isinstance(node, ast.Return):
            self._return(node, scope, last=last)
        elif (follow := self._statements.get(type(node))) is not None:
            follow(node, scope)

    @cached_property
    def _statements(self) -> Mapping[type[ast.stmt], Callable[[Any, Scope], object]]:
        return {
            ast.Expr: lambda node, scope: self.value(node.value, scope),
            ast.Assert: lambda node, scope: self.value(node.test, scope),
            ast.Assign: self._assign,
            ast.AnnAssign: self._assign,
            ast.AugAssign: self._assign,
            ast.FunctionDef: self._define,
            ast.AsyncFunctionDef: self._define,
            ast.If: self._if,
            ast.Match: self._match,
            **dict.fromkeys((ast.For, ast.AsyncFor, ast.While), self._loop),
            **dict.fromkeys((ast.Try, ast.TryStar), self._try),
            **dict.fromkeys((ast.With, ast.AsyncWith), lambda node, scope: self._with(node.items, node.body, scope)),
            **dict.fromkeys((ast.Raise, ast.Break, ast.Continue), self._end),
            ast.Import: _import,
            ast.ImportFrom: _import,
        }

    def _assign(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, scope: Scope) -> None:
        value = None if node.value is None else self.known_value(node.value, scope)
        if isinstance(node, ast.AugAssign):
            value = joined([self.value(node.target, scope), value])
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            self.bind(target, value, scope)

    def _define(self, node: Definition, scope: Scope) -> None:
        value: Value = Function(node, scope)
        for each in reversed(node.decorator_list):
            decorator = self.value(each, scope)
            if isinstance(decorator, Method):  # `@step.do` without a call
                decorator = self.of_step(decorator, ast.copy_location(ast.Call(each, [], []), each), scope)
            if isinstance(decorator, Factory):
                value = self.decorate(decorator, value)
        scope.values[node.name] = value

    def _if(self, node: ast.If, scope: Scope) -> None:
        cases: list[tuple[str | None, list[ast.stmt]]] = []
        rest: list[ast.stmt] = [node]
        while len(rest) == 1 and isinstance(inner := rest[0], ast.If):
            self.value(inner.test, scope)
            cases.append((text_of(inner.test), inner.body))
            rest = inner.orelse
        if rest:
            cases.append((None, rest))
        self._branches("if", {}, cases, scope)

    def _match(self, node: ast.Match, scope: Scope) -> None:
        self.value(node.subject, scope)
        cases = [(_pattern(case), case.body) for case in node.cases]
        self._branches("switch", {"discriminant": text_of(node.subject)}, cases, scope)

    def _branches(
        self, type: str, facts: dict[str, str], cases: Iterable[tuple[str | None, list[ast.stmt]]], scope: Scope
    ) -> None:
        """Branches, each of which begins with the same values; behind them, any of their values may be there."""
        before, outcomes = scope.values, [scope.values]
        blocks, labels = list[Block](), list[str | None]()
        for label, statements in cases:
            scope.values = dict(before)
            with self.block() as block:
                self.body(statements, scope)
            outcomes.append(scope.values)
            blocks.append(block)
            labels.append(label)
        self.effort.spend(copies=len(outcomes) * max(map(len, outcomes)))
        scope.values = _merged(outcomes)
        self.add(Node(type, dict(facts), blocks, labels))

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, scope: Scope) -> None:
        over: Value = None
        if not isinstance(node, ast.While):
            over = self.iterated(node.iter, scope, at_once=isinstance(node, ast.AsyncFor))
        with self.block() as block:
            if isinstance(node, ast.While):
                self.value(node.test, scope)
            else:
                self.bind_each(node.target, over, scope)
            self.body(node.body, scope)
        self.add(Node("loop", {}, [block]))
        self.body(node.orelse, scope)

    def _try(self, node: ast.Try | ast.TryStar, scope: Scope) -> None:
        with self.block() as tried:
            self.body(node.body, scope)
            self.body(node.orelse, scope)
        blocks, labels = [tried], list[str | None](["try_block"])
        if node.handlers:
            with self.block() as caught:
                self._handlers(node.handlers, scope)
            blocks.append(caught)
            labels.append("catch_block")
        if node.finalbody:
            with self.block() as final:
                self.body(node.finalbody, scope)
            blocks.append(final)
            labels.append("finally_block")
        self.add(Node("try", {}, blocks, labels))

    def _handlers(self, handlers: list[ast.ExceptHandler], scope: Scope) -> None:
        if len(handlers) == 1:
            self.body(handlers[0].body, scope)
        else:
            self._branches("if", {}, [(_caught(each), each.body) for each in handlers], scope)

    def _with(self, items: list[ast.withitem], body: list[ast.stmt], scope: Scope) -> None:
        if not items:
            self.body(body, scope)
            return
        call, rest = items[0].context_expr, items[1:]
        kind = self.value(call.func, scope) if isinstance(call, ast.Call) else None
        found = kind.object if isinstance(kind, Real) else None
        if items[0].optional_vars is not None:
            self.bind(items[0].optional_vars, None, scope)
        if found is asyncio.TaskGroup:
            with self.block() as fresh:
                self._with(rest, body, scope)
            begun = [node for root in fresh for node in root.busy() if node.starts is not None]
            for node in self.gather("all", begun, fresh):
                node.starts = None
        elif (found is asyncio.timeout or found is asyncio.timeout_at) and isinstance(call, ast.Call):
            self._timeout(call, rest, body, scope)
        else:
            if isinstance(call, ast.Call):
                self._call(kind, call, scope)
            else:
                self.value(call, scope)
            self._with(rest, body, scope)

    def _timeout(self, call: ast.Call, rest: list[ast.withitem], body: list[ast.stmt], scope: Scope) -> None:
        """A race with a timer."""
        limit = constant(call.args[0], scope) if call.args else None
        with self.block() as race:
            with self.block() as inner:
                self._with(rest, body, scope)
            self.add(Node("block", {}, [inner]))
            self.add(timer(limit, call.lineno))
        self.add(Node("parallel", {"kind": "race"}, [race]))

    def _return(self, node: ast.Return, scope: Scope, *, last: bool) -> None:
        since = self.now()
        value = self.value(node.value, scope)
        self.settle(leaves_of(value), since)  # by whoever called
        if isinstance(value, CARRIERS | Many) and not isinstance(value, Pending):
            scope.returned = joined([scope.returned, value])
        if not last:
            self._end(node, scope)

    def _end(self, node: ast.Return | ast.Raise | ast.Break | ast.Continue, scope: Scope) -> None:
        if isinstance(node, ast.Raise):
            self.value(node.exc, scope)
        self.add(Node("break", {"kind": type(node).__name__.lower()}))


def _merged(outcomes: list[dict[str, Value]]) -> dict[str, Value]:
    names = dict.fromkeys(name for outcome in outcomes for name in outcome)
    return {name: joined([outcome.get(name) for outcome in outcomes]) for name in names}


def _pattern(case: ast.match_case) -> str | None:
    if isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.guard is None:
        return None
    text = text_of(case.pattern)
    return text if case.guard is None else f"{text} if {text_of(case.guard)}"


def _caught(handler: ast.ExceptHandler) -> str | None:
    if handler.type is None:
        return None
    return text_of(handler.type) + (f" as {handler.name}" if handler.name else "")


def _import(node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    """What an import inside `run` brings, if somebody has imported it before."""
    for alias in node.names:
        name = alias.asname or alias.name
        if isinstance(node, ast.ImportFrom):
            module = None if node.level else sys.modules.get(node.module or "")
            scope.values[name] = None if module is None else member(module, alias.name)
        else:
            module = sys.modules.get(alias.name if alias.asname else alias.name.partition(".")[0])
            scope.values[name.partition(".")[0]] = None if module is None else Real(module)
