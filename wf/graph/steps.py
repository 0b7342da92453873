"""Steps as they are called: what of them is drawn, and where."""

from __future__ import annotations

import ast
import inspect
from types import FunctionType
from typing import Any

from wf.graph.constants import config_of, constant
from wf.graph.functions import Functions
from wf.graph.names import Template, hole, literal, template
from wf.graph.nodes import Node
from wf.graph.source import text_of
from wf.graph.values import Decorated, Factory, Function, Many, Method, Pending, Real, Scope, Value

_PARAMETERS = {
    "do": ("name", "callback"),
    "transaction": ("name", "callback"),
    "sleep": ("name", "duration"),
    "sleep_until": ("name", "timestamp"),
    "wait_for_event": ("name", "event_type", "timeout"),
}
"""Arguments by their place."""
_FUNCTIONS = frozenset({"callback", "rollback", "depends"})
"""Arguments that are functions, or lists of such."""
_DAY = "24 hours"
"""How long an event is waited for if nothing is said."""


class Steps(Functions):
    """Draws steps."""

    def of_step(self, method: Method, node: ast.Call, scope: Scope) -> Value:
        """Draw `step.sleep` and its like."""
        if method.name not in _PARAMETERS:  # now, random, uuid4
            return None
        whole = ast.Call(node.func, [*method.args, *node.args], [*method.keywords, *node.keywords])
        given = arguments(whole, *_PARAMETERS[method.name])
        told = {  # there may be an `await` in it
            name: self.value(each, scope) for name, each in given.items() if name not in _FUNCTIONS
        }
        named = template(given["name"], scope) if "name" in given else None
        facts: dict[str, Any] = {"line": node.lineno}
        match method.name:
            case "do" | "transaction":
                facts |= _settings(method.name, given, scope)
                if "callback" not in given and _is_function(first := told.get("name")):
                    return self.decorate(Factory(None, facts), first)
                return self._do(given, named, facts, scope)
            case "sleep":
                facts["duration"] = _told(given.get("duration"), scope)
            case "sleep_until":
                facts["timestamp"] = _told(given.get("timestamp"), scope)
            case _:
                timeout = constant(given["timeout"], scope) if "timeout" in given else _DAY
                facts["options"] = {"event_type": _told(given.get("event_type"), scope), "timeout": timeout}
        return self._begin(f"step_{method.name}", named or hole(node), facts)

    def _do(self, given: dict[str, ast.expr], named: Template | None, facts: dict[str, Any], scope: Scope) -> Value:
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
        self.decorated[made.name.text] = made
        return made

    def run_decorated(self, step: Decorated) -> Pending:
        """Draw a decorated step, behind those that it depends on and that have not begun yet."""
        step.called = True  # first: nothing depends on itself
        wanted = step.depends if step.depends is not None else [self.decorated.get(name) for name in step.parameters]
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


def arguments(node: ast.Call, *names: str) -> dict[str, ast.expr]:
    """The arguments of a call by name."""
    given = dict(zip(names, node.args, strict=False))
    return given | {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}


def timer(duration: Any, line: int) -> Node:
    """A timer of asyncio, under the name that it has in the journal."""
    return Node("step_sleep", {"name": "timer", "duration": duration, "line": line})


def _settings(kind: str, given: dict[str, ast.expr], scope: Scope) -> dict[str, Any]:
    facts: dict[str, Any] = {"config": config_of(given.get("config"), scope)}
    if "rollback" in given and constant(given["rollback"], scope) is not None:
        facts["rollback"] = True
    if kind == "transaction":
        facts["transaction"] = True
    return facts


def _told(node: ast.expr | None, scope: Scope) -> Any:
    found = None if node is None else constant(node, scope)
    return text_of(node) if isinstance(found, dict) and node is not None else found


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
        case _:
            return getattr(getattr(function, "object", None), "__name__", "step"), []
