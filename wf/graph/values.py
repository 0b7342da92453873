"""What the analysis knows of the values in `run`: steps, functions, futures, constants."""

from __future__ import annotations

import ast
import builtins
import inspect
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType
from typing import TYPE_CHECKING, Any

from wf.graph.effort import Effort
from wf.graph.source import bindings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wf.graph.names import Template
    from wf.graph.nodes import Node
    from wf.graph.source import Definition

CHOICES_MAX = 50
"""Values that a variable may have before it is just any."""


class Special(Enum):
    """What has a meaning of its own."""

    STEP = "the step object"
    SELF = "the instance"
    SUPER = "super()"


@dataclass(frozen=True, eq=False)
class Real:
    """An object that is there, such as a module or a function in one. It is never compared: that would run its code."""

    object: Any


@dataclass(frozen=True, eq=False)
class Source:
    """An expression of which no more is known."""

    node: ast.expr
    scope: Scope


@dataclass(eq=False)
class Pending:
    """A future, or several, that may be awaited."""

    leaves: list[Node]


@dataclass(eq=False)
class Many:
    """One of several values, or a collection of them."""

    values: list[Value]


@dataclass(eq=False)
class Method:
    """`step.do` and its like, perhaps with arguments by `partial`."""

    name: str
    args: list[ast.expr] = field(default_factory=list)
    keywords: list[ast.keyword] = field(default_factory=list)


@dataclass(eq=False)
class Factory:
    """`step.do(...)` before it has its function."""

    name: Template | None
    facts: dict[str, Any]
    depends: list[Value] | None = None
    concurrent: bool = False


@dataclass(eq=False)
class Decorated:
    """A function decorated with `@step.do`."""

    name: Template
    facts: dict[str, Any]
    parameters: list[str]
    depends: list[Value] | None
    concurrent: bool
    called: bool = False


@dataclass(eq=False)
class Function:
    """A function whose source is at hand."""

    node: Definition | ast.Lambda
    scope: Scope
    bound: list[Value] = field(default_factory=list)
    keywords: dict[str, Value] = field(default_factory=dict)

    @property
    def lazy(self) -> bool:
        """Whether calling it makes a coroutine."""
        return isinstance(self.node, ast.AsyncFunctionDef)


Value = Special | Real | Source | Pending | Many | Method | Factory | Decorated | Function | None

CARRIERS = Special | Pending | Method | Factory | Decorated | Function
"""Values through which a function may come to steps."""


class Scope:
    """The variables of a function, or of a comprehension.

    Args:
        parent: The scope around it.
        body: The statements of the function.
        outside: What is known beyond the outermost scope.
        workflow: The class whose diagram it is.
        owner: The class whose method it is.
        effort: What may still be looked at.
    """

    def __init__(
        self,
        parent: Scope | None,
        body: list[ast.stmt],
        *,
        outside: Mapping[str, Any] | None = None,
        workflow: type | None = None,
        owner: type | None = None,
        effort: Effort | None = None,
    ) -> None:
        self.parent, self.outside = parent, outside
        self.workflow: type | None = workflow if parent is None else parent.workflow
        self.owner: type | None = owner if parent is None else parent.owner
        self.effort: Effort = (effort or Effort()) if parent is None else parent.effort
        self.counts = bindings(body)
        self.values: dict[str, Value] = {}
        self.returned: Value = None

    def look(self, name: str) -> Value:
        """What a variable holds. Of one that is assigned more than once, no text is known."""
        if name in self.values:
            value = self.values[name]
            return value if self.counts.get(name, 0) <= 1 else without_text(value)
        if self.parent is not None:
            return self.parent.look(name)
        if name in (self.outside or {}):
            return Real((self.outside or {})[name])
        return Real(vars(builtins)[name]) if name in vars(builtins) else None

    def count_parameter(self, name: str) -> None:
        """A parameter has a value before the first assignment."""
        self.counts[name] = self.counts.get(name, 0) + 1


def without_text(value: Value) -> Value:
    """A value but for what it says of text."""
    match value:
        case Source():
            return None
        case Many(values):
            return joined(map(without_text, values))
        case _:
            return value


def element_of(value: Value) -> Value:
    """One of the values in a collection."""
    match value:
        case Pending():
            return value
        case Many(values):
            return joined(values)
        case _:
            return None


def columns_of(value: Value, width: int) -> list[Value]:
    """What each of several variables gets in a loop over rows."""
    rows = value.values if isinstance(value, Many) else []
    if rows and all(isinstance(row, Many) and len(row.values) == width for row in rows):
        return [joined(column) for column in zip(*(row.values for row in rows if isinstance(row, Many)), strict=True)]
    return [without_text(element_of(value))] * width


def joined(values: Iterable[Value]) -> Value:
    """One value for several: all futures in them, or else one of them."""
    there = [value for value in values if value is not None]
    if futures := [leaf for value in there for leaf in leaves_of(value)]:
        return Pending(list(dict.fromkeys(futures)))
    flat = [each for value in there for each in (value.values if isinstance(value, Many) else [value])]
    unique = list({_identity(each): each for each in flat}.values())
    if len(unique) == 1:
        return unique[0]
    return Many(unique) if unique and len(unique) <= CHOICES_MAX else None


def _identity(value: Value) -> tuple[int, ...]:
    """What makes a value another than the next, without asking it."""
    match value:
        case Real(object=found):
            return (id(found),)
        case Source(node=node, scope=scope):
            return id(node), id(scope)
        case _:
            return (id(value),)


def leaves_of(value: Value) -> list[Node]:
    """The futures in a value."""
    match value:
        case Pending(leaves):
            return leaves
        case Many(values):
            return [leaf for each in values for leaf in leaves_of(each)]
        case _:
            return []


def member(found: object, name: str) -> Value:
    """An attribute of an object, as far as reading it runs no code."""
    if isinstance(found, ModuleType):
        return Real(vars(found)[name]) if name in vars(found) else None
    if isinstance(found, type) and issubclass(found, Enum) and name in found.__members__:
        return Real(found.__members__[name])
    if isinstance(found, Enum) and name in ("name", "value"):
        return Real(found.name if name == "name" else found.value)
    if isinstance(found, type):
        value = inspect.getattr_static(found, name, None)
        value = value.__func__ if isinstance(value, staticmethod) else value
        return None if value is None else Real(value)
    return None
