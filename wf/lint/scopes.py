"""The tree of a file: the parent and the scope of each node, and what each name of a scope is bound to.

Everything is done with a list of what is still to do, not by recursion: generated code nests deeply.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Callback = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
"""What may be called."""
Definition = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_OPENS = Callback | Comprehension | ast.ClassDef | ast.Module
_SHARED = ast.expr_context | ast.operator | ast.boolop | ast.unaryop | ast.cmpop


@dataclass(frozen=True)
class Import:
    """A name stands for a module, or for something of a module."""

    dotted: str


@dataclass(frozen=True)
class Parameter:
    """A name is a parameter of a function."""

    function: Callback
    name: str


@dataclass(frozen=True)
class Assigned:
    """A name gets a value."""

    value: ast.expr


@dataclass(frozen=True)
class Item:
    """A name gets the items of a value, one after the other."""

    value: ast.expr


@dataclass(frozen=True)
class Part:
    """A name gets one place of what is unpacked."""

    value: ast.expr
    place: int


@dataclass(frozen=True)
class Other:
    """A name is bound to something of which nothing is known."""


Binding = Import | Parameter | Assigned | Item | Part | Other | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(eq=False)
class Scope:
    """One scope.

    Attributes:
        node: What opens it.
        outer: The scope around it.
        names: What each of its names is bound to.
        elsewhere: Names that are declared `global` or `nonlocal`, and which of them.
        stars: Whether names of unknown modules came in by `from x import *`.
    """

    node: ast.AST
    outer: Scope | None
    names: dict[str, list[Binding]] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    stars: bool = False

    def bind(self, name: str, binding: Binding) -> None:
        """Note what a name is bound to."""
        scope = self.owner(name) if name in self.elsewhere else self
        scope = scope or self  # `nonlocal` of what is nowhere
        scope.names.setdefault(name, []).append(binding)

    def owner(self, name: str) -> Scope | None:
        """The scope to which a name belongs that is used here; None for a builtin, or if it is nowhere."""
        kind = self.elsewhere.get(name)
        if kind == "global":
            return self.module
        if kind is None and name in self.names:
            return self
        scope = self.outer
        while scope is not None:
            if name in scope.names and not isinstance(scope.node, ast.ClassDef):
                return scope
            if scope.elsewhere.get(name) == "global":
                return scope.module
            scope = scope.outer
        return None

    @property
    def module(self) -> Scope:
        """The scope of the file."""
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope


class Tree:
    """A file that was read.

    Attributes:
        module: Its node.
    """

    def __init__(self, module: ast.Module) -> None:
        self.module = module
        self._parents: dict[ast.AST, ast.AST] = {}
        self._scopes: dict[ast.AST, Scope] = {}
        top = Scope(module, None)
        self.opened: dict[ast.AST, Scope] = {module: top}
        found = self._build(module, top)
        for scope, node in found:  # before any name is bound, since `global x` may stand in front of it
            if isinstance(node, ast.Global | ast.Nonlocal):
                kind = "global" if isinstance(node, ast.Global) else "nonlocal"
                scope.elsewhere |= dict.fromkeys(node.names, kind)
        later = [(scope, node) for scope, node in found if scope.elsewhere]
        for scope, node in [pair for pair in found if not pair[0].elsewhere] + later:
            _bind(scope, node)

    def _build(self, module: ast.Module, top: Scope) -> list[tuple[Scope, ast.AST]]:
        found: list[tuple[Scope, ast.AST]] = []
        waiting: list[tuple[ast.AST, Scope]] = [(module, top)]
        while waiting:
            node, scope = waiting.pop()
            self._scopes[node] = scope
            found.append((scope, node))
            inner = scope
            if isinstance(node, _OPENS) and not isinstance(node, ast.Module):
                inner = self.opened[node] = Scope(node, scope)
                _parameters(inner)
            outside = _outside(node)
            for child in ast.iter_child_nodes(node):
                if not isinstance(child, _SHARED):
                    self._parents[child] = node
                    waiting.append((child, scope if child in outside else inner))
        found.sort(key=lambda pair: getattr(pair[1], "lineno", 0))
        return found

    def parents(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, from the inside out."""
        here: ast.AST | None = self._parents.get(node)
        while here is not None:
            yield here
            here = self._parents.get(here)

    def parent(self, node: ast.AST) -> ast.AST:
        """What a node stands in directly."""
        return self._parents[node]

    def scope(self, node: ast.AST) -> Scope:
        """The scope that a node stands in."""
        return self._scopes[node]

    def bindings(self, node: ast.Name) -> list[Binding]:
        """What a name is bound to; nothing if it is a builtin."""
        owner = self.scope(node).owner(node.id)
        return [] if owner is None else owner.names.get(node.id, [])


