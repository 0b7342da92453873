"""Which functions `run` executes, and which a step does.

Workflow code is `run`, and what it calls: functions in it, methods, functions of the file, and what it gives to `map`
and the like. Step code is what is a callback of a step or a rollback, and what that calls. A function may be both.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint.resolve import FUTURES, MAKERS, Resolver
from wf.lint.scopes import Definition
from wf.lint.syntax import callback_of, own_nodes
from wf.lint.values import Class, Decorated, Dotted, Factory, Function, Future, Method, Self, Special

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wf.lint.scopes import Callback, Tree
    from wf.lint.values import Value
    from wf.lint.workflows import Classes

_ROUNDS = 10
_CALL_WHAT_THEY_GET = frozenset({
    "builtins.map", "builtins.filter", "builtins.sorted", "builtins.min", "builtins.max", "functools.reduce",
    "itertools.starmap", "itertools.takewhile", "itertools.dropwhile", "itertools.groupby",
})  # fmt: skip


class Code:
    """The code of one workflow.

    Attributes:
        path: Of the file.
        tree: The file.
        resolver: Tells what expressions are.
        cls: The workflow's class.
        run: Functions that `run` executes, itself the first.
        steps: Functions that steps execute.
    """

    def __init__(self, path: str, tree: Tree, resolver: Resolver, classes: Classes, cls: ast.ClassDef) -> None:
        self.path, self.tree, self.resolver, self.classes, self.cls = path, tree, resolver, classes, cls
        self.run: dict[Callback, None] = {}
        self.steps: dict[Callback, None] = {}
        self._nodes: dict[ast.AST, list[ast.AST]] = {}
        self._making: dict[tuple[Callback, frozenset[str]], bool] = {}
        self._news = True
        run = classes.method(cls, "run")
        if run is not None and len(run.args.posonlyargs + run.args.args) >= 3:
            self._follow(run)

    def nodes(self, function: Callback) -> list[ast.AST]:
        """What a function executes itself, in order."""
        if function not in self._nodes:
            self._nodes[function] = list(own_nodes(function))
        return self._nodes[function]

    def workflow_nodes(self) -> Iterable[tuple[Callback, ast.AST]]:
        """Each node of workflow code, with its function."""
        return ((function, node) for function in self.run for node in self.nodes(function))

    def step_nodes(self) -> Iterable[tuple[Callback, ast.AST]]:
        """Each node of step code, with its function."""
        return ((function, node) for function in self.steps for node in self.nodes(function))

    def values(self, node: ast.expr) -> list[Value]:
        """What an expression may be."""
        return self.resolver.values(node)

    def makes_steps(self, nodes: Iterable[ast.AST], kinds: frozenset[str] = FUTURES) -> bool:
        """Whether one of these nodes begins a step of these kinds, in functions that it calls, too."""
        return any(
            self._makes(value, kinds) for node in nodes if isinstance(node, ast.Call) for value in self._what(node)
        )

    def _what(self, node: ast.Call) -> list[Value]:
        given = self.values(node.func)
        functions: list[Value] = [each for each in given if isinstance(each, Function)]
        if any(isinstance(each, Dotted) and each.name in _CALL_WHAT_THEY_GET for each in given):
            functions += [each for arg in node.args for each in self.values(arg) if isinstance(each, Function)]
        return [*self.values(node), *functions]

    def _makes(self, value: Value, kinds: frozenset[str]) -> bool:
        if isinstance(value, Future):
            return value.kind in kinds
        if not isinstance(value, Function):
            return False
        key = value.node, kinds
        if key not in self._making:
            self._making[key] = False  # while it is being looked at
            self._making[key] = self.makes_steps(self.nodes(value.node), kinds)
        return self._making[key]

    def _follow(self, run: Definition) -> None:
        args = [arg.arg for arg in run.args.posonlyargs + run.args.args]
        given: list[Value] = [Self(self.cls), Special.EVENT, Special.STEP]
        for name, value in zip(args, given, strict=False):
            self.resolver.give(run, name, [value])
        self.run[run] = None
        for _ in range(_ROUNDS):
            if not self._news:
                break
            self._news = False
            for region in (self.run, self.steps):
                done: set[Callback] = set()
                while todo := [each for each in region if each not in done]:
                    done.update(todo)
                    for function in todo:
                        self._walk(function, region)

    def _enter(self, functions: Iterable[Value], region: dict[Callback, None]) -> list[Function]:
        entered = [each for each in functions if isinstance(each, Function | Decorated)]
        for each in entered:
            if each.node not in region:
                region[each.node] = None
                self._news = True
        return [each for each in entered if isinstance(each, Function)]

    def _walk(self, function: Callback, region: dict[Callback, None]) -> None:
        for node in self.nodes(function):
            if isinstance(node, ast.Call):
                for value in self.values(node.func):
                    self._call(node, value, region)
            elif isinstance(node, Definition) and node.decorator_list:
                self._enter([each for each in self.resolver.defined(node) if isinstance(each, Decorated)], self.steps)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                self._property(node, region)

    def _property(self, node: ast.Attribute, region: dict[Callback, None]) -> None:
        for value in self.values(node.value):
            method = self.classes.method(value.cls, node.attr) if isinstance(value, Self) else None
            if method is not None and self.classes.is_property(method):
                bound = value if isinstance(value, Self) else None
                self._bind(self._enter([Function(method, bound)], region), [], [])

    def _call(self, node: ast.Call, value: Value, region: dict[Callback, None]) -> None:
        match value:
            case Method(name) if name in MAKERS:
                given = [callback_of(node), *(each.value for each in node.keywords if each.arg == "rollback")]
                for each in given:
                    self._bind(self._enter([] if each is None else self.values(each), self.steps), [], [])
            case Factory():
                self._enter([value for each in node.args for value in self.values(each)], self.steps)
            case Function():
                self._bind(self._enter([value], region), node.args, node.keywords)
            case Class(cls) if (method := self.classes.method(cls, "__init__")) is not None:
                self._bind(self._enter([Function(method, Self(cls))], region), node.args, node.keywords)
            case Dotted(name) if name in _CALL_WHAT_THEY_GET:
                self._given(node, region)
            case _:
                pass

    def _given(self, node: ast.Call, region: dict[Callback, None]) -> None:
        for each in (*node.args, *(keyword.value for keyword in node.keywords)):
            for function in self._enter(self.values(each), region):
                self._bind([function], [], [])
                first = _names(function)[len(function.args) :][:1]
                if first and len(node.args) > 1 and each is node.args[0]:
                    items = self.resolver.items(node.args[1])
                    self._news |= self.resolver.give(function.node, first[0], items)

    def _bind(self, functions: list[Function], args: list[ast.expr], keywords: list[ast.keyword]) -> None:
        for function in functions:
            node = function.node
            if function.bound is not None and (plain := node.args.posonlyargs + node.args.args):
                self._news |= self.resolver.give(node, plain[0].arg, [function.bound])
            for name, arg in zip(_names(function), [*function.args, *args], strict=False):
                if isinstance(arg, ast.Starred):
                    break
                self._news |= self.resolver.give(node, name, self.values(arg))
            for keyword in (*function.keywords, *keywords):
                if keyword.arg is not None:
                    self._news |= self.resolver.give(node, keyword.arg, self.values(keyword.value))


def _names(function: Function) -> list[str]:
    """Parameters by position that are not bound yet."""
    args = function.node.args
    return [arg.arg for arg in args.posonlyargs + args.args][function.bound is not None :]
