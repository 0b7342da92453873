"""What an expression may be, as far as the rules ask."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast

    from wf.lint.scopes import Callback, Definition


class Special(Enum):
    """Values without parts."""

    STEP = auto()  # the step object
    EVENT = auto()  # the event, or something of it
    RESULT = auto()  # what a step has given
    NONE = auto()  # None
    PLAIN = auto()  # text or a number
    UNKNOWN = auto()  # anything


@dataclass(frozen=True)
class Dotted:
    """Something of a module, by its whole name; `httpx.Client()` is an object, and `httpx.Client().get` its method."""

    name: str


@dataclass(frozen=True)
class Self:
    """An object of a class of the file; a workflow class itself, too."""

    cls: ast.ClassDef


@dataclass(frozen=True)
class Above:
    """`super()` in a class."""

    cls: ast.ClassDef


@dataclass(frozen=True)
class Class:
    """A class of the file."""

    node: ast.ClassDef


@dataclass(frozen=True)
class Function:
    """A function of the file.

    Attributes:
        node: Its definition.
        bound: What its first parameter is already, for methods.
        args: What was given by `functools.partial`.
        keywords: The same, by name.
    """

    node: Callback
    bound: Self | None = None
    args: tuple[ast.expr, ...] = ()
    keywords: tuple[ast.keyword, ...] = ()


@dataclass(frozen=True)
class Method:
    """A method of the step object."""

    name: str


@dataclass(frozen=True)
class Factory:
    """`step.do(name)`, which waits for a function to decorate."""

    call: ast.Call


@dataclass(frozen=True)
class Decorated:
    """A function decorated as a step."""

    node: Callback


@dataclass(frozen=True)
class Future:
    """A step that was begun.

    Attributes:
        call: Where.
        kind: The method of the step object; `do` for decorated steps.
    """

    call: ast.Call
    kind: str


@dataclass(frozen=True)
class Coroutine:
    """A call of an async function of the file."""

    node: Definition


@dataclass(frozen=True)
class Container:
    """A list, dict or set that is made here."""

    kind: str
    node: ast.expr


Value = (
    Special | Dotted | Self | Above | Class | Function | Method | Factory | Decorated | Future | Coroutine | Container
)
