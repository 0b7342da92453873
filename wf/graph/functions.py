"""Functions that lead to steps: each is drawn once, and every call of it is a node."""

from __future__ import annotations

import ast
import inspect
from abc import abstractmethod
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from wf.graph.effort import Effort
from wf.graph.names import known_text
from wf.graph.nodes import Block, Drawing, Node
from wf.graph.source import definition_of, surroundings
from wf.graph.values import (
    CARRIERS,
    Decorated,
    Function,
    Many,
    Method,
    Pending,
    Scope,
    Source,
    Special,
    Value,
)

if TYPE_CHECKING:
    from wf.graph.source import Definition

FUNCTIONS_MAX = 200
"""Functions that are followed."""
METHODS = frozenset({"do", "transaction", "sleep", "sleep_until", "wait_for_event"})
"""Methods of the step object that make steps; `asyncio.sleep` does, too."""
CALLS_MAX = 25
"""Functions that are followed into functions."""


class Functions(Drawing):
    """Draws functions, and calls of them.

    Args:
        workflow: The class whose diagram it is.

    Attributes:
        functions: What was drawn, by name.
        decorated: Functions that are steps, by the names of these.
        attributes: What `run` has put into attributes of `self`.
    """

    def __init__(self, workflow: type) -> None:
        super().__init__()
        self.workflow = workflow
        self.effort = Effort()
        self.functions: dict[str, Block] = {}
        self.attributes: dict[str, Value] = {}
        self.decorated: dict[str, Decorated] = {}
        self._drawn: dict[tuple[Any, ...], tuple[str, Value]] = {}
        self._active: dict[int, str] = {}
        self._recursive: set[int] = set()
        self._sources: dict[FunctionType, tuple[Definition, Scope] | None] = {}

    @abstractmethod
    def value(self, node: ast.expr | None, scope: Scope) -> Value:
        """Draw what an expression does, and tell what it gives."""

    @abstractmethod
    def body(self, statements: list[ast.stmt], scope: Scope, *, last: bool = False) -> None:
        """Draw statements."""

    def function_of(
        self, function: FunctionType, bound: list[Value] | None = None, owner: type | None = None
    ) -> Function | None:
        """A function of a module, or of a class, with its source."""
        inner: object = inspect.unwrap(function)
        if not isinstance(inner, FunctionType) or _has_steps_around(function, inner):
            return None
        if inner not in self._sources:
            node = definition_of(inner)
            scope = Scope(
                None, [], outside=surroundings(inner), workflow=self.workflow, owner=owner, effort=self.effort
            )
            self._sources[inner] = None if node is None else (node, scope)
        found = self._sources[inner]
        return None if found is None else Function(*found, bound or [])

    def method(self, name: str, *, behind: type | None = None) -> Function | None:
        """A method of the workflow, or of what comes behind a class in the order of its bases."""
        order = self.workflow.__mro__
        for cls in order[order.index(behind) + 1 :] if behind in order else order:
            if name in vars(cls):
                found = vars(cls)[name]
                bound: list[Value] = [] if isinstance(found, staticmethod) else [Special.SELF]
                found = found.__func__ if isinstance(found, staticmethod | classmethod) else found
                return self.function_of(found, bound, cls) if isinstance(found, FunctionType) else None
        return None

    def run_function(self, function: Function, args: list[Value], keywords: dict[str, Value], line: int) -> Value:
        """Draw a call of a function, and the function itself if this is the first call of the kind."""
        given = _bound(function, args, keywords)
        if isinstance(function.node, ast.Lambda):
            return self._inline(function, function.node, given)
        name, returned = self._definition(function, function.node, given)
        if name is None or not self._leads_on(function.node, name):
            return returned
        node = self.add(Node("function_call", {"name": name, "line": line}))
        node.starts, node.lazy = self.now(), function.lazy
        return returned if returned is not None else Pending([node])

    def _leads_on(self, node: Definition, name: str) -> bool:
        """Whether a function that was drawn does anything; of one that is being drawn it is not known yet."""
        inside = (each for root in self.functions[name] for each in root.busy())
        return id(node) in self._active or any(each.type != "break" for each in inside)

    def _inline(self, function: Function, node: ast.Lambda, given: dict[str, Value]) -> Value:
        if id(node) in self._active:
            return None
        self._active[id(node)] = ""
        try:
            return self.value(node.body, _inner(function, [], given))
        finally:
            del self._active[id(node)]

    def _definition(self, function: Function, node: Definition, given: dict[str, Value]) -> tuple[str | None, Value]:
        if id(node) in self._active:
            self._recursive.add(id(node))
            return self._active[id(node)], None
        if id(node) in self._recursive:
            given = _general(given)
        key = _key(function, given)
        if key not in self._drawn:
            if len(self.functions) >= FUNCTIONS_MAX or len(self._active) > CALLS_MAX:
                return None, None
            name = next(each for each in _names(node.name) if each not in self.functions)
            self._drawn[key] = name, self._draw(name, function, node, given)
            if id(node) in self._recursive:  # what it calls itself with is not what it was called with
                given = _general(given)
                self._drawn[key] = self._drawn[_key(function, given)] = name, self._draw(name, function, node, given)
        return self._drawn[key]

    def draw_run(self, run: Function, args: list[Value]) -> Block:
        """Draw `run` itself."""
        assert not isinstance(run.node, ast.Lambda), "a lambda has no source of its own"
        self._draw("run", run, run.node, _bound(Function(run.node, run.scope), args, {}))
        return self.functions.pop("run")

    def _draw(self, name: str, function: Function, node: Definition, given: dict[str, Value]) -> Value:
        scope = _inner(function, node.body, given)
        self._active[id(node)] = name
        try:
            with self.apart() as block:
                self.functions[name] = block
                self.body(node.body, scope, last=True)
        finally:
            del self._active[id(node)]
        return scope.returned


