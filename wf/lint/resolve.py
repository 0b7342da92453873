"""What an expression may be: followed across imports, aliases, closures, parameters, and attributes of `self`.

Nothing is executed and no order of statements is known: a name that is bound twice is either of the two.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from wf.lint.names import MANY, UNKNOWN, Names
from wf.lint.syntax import callback_of, own_nodes
from wf.lint.values import (
    Above,
    Class,
    Container,
    Coroutine,
    Decorated,
    Dotted,
    Factory,
    Function,
    Future,
    Method,
    Self,
    Special,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.lint.scopes import Definition

MAKERS = frozenset({"do", "transaction"})
"""Methods of the step object that run code of the user."""
FUTURES = MAKERS | {"sleep", "sleep_until", "wait_for_event"}
"""Methods that make steps."""
VALUES = frozenset({"now", "random", "uuid4"})
"""Methods that give values."""
_CONTAINERS = {
    "builtins.list": "list",
    "builtins.sorted": "list",
    "builtins.dict": "dict",
    "builtins.set": "set",
    "builtins.frozenset": "set",
    "builtins.bytearray": "list",
    "collections.defaultdict": "dict",
    "collections.OrderedDict": "dict",
    "collections.Counter": "dict",
    "collections.deque": "list",
}


class Resolver(Names):
    """Tells what expressions of a file may be."""

    def _values(self, node: ast.expr) -> list[Value]:
        follow = self._kinds.get(type(node))
        return follow(self, node) if follow is not None else UNKNOWN

    def _attribute(self, node: ast.Attribute) -> list[Value]:
        return [found for value in self.values(node.value) for found in self._member(value, node.attr)]

    def _member(self, value: Value, name: str) -> list[Value]:  # noqa: PLR0911  # a kind of value each
        match value:
            case Special.STEP:
                return [Method(name)] if name in FUTURES | VALUES else UNKNOWN
            case Special.EVENT | Special.RESULT:
                return [value]
            case Dotted(dotted):
                return [Dotted(f"{dotted}.{name}")]
            case Self(cls):
                return self._of_self(cls, name)
            case Above(cls):
                return self._method(cls, self.classes.method(cls, name, above=True))
            case Class(cls):
                found = self.classes.method(cls, name)
                return [Function(found)] if found is not None and self.classes.is_static(found) else UNKNOWN
            case _:
                return UNKNOWN

    def _of_self(self, cls: ast.ClassDef, name: str) -> list[Value]:
        if (method := self.classes.method(cls, name)) is not None:
            return self._method(cls, method)
        if assigned := self.classes.attributes(cls, name):
            return [value for each in assigned[:MANY] for value in self.values(each)]
        bound = name == "env" and self.classes.is_workflow(cls)
        return [Dotted("self.env")] if bound else UNKNOWN

    def _method(self, cls: ast.ClassDef, method: Definition | None) -> list[Value]:
        if method is None:
            return UNKNOWN
        bound = None if self.classes.is_static(method) else Self(cls)
        found = [Function(each.node, bound) if isinstance(each, Function) else each for each in self.defined(method)]
        if not self.classes.is_property(method):
            return [*found]
        return [value for each in found for value in self._returned(each)]

    def _subscript(self, node: ast.Subscript) -> list[Value]:
        if isinstance(node.slice, ast.Slice):  # a copy
            return UNKNOWN
        return [found for value in self.values(node.value) for found in self._taken_from(value)]

    def _taken_from(self, value: Value) -> list[Value]:
        """What an item of a value may be; of what a dict or list begins with, nothing is sure."""
        match value:
            case Special.EVENT | Special.RESULT:
                return [value]
            case Container(node=ast.Dict(values=held) | ast.List(elts=held)):
                return [*(found for each in held for found in self.values(each)), Special.UNKNOWN]
            case _:
                return UNKNOWN

    def _call(self, node: ast.Call) -> list[Value]:
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "values"):
            found = [taken for each in self.values(node.func.value) for taken in self._taken_from(each)]
            if any(each is not Special.UNKNOWN for each in found):
                return found
        return [found for value in self.values(node.func) for found in self._called(value, node)]

    def _called(self, value: Value, node: ast.Call) -> list[Value]:  # noqa: PLR0911  # a kind of value each
        match value:
            case Method(name) if name in MAKERS:
                return [Future(node, name)] if callback_of(node) is not None else [Factory(node)]
            case Method(name) if name in FUTURES:
                return [Future(node, name)]
            case Factory(call):
                functions = [each for arg in node.args for each in self.values(arg)]
                return [Decorated(each.node) for each in functions if isinstance(each, Function)] or [Factory(call)]
            case Decorated():
                return [Future(node, "do")]
            case Dotted(name):
                return self._called_outside(name, node)
            case Function():
                return self._returned(value)
            case Class(cls):
                return [Self(cls)]
            case _:
                return UNKNOWN

    def _called_outside(self, name: str, node: ast.Call) -> list[Value]:
        if name in _CONTAINERS:
            return [Container(_CONTAINERS[name], node)]
        if name == "functools.partial" and node.args:
            rest, keywords = tuple(node.args[1:]), tuple(node.keywords)
            functions = [each for each in self.values(node.args[0]) if isinstance(each, Function)]
            return [
                Function(each.node, each.bound, each.args + rest, each.keywords + keywords) for each in functions
            ] or UNKNOWN
        if name == "builtins.super":
            within = next((each for each in self.tree.parents(node) if isinstance(each, ast.ClassDef)), None)
            return UNKNOWN if within is None else [Above(within)]
        if name == "typing.cast" and len(node.args) > 1:
            return self.values(node.args[1])
        return [Dotted(f"{name}()")]

    def _returned(self, value: Value) -> list[Value]:
        if not isinstance(value, Function):
            return UNKNOWN
        node = value.node
        if isinstance(node, ast.Lambda):
            return self.values(node.body)
        inside = list(own_nodes(node))
        if any(isinstance(each, ast.Yield | ast.YieldFrom) for each in inside):
            return UNKNOWN
        if isinstance(node, ast.AsyncFunctionDef):
            return [Coroutine(node)]
        returned = [each.value for each in inside if isinstance(each, ast.Return)]
        return [found for each in returned for found in (UNKNOWN if each is None else self.values(each))] or UNKNOWN

    def _await(self, node: ast.Await) -> list[Value]:
        found: list[Value] = []
        for value in self.values(node.value):
            if isinstance(value, Future):
                found.append(Special.RESULT)
            elif isinstance(value, Dotted):
                found.append(value)
            else:
                found.append(Special.UNKNOWN)
        return found

    def _either(self, node: ast.IfExp | ast.BoolOp) -> list[Value]:
        parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
        return [value for each in parts for value in self.values(each)]

    def _operator(self, node: ast.BinOp) -> list[Value]:
        if isinstance(node.op, ast.Div):
            paths = [each for each in self.values(node.left) if isinstance(each, Dotted)]
            return [each for each in paths if each.name.startswith("pathlib.")] or UNKNOWN
        if isinstance(node.op, ast.Sub | ast.BitAnd | ast.BitOr | ast.BitXor):
            sides = [each for side in (node.left, node.right) for each in self.values(side)]
            if any(isinstance(each, Container) and each.kind == "set" for each in sides):
                return [Container("set", node)]
        return UNKNOWN

    def _constant(self, node: ast.Constant) -> list[Value]:
        return [Special.NONE if node.value is None else Special.PLAIN]

    _kinds: dict[type[ast.expr], Callable[..., list[Value]]] = {  # noqa: RUF012  # never changed
        ast.Name: Names.name,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.Call: _call,
        ast.Await: _await,
        ast.IfExp: _either,
        ast.BoolOp: _either,
        ast.BinOp: _operator,
        ast.Constant: _constant,
        ast.NamedExpr: lambda self, node: self.values(node.value),
        ast.JoinedStr: lambda _self, _node: [Special.PLAIN],
        ast.Lambda: lambda _self, node: [Function(node)],
        ast.List: lambda _self, node: [Container("list", node)],
        ast.ListComp: lambda _self, node: [Container("list", node)],
        ast.Dict: lambda _self, node: [Container("dict", node)],
        ast.DictComp: lambda _self, node: [Container("dict", node)],
        ast.Set: lambda _self, node: [Container("set", node)],
        ast.SetComp: lambda _self, node: [Container("set", node)],
    }
