"""What an expression may be: followed across imports, aliases, closures, parameters, and attributes of `self`.

Nothing is executed and no order of statements is known: a name that is bound twice is either of the two.
"""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from wf.lint.scopes import Assigned, Definition, Import, Item, Parameter
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
    from collections.abc import Callable, Iterable

    from wf.lint.scopes import Binding, Callback, Tree
    from wf.lint.workflows import Classes

MAKERS = frozenset({"do", "transaction"})
"""Methods of the step object that run code of the user."""
FUTURES = MAKERS | {"sleep", "sleep_until", "wait_for_event"}
"""Methods that make steps."""
VALUES = frozenset({"now", "random", "uuid4"})
"""Methods that give values."""
_DEPTH = 30
_EFFORT = 2_000
"""Expressions that are looked at for the sake of one; of what comes then, nothing is known."""
_MANY = 12
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
TRANSPARENT = frozenset({
    "functools.cache", "functools.lru_cache", "functools.lru_cache()", "functools.wraps()", "builtins.staticmethod",
    "builtins.classmethod", "builtins.property", "functools.cached_property", "contextlib.contextmanager",
    "contextlib.asynccontextmanager", "typing.override", "typing_extensions.override", "typing.no_type_check",
})  # fmt: skip
"""Decorators that leave a function what it is."""
_UNKNOWN: list[Value] = [Special.UNKNOWN]


