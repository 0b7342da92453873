"""Steps and functions as they are called: what of them is drawn, and where."""

from __future__ import annotations

import ast
import inspect
from abc import abstractmethod
from types import FunctionType
from typing import TYPE_CHECKING, Any

from wf.graph.names import Template, config_of, constant, hole, known_text, literal, template
from wf.graph.nodes import Block, Drawing, Node
from wf.graph.source import definition_of, surroundings
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
    leaves_of,
)

if TYPE_CHECKING:
    from wf.graph.source import Definition

FUNCTIONS_MAX = 200
"""Functions that are followed."""

_PARAMETERS = {
    "do": ("name", "callback"),
    "transaction": ("name", "callback"),
    "sleep": ("name", "duration"),
    "sleep_until": ("name", "timestamp"),
    "wait_for_event": ("name", "event_type", "timeout"),
}
_DAY = "24 hours"
"""How long an event is waited for if nothing is said."""


class Functions(Drawing):
    """Draws steps, and calls of functions.

    Args:
        workflow: The class whose diagram it is.
    """

    def __init__(self, workflow: type) -> None:
        super().__init__()
        self.workflow = workflow
        self.functions: dict[str, Block] = {}
        self.attributes: dict[str, Value] = {}
        self._decorated: dict[str, Decorated] = {}
        self._drawn: dict[tuple[Any, ...], tuple[str, Value]] = {}
        self._active: dict[int, str] = {}
        self._recursive: set[int] = set()
        self._sources: dict[FunctionType, Definition | None] = {}

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
        function = inspect.unwrap(function)
        if not isinstance(function, FunctionType):
            return None
        if function not in self._sources:
            self._sources[function] = definition_of(function)
        if (node := self._sources[function]) is None:
            return None
        scope = Scope(None, [], outside=surroundings(function), workflow=self.workflow, owner=owner)
        return Function(node, scope, bound or [])

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

    def of_step(self, method: Method, node: ast.Call, scope: Scope) -> Value:
        """Draw `step.sleep` and its like."""
        if method.name not in _PARAMETERS:  # now, random, uuid4
            return None
        whole = ast.Call(node.func, [*method.args, *node.args], [*method.keywords, *node.keywords])
        given = arguments(whole, *_PARAMETERS[method.name])
        for name in given.keys() - {"callback", "rollback", "depends"}:
            self.value(given[name], scope)  # there may be an `await` in it
        named = template(given["name"], scope) if "name" in given else None
        facts: dict[str, Any] = {"line": node.lineno}
        match method.name:
            case "do" | "transaction":
                return self._do(method.name, given, named, facts, scope)
            case "sleep":
                facts["duration"] = _told(given.get("duration"), scope)
            case "sleep_until":
                facts["timestamp"] = _told(given.get("timestamp"), scope)
            case _:
                timeout = constant(given["timeout"], scope) if "timeout" in given else _DAY
                facts["options"] = {"event_type": _told(given.get("event_type"), scope), "timeout": timeout}
        return self._begin(f"step_{method.name}", named or hole(node), facts)

    def _do(
        self, kind: str, given: dict[str, ast.expr], named: Template | None, facts: dict[str, Any], scope: Scope
    ) -> Value:
        facts["config"] = config_of(given.get("config"), scope)
        if "rollback" in given and constant(given["rollback"], scope) is not None:
            facts["rollback"] = True
        if kind == "transaction":
            facts["transaction"] = True
        if "name" in given and "callback" not in given and _is_function(first := self.value(given["name"], scope)):
            return self.decorate(Factory(None, facts), first)
        callback = given.get("callback")
        depends = self._steps(given.get("depends"), scope) or self._steps(callback, scope)
        if callback is not None and depends is None:
            return self._begin("step_do", named or hole(callback), facts)
        concurrent = "concurrent" in given and constant(given["concurrent"], scope) is True
        return Factory(named, facts, depends, concurrent)

    def _steps(self, node: ast.expr | None, scope: Scope) -> list[Value] | None:
        """The decorated steps of a list."""
        found = self.value(node, scope) if isinstance(node, ast.List | ast.Tuple | ast.Name) else None
        return found.values if isinstance(found, Many) else None

    def _begin(self, type: str, named: Template, facts: dict[str, Any]) -> Pending:
        node = self.add(Node(type, {**named.facts(), **facts}))
        node.starts = self.now()
        return Pending([node])

    def decorate(self, factory: Factory, function: Value) -> Value:
        """A function becomes a step."""
        name, parameters = _signature(function)
        made = Decorated(
            factory.name or literal(name), factory.facts, [each for each in parameters if each != "ctx"],
            factory.depends, factory.concurrent,
        )  # fmt: skip
        self._decorated[made.name.text] = made
        return made

    def run_decorated(self, step: Decorated) -> Pending:
        """Draw a decorated step, behind those that it depends on and that have not begun yet."""
        step.called = True  # first: nothing depends on itself
        wanted = step.depends if step.depends is not None else [self._decorated.get(name) for name in step.parameters]
        missing = (
            [each for each in wanted if isinstance(each, Decorated) and not each.called] if step.parameters else []
        )
        if not missing:
            return self._begin("step_do", step.name, step.facts)
        with self.block() as group:
            if step.concurrent:
                with self.block() as side:
                    self._run_dependencies(missing)
                self.add(Node("parallel", {"kind": "all"}, [side]))
            else:
                self._run_dependencies(missing)
            begun = self._begin("step_do", step.name, step.facts)
        self.add(Node("block", {}, [group]))
        return begun

    def _run_dependencies(self, steps: list[Decorated]) -> None:
        for step in steps:
            if not step.called:
                for leaf in self.run_decorated(step).leaves:
                    leaf.starts, leaf.dependency = None, True

    def run_function(self, function: Function, args: list[Value], keywords: dict[str, Value], line: int) -> Value:
        """Draw a call of a function, and the function itself if this is the first call of the kind."""
        given = _bound(function, args, keywords)
        if isinstance(function.node, ast.Lambda):
            return self._inline(function, function.node, given)
        name, returned = self._definition(function, function.node, given)
        if name is None:
            return None
        node = self.add(Node("function_call", {"name": name, "line": line}))
        node.starts, node.lazy = self.now(), function.lazy
        return returned if returned is not None else Pending([node])

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
        key = (node, *((name, _mark(value)) for name, value in sorted(given.items())))
        if key not in self._drawn:
            if len(self.functions) >= FUNCTIONS_MAX:
                return None, None
            name = next(n for n in _names(node.name) if n not in self.functions)
            self._drawn[key] = name, self._draw(name, function, node, given)
            if id(node) in self._recursive:  # what it calls itself with is not what it was called with
                self._drawn[key] = name, self._draw(name, function, node, _general(given))
                self._drawn[node, *((each, _mark(value)) for each, value in sorted(_general(given).items()))] = (
                    self._drawn[key]
                )
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


