"""Expressions of `run`: what they draw, and what their value is."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wf.graph.calls import Calls
from wf.graph.nodes import Node
from wf.graph.source import text_of
from wf.graph.values import (
    CHOICES_MAX,
    Function,
    Many,
    Method,
    Pending,
    Real,
    Scope,
    Source,
    Special,
    Value,
    columns_of,
    element_of,
    joined,
    leaves_of,
    member,
    without_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VIEWS = frozenset({"values", "items", "copy", "get", "pop", "popleft"})
"""Methods that give what is in a collection."""


class Expressions(Calls):
    """Follows expressions in the order in which Python evaluates them."""

    def value(self, node: ast.expr | None, scope: Scope) -> Value:
        """Draw what an expression does, and tell what it gives."""
        if node is None:
            return None
        self.effort.spend()
        return self._followers.get(type(node), self._others)(node, scope)

    @cached_property
    def _followers(self) -> Mapping[type[ast.expr], Callable[[Any, Scope], Value]]:
        return {
            ast.Constant: lambda _node, _scope: None,
            ast.Name: lambda node, scope: scope.look(node.id),
            ast.Await: lambda node, scope: self._awaited(node.value, scope),
            ast.Call: self.call,
            ast.Attribute: self._attribute,
            ast.Lambda: Function,
            ast.NamedExpr: lambda node, scope: self.bind(node.target, self.known_value(node.value, scope), scope),
            ast.IfExp: self._conditional,
            ast.BoolOp: self._either,
            **dict.fromkeys((ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp), self._comprehension),
            **dict.fromkeys((ast.List, ast.Tuple, ast.Set), self._display),
            ast.Dict: self._mapping,
        }

    def known_value(self, node: ast.expr, scope: Scope) -> Value:
        """As `value`, but of an expression of which no more is known, the expression itself."""
        value = self.value(node, scope)
        return Source(node, scope) if value is None else value

    def bind(self, target: ast.expr, value: Value, scope: Scope) -> Value:
        """Assign to a variable, an attribute of `self`, or to several in a row."""
        match target:
            case ast.Name(id=name):
                scope.values[name] = value
            case ast.Attribute(value=base, attr=name) if self.value(base, scope) is Special.SELF:
                self.attributes[name] = None if isinstance(value, Source | Real) else value
            case ast.Subscript(value=ast.Name(id=name)) if not isinstance(value, Source):
                scope.values[name] = joined([scope.look(name), value])
            case ast.Starred(value=inner):
                self.bind(inner, value, scope)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                exact = value.values if isinstance(value, Many) and len(value.values) == len(elements) else None
                for number, element in enumerate(elements):
                    whole = None if isinstance(value, Source | Real) else value
                    self.bind(element, whole if exact is None else exact[number], scope)
            case _:
                pass
        return value

    def bind_each(self, target: ast.expr, over: Value, scope: Scope) -> None:
        """Assign what a loop goes over."""
        if isinstance(target, ast.Tuple | ast.List):
            for element, column in zip(target.elts, columns_of(over, len(target.elts)), strict=True):
                self.bind(element, column, scope)
        else:
            self.bind(target, element_of(over), scope)

    def iterated(self, node: ast.expr, scope: Scope, *, at_once: bool) -> Value:
        """What a loop goes over; an async generator runs while it does."""
        since = self.now()
        value = self.value(node, scope)
        if at_once:
            self.settle(leaves_of(value), since)
        return value

    def _awaited(self, inner: ast.expr, scope: Scope) -> Value:
        self.iterated(inner, scope, at_once=True)
        return None

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        base, name = self.value(node.value, scope), node.attr
        match base:
            case Special.STEP:
                return Method(name)
            case Special.SELF:
                known = self.attributes.get(name, Special.SELF)  # None: `run` has put something else there
                return (self.method(name) or member(self.workflow, name)) if known is Special.SELF else known
            case Special.SUPER:
                return self.method(name, behind=scope.owner)
            case Real(object=found):
                return member(found, name)
            case Pending() | Many() if name in _VIEWS:
                return base
            case _:
                return None

    def _conditional(self, node: ast.IfExp, scope: Scope) -> Value:
        self.value(node.test, scope)
        with self.block() as yes:
            first = self.value(node.body, scope)
        with self.block() as no:
            second = self.value(node.orelse, scope)
        self.add(Node("if", {}, [yes, no], [text_of(node.test), None]))
        return joined([without_text(first), without_text(second)])

    def _either(self, node: ast.BoolOp, scope: Scope) -> Value:
        first, *rest = node.values
        values = [self.value(first, scope)]
        condition = text_of(first) if isinstance(node.op, ast.And) else f"not ({text_of(first)})"
        with self.block() as then:
            values.extend(self.value(each, scope) for each in rest)
        self.add(Node("if", {}, [then], [condition]))
        return joined(map(without_text, values))

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope) -> Value:
        inner = Scope(scope, [])
        first = self.iterated(node.generators[0].iter, scope, at_once=bool(node.generators[0].is_async))
        with self.block() as block:
            for number, generator in enumerate(node.generators):
                over = first if number == 0 else self.value(generator.iter, inner)
                self.bind_each(generator.target, over, inner)
                for condition in generator.ifs:
                    self.value(condition, inner)
            parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            values = [self.value(part, inner) for part in parts]
        self.add(Node("loop", {}, [block]))
        return joined(values)

    def _display(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Value:
        values = [self.known_value(each, scope) for each in node.elts]
        return Many(values) if len(values) <= CHOICES_MAX else joined(map(without_text, values))

    def _mapping(self, node: ast.Dict, scope: Scope) -> Value:
        pairs = zip(node.keys, node.values, strict=True)
        return joined([without_text(self.value(part, scope)) for pair in pairs for part in pair])

    def _others(self, node: ast.expr, scope: Scope) -> Value:
        """Arithmetic, comparisons, subscripts and the like: whatever is inside, in order."""
        values = [self.value(each, scope) for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
        if isinstance(node, ast.Subscript | ast.Starred) and isinstance(values[0], Many):
            return element_of(values[0]) if isinstance(node, ast.Subscript) else values[0]
        return joined([without_text(value) for value in values if not isinstance(value, Real | Special)])