def _has_steps_around(function: FunctionType, inner: FunctionType) -> bool:
    """Whether what is wrapped around a function may have steps of its own; these would be missing in a diagram."""
    around: object = function
    while around is not inner:
        if isinstance(around, FunctionType) and not METHODS.isdisjoint(_names_in(around.__code__)):
            return True
        around = getattr(around, "__wrapped__", inner)
    return False


def _names_in(code: CodeType) -> set[str]:
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return {*code.co_names}.union(*map(_names_in, inner))


def _bound(function: Function, args: list[Value], keywords: dict[str, Value]) -> dict[str, Value]:
    """The values of a function's parameters, defaults included."""
    declared = function.node.args
    names = [arg.arg for arg in (*declared.posonlyargs, *declared.args)]
    given: dict[str, Value] = {}
    defaults = declared.defaults
    given |= {
        name: Source(each, function.scope)
        for name, each in zip(names[len(names) - len(defaults) :], defaults, strict=True)
    }
    for arg, default in zip(declared.kwonlyargs, declared.kw_defaults, strict=True):
        given[arg.arg] = None if default is None else Source(default, function.scope)
    given |= dict(zip(names, [*function.bound, *args], strict=False))
    known = {*names, *(arg.arg for arg in declared.kwonlyargs)}
    given |= {name: value for name, value in (function.keywords | keywords).items() if name in known}
    return dict.fromkeys(known) | given


def _inner(function: Function, body: list[ast.stmt], given: dict[str, Value]) -> Scope:
    scope = Scope(function.scope, body)
    for name, value in given.items():
        scope.count_parameter(name)
        scope.values[name] = value
    return scope


def _general(given: dict[str, Value]) -> dict[str, Value]:
    """Parameters without what they say of text."""
    return {name: value if isinstance(value, CARRIERS) else None for name, value in given.items()}


def _key(function: Function, given: dict[str, Value]) -> tuple[Any, ...]:
    """What makes one function another: its source, what it sees around it, what it gets."""
    return function.node, function.scope, *((name, _mark(value)) for name, value in sorted(given.items()))


def _mark(value: Value) -> Any:
    """What makes one call of a function another than the next."""
    match value:
        case Special() | Decorated():
            return value
        case Method(name=mark) | Function(node=mark):
            return mark
        case Many(values):
            return tuple(map(_mark, values))
        case _:
            return known_text(value)


def _names(name: str) -> Any:
    yield name
    yield from (f"{name} ({number})" for number in range(2, FUNCTIONS_MAX + 2))