def arguments(node: ast.Call, *names: str) -> dict[str, ast.expr]:
    """The arguments of a call by name."""
    given = dict(zip(names, node.args, strict=False))
    return given | {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}


def timer(duration: Any, line: int) -> Node:
    """A timer of asyncio, under the name that it has in the journal."""
    return Node("step_sleep", {"name": "timer", "duration": duration, "line": line})


def _told(node: ast.expr | None, scope: Scope) -> Any:
    return None if node is None else constant(node, scope)


def _is_function(value: Value) -> bool:
    return isinstance(value, Function) or (isinstance(value, Real) and callable(value.object))


def _signature(function: Value) -> tuple[str, list[str]]:
    """Name and parameters of a function."""
    match function:
        case Function(node=node, bound=bound, keywords=keywords):
            names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)][len(bound) :]
            names += [arg.arg for arg in node.args.kwonlyargs]
            return getattr(node, "name", "<lambda>"), [name for name in names if name not in keywords]
        case Real(object=FunctionType() as found):
            return found.__name__, list(inspect.signature(found).parameters)
    return getattr(getattr(function, "object", None), "__name__", "step"), []


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


def _mark(value: Value) -> Any:
    """What makes one call of a function another than the next."""
    match value:
        case Special():
            return value
        case Method(name=name):
            return name
        case Function(node=node):
            return node
        case Decorated():
            return value
        case Many(values):
            return tuple(map(_mark, values))
    return known_text(value)


def _names(name: str) -> Any:
    yield name
    yield from (f"{name} ({number})" for number in range(2, FUNCTIONS_MAX + 2))