def _outside(node: ast.AST) -> set[ast.AST]:
    """Children that belong to the scope around what opens one: decorators, defaults, bases."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        annotations = [node.returns] if node.returns else []
        return {*node.decorator_list, node.args, *annotations}
    if isinstance(node, ast.Lambda):
        return {node.args}
    if isinstance(node, ast.ClassDef):
        return {*node.decorator_list, *node.bases, *node.keywords}
    return set()


def _parameters(scope: Scope) -> None:
    if isinstance(scope.node, Callback):
        for arg in all_arguments(scope.node):
            scope.names[arg.arg] = [Parameter(scope.node, arg.arg)]


def all_arguments(function: Callback) -> list[ast.arg]:
    """The parameters of a function, those with stars last."""
    args = function.args
    stars = [each for each in (args.vararg, args.kwarg) if each is not None]
    return [*args.posonlyargs, *args.args, *args.kwonlyargs, *stars]


def _bind(scope: Scope, node: ast.AST) -> None:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            scope.bind(node.name, node)
        case ast.Import() | ast.ImportFrom():
            _import(scope, node)
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                _target(scope, target, Assigned(value))
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            _target(scope, target, Assigned(value))
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            while isinstance(scope.node, Comprehension) and scope.outer is not None:
                scope = scope.outer
            scope.bind(name, Assigned(value))
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            _target(scope, node.target, Item(node.iter))
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            _target(scope, target, Assigned(value))
        case _:
            _bind_rarely(scope, node)


def _bind_rarely(scope: Scope, node: ast.AST) -> None:
    match node:
        case ast.AugAssign(target=ast.Name(id=name)):
            scope.bind(name, Other())
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            scope.bind(name, Other())
        case ast.MatchMapping(rest=str(name)):
            scope.bind(name, Other())
        case ast.Delete(targets=targets):
            for target in targets:
                _target(scope, target, Other())
        case _:
            pass


def _import(scope: Scope, node: ast.Import | ast.ImportFrom) -> None:
    for alias in node.names:
        if isinstance(node, ast.Import):
            dotted = alias.name if alias.asname else alias.name.partition(".")[0]
            scope.bind(alias.asname or dotted, Import(dotted))
        elif alias.name == "*":
            scope.module.stars = True
        else:
            module = "." * node.level + (node.module or "")
            scope.bind(alias.asname or alias.name, Import(f"{module}.{alias.name}"))


def _target(scope: Scope, target: ast.expr, binding: Binding) -> None:
    waiting = [(target, binding)]
    while waiting:
        node, what = waiting.pop()
        match node:
            case ast.Name(id=name):
                scope.bind(name, what)
            case ast.Starred(value=inner):
                waiting.append((inner, Other()))
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                value = what.value if isinstance(what, Assigned) else None
                given = value.elts if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(elts) else None
                for place, each in enumerate(elts):
                    part: Binding = Other()
                    if given is not None:
                        part = Assigned(given[place])
                    elif value is not None:
                        part = Part(value, place)
                    waiting.append((each, part))
            case _:
                pass