class Resolver:
    """Tells what expressions of a file may be.

    Args:
        tree: The file.
        classes: Its classes.
    """

    def __init__(self, tree: Tree, classes: Classes) -> None:
        self.tree, self.classes = tree, classes
        self.given: dict[tuple[Callback, str], list[Value]] = {}
        self._known: dict[ast.AST, list[Value]] = {}
        self._active: set[ast.AST] = set()
        self._effort = self._cuts = 0

    def give(self, function: Callback, name: str, values: Iterable[Value]) -> bool:
        """Note what a parameter gets in a call; whether this is news."""
        there = self.given.setdefault((function, name), [])
        dull = (Special.UNKNOWN, Special.PLAIN, Special.NONE)
        new = [each for each in values if each not in dull and each not in there][: _MANY - len(there)]
        there += new
        if new:
            self._known.clear()
        return bool(new)

    def values(self, node: ast.expr) -> list[Value]:
        """What an expression may be; UNKNOWN among it if that is not all."""
        if (known := self._known.get(node)) is not None:
            return known
        if node in self._active or len(self._active) > _DEPTH or self._effort > _EFFORT:
            self._cuts += 1
            return [] if node in self._active else _UNKNOWN
        self._effort = self._effort + 1 if self._active else 0
        before = self._cuts
        self._active.add(node)
        try:
            found = list(dict.fromkeys(self._values(node)))
        finally:
            self._active.discard(node)
        found = found if len(found) <= _MANY else [*found[:_MANY], Special.UNKNOWN]
        if self._cuts == before or not self._active:  # else a part of a circle may be missing
            self._known[node] = found
        return found

    def is_only(self, node: ast.expr, test: Callable[[Value], bool]) -> bool:
        """Whether an expression is surely such a value; that it may be None, too, does not matter."""
        found = [each for each in self.values(node) if each is not Special.NONE]
        return bool(found) and all(map(test, found))

    def dotted(self, node: ast.expr) -> list[str]:
        """The whole names of what an expression is, if it is surely something of a module."""
        found = [each for each in self.values(node) if each is not Special.NONE]
        names = [each.name for each in found if isinstance(each, Dotted)]
        return names if len(names) == len(found) else []

    def _values(self, node: ast.expr) -> list[Value]:
        follow = self._kinds.get(type(node))
        return follow(self, node) if follow is not None else _UNKNOWN

    def _name(self, node: ast.Name) -> list[Value]:
        scope = self.tree.scope(node)
        owner = scope.owner(node.id)
        if owner is None or not owner.names.get(node.id):
            known = hasattr(builtins, node.id) and not scope.module.stars
            return [Dotted(f"builtins.{node.id}")] if known else _UNKNOWN
        return [value for each in owner.names[node.id][:_MANY] for value in self.binding(each)]

    def binding(self, binding: Binding) -> list[Value]:  # noqa: PLR0911  # a kind of binding each
        """What a name is that is bound so."""
        match binding:
            case Import(dotted):
                return [Dotted(dotted)]
            case Assigned(value):
                return self.values(value)
            case Item(value):
                return self.items(value)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self.defined(binding)
            case ast.ClassDef():
                return [Self(binding) if self.classes.is_workflow(binding) else Class(binding)]
            case Parameter(function, name):
                return self._parameter(function, name)
            case _:
                return _UNKNOWN

    def _parameter(self, function: Callback, name: str) -> list[Value]:
        if given := self.given.get((function, name)):
            return given
        args = function.args
        plain = [*args.posonlyargs, *args.args]
        pairs = [*zip(reversed(plain), reversed(args.defaults), strict=False)]
        pairs += [(arg, each) for arg, each in zip(args.kwonlyargs, args.kw_defaults, strict=True) if each is not None]
        default = next((each for arg, each in pairs if arg.arg == name), None)
        return _UNKNOWN if default is None else [*self.values(default), Special.UNKNOWN]

    def defined(self, node: Definition) -> list[Value]:
        """What the name of a function stands for, after its decorators."""
        for each in reversed(node.decorator_list):
            for value in self.values(each):
                if isinstance(value, Factory) or value in (Method("do"), Method("transaction")):
                    return [Decorated(node)]
                if not isinstance(value, Dotted) or value.name not in TRANSPARENT:
                    return _UNKNOWN
        return [Function(node)]

    def items(self, node: ast.expr) -> list[Value]:
        """What the items of a value may be."""
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return [value for each in node.elts for value in self.values(each)]
        found: list[Value] = []
        for value in self.values(node):
            if value in (Special.EVENT, Special.RESULT):
                found.append(value)
            elif isinstance(value, Container) and isinstance(value.node, ast.List | ast.Set) and value.node is not node:
                found += self.items(value.node)
            elif isinstance(value, Container) and isinstance(value.node, ast.ListComp | ast.SetComp):
                found += self.values(value.node.elt)
            else:
                found.append(Special.UNKNOWN)
        return found

    def _attribute(self, node: ast.Attribute) -> list[Value]:
        return [found for value in self.values(node.value) for found in self._member(value, node.attr)]

    def _member(self, value: Value, name: str) -> list[Value]:  # noqa: PLR0911  # a kind of value each
        match value:
            case Special.STEP:
                return [Method(name)] if name in FUTURES | VALUES else _UNKNOWN
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
                return [Function(found)] if found is not None and self.classes.is_static(found) else _UNKNOWN
            case _:
                return _UNKNOWN

    def _of_self(self, cls: ast.ClassDef, name: str) -> list[Value]:
        if (method := self.classes.method(cls, name)) is not None:
            return self._method(cls, method)
        if assigned := self.classes.attributes(cls, name):
            return [value for each in assigned[:_MANY] for value in self.values(each)]
        bound = name == "env" and self.classes.is_workflow(cls)
        return [Dotted("self.env")] if bound else _UNKNOWN

    def _method(self, cls: ast.ClassDef, method: Definition | None) -> list[Value]:
        if method is None:
            return _UNKNOWN
        bound = None if self.classes.is_static(method) else Self(cls)
        found = [Function(each.node, bound) if isinstance(each, Function) else each for each in self.defined(method)]
        if not self.classes.is_property(method):
            return [*found]
        return [value for each in found for value in self._returned(each)]

    def _subscript(self, node: ast.Subscript) -> list[Value]:
        if isinstance(node.slice, ast.Slice):  # a copy
            return _UNKNOWN
        return [found for value in self.values(node.value) for found in self._taken_from(value)]

    def _taken_from(self, value: Value) -> list[Value]:
        """What an item of a value may be; of what a dict or list begins with, nothing is sure."""
        match value:
            case Special.EVENT | Special.RESULT:
                return [value]
            case Container(node=ast.Dict(values=held) | ast.List(elts=held)):
                return [*(found for each in held for found in self.values(each)), Special.UNKNOWN]
            case _:
                return _UNKNOWN

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
                return _UNKNOWN

    def _called_outside(self, name: str, node: ast.Call) -> list[Value]:
        if name in _CONTAINERS:
            return [Container(_CONTAINERS[name], node)]
        if name == "functools.partial" and node.args:
            rest, keywords = tuple(node.args[1:]), tuple(node.keywords)
            functions = [each for each in self.values(node.args[0]) if isinstance(each, Function)]
            return [
                Function(each.node, each.bound, each.args + rest, each.keywords + keywords) for each in functions
            ] or _UNKNOWN
        if name == "builtins.super":
            within = next((each for each in self.tree.parents(node) if isinstance(each, ast.ClassDef)), None)
            return _UNKNOWN if within is None else [Above(within)]
        if name == "typing.cast" and len(node.args) > 1:
            return self.values(node.args[1])
        return [Dotted(f"{name}()")]

    def _returned(self, value: Value) -> list[Value]:
        if not isinstance(value, Function):
            return _UNKNOWN
        node = value.node
        if isinstance(node, ast.Lambda):
            return self.values(node.body)
        inside = list(own_nodes(node))
        if any(isinstance(each, ast.Yield | ast.YieldFrom) for each in inside):
            return _UNKNOWN
        if isinstance(node, ast.AsyncFunctionDef):
            return [Coroutine(node)]
        returned = [each.value for each in inside if isinstance(each, ast.Return)]
        return [found for each in returned for found in (_UNKNOWN if each is None else self.values(each))] or _UNKNOWN

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
            return [each for each in paths if each.name.startswith("pathlib.")] or _UNKNOWN
        if isinstance(node.op, ast.Sub | ast.BitAnd | ast.BitOr | ast.BitXor):
            sides = [each for side in (node.left, node.right) for each in self.values(side)]
            if any(isinstance(each, Container) and each.kind == "set" for each in sides):
                return [Container("set", node)]
        return _UNKNOWN

    def _constant(self, node: ast.Constant) -> list[Value]:
        return [Special.NONE if node.value is None else Special.PLAIN]

    _kinds: dict[type[ast.expr], Callable[..., list[Value]]] = {  # noqa: RUF012  # never changed
        ast.Name: _name,
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
