"""Names: what each is bound to, and what parameters get."""

from __future__ import annotations

import ast
import builtins
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from wf.lint.scopes import Assigned, Definition, Import, Item, Parameter
from wf.lint.values import Class, Container, Decorated, Dotted, Factory, Function, Method, Self, Special, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wf.lint.scopes import Binding, Callback, Tree
    from wf.lint.workflows import Classes

_DEPTH = 30
_EFFORT = 2_000
"""Expressions that are looked at for the sake of one; of what comes then, nothing is known."""
MANY = 12
_TRANSPARENT = frozenset({
    "functools.cache", "functools.lru_cache", "functools.lru_cache()", "functools.wraps()", "builtins.staticmethod",
    "builtins.classmethod", "builtins.property", "functools.cached_property", "contextlib.contextmanager",
    "contextlib.asynccontextmanager", "typing.override", "typing_extensions.override", "typing.no_type_check",
})  # fmt: skip
"""Decorators that leave a function what it is."""
UNKNOWN: list[Value] = [Special.UNKNOWN]


class Names(ABC):
    """Remembers what expressions may be, and follows names.

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
        new = [each for each in values if each not in dull and each not in there][: MANY - len(there)]
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
            return [] if node in self._active else UNKNOWN
        self._effort = self._effort + 1 if self._active else 0
        before = self._cuts
        self._active.add(node)
        try:
            found = list(dict.fromkeys(self._values(node)))
        finally:
            self._active.discard(node)
        found = found if len(found) <= MANY else [*found[:MANY], Special.UNKNOWN]
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

    @abstractmethod
    def _values(self, node: ast.expr) -> list[Value]:
        """The same, without a look at what is known already."""

    def name(self, node: ast.Name) -> list[Value]:
        """What a name stands for."""
        scope = self.tree.scope(node)
        owner = scope.owner(node.id)
        if owner is None or not owner.names.get(node.id):
            known = hasattr(builtins, node.id) and not scope.module.stars
            return [Dotted(f"builtins.{node.id}")] if known else UNKNOWN
        return [value for each in owner.names[node.id][:MANY] for value in self.binding(each)]

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
                return UNKNOWN

    def _parameter(self, function: Callback, name: str) -> list[Value]:
        if given := self.given.get((function, name)):
            return given
        args = function.args
        plain = [*args.posonlyargs, *args.args]
        pairs = [*zip(reversed(plain), reversed(args.defaults), strict=False)]
        pairs += [(arg, each) for arg, each in zip(args.kwonlyargs, args.kw_defaults, strict=True) if each is not None]
        default = next((each for arg, each in pairs if arg.arg == name), None)
        return UNKNOWN if default is None else [*self.values(default), Special.UNKNOWN]

    def defined(self, node: Definition) -> list[Value]:
        """What the name of a function stands for, after its decorators."""
        for each in reversed(node.decorator_list):
            for value in self.values(each):
                if isinstance(value, Factory) or value in (Method("do"), Method("transaction")):
                    return [Decorated(node)]
                if not isinstance(value, Dotted) or value.name not in _TRANSPARENT:
                    return UNKNOWN
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
