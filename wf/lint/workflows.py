"""The classes of a file: which are workflows, their methods, and what their attributes get."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING

from wf.lint.scopes import Definition, Import

if TYPE_CHECKING:
    from wf.lint.scopes import Tree

_BASE = "WorkflowEntrypoint"
_RUN = ["self", "event", "step"]
_STEPS = {"do", "transaction", "sleep", "sleep_until", "wait_for_event"}


class Classes:
    """The classes of a file.

    Args:
        tree: The file.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._bases: dict[ast.ClassDef, list[ast.ClassDef]] = {}
        self._workflows: dict[ast.ClassDef, bool] = {}
        self._assigned: dict[ast.ClassDef, dict[str, list[ast.expr]]] = {}

    @cached_property
    def workflows(self) -> list[ast.ClassDef]:
        """The workflow classes, in order."""
        found = [each for each in self._tree.opened if isinstance(each, ast.ClassDef) and self.is_workflow(each)]
        return sorted(found, key=lambda each: (each.lineno, each.col_offset))

    def is_workflow(self, cls: ast.ClassDef) -> bool:
        """Whether a class derives from WorkflowEntrypoint, as far as the file tells."""
        if cls not in self._workflows:
            self._workflows[cls] = False  # a class that derives from itself
            derived = any(map(self._is_base, cls.bases)) or any(map(self.is_workflow, self.bases(cls)))
            self._workflows[cls] = derived or self._looks_like_one(cls)
        return self._workflows[cls]

    def _is_base(self, base: ast.expr) -> bool:
        base = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(base, ast.Attribute):
            return base.attr == _BASE
        if not isinstance(base, ast.Name):
            return False
        bindings = self._tree.bindings(base)
        imported = [each.dotted for each in bindings if isinstance(each, Import)]
        return any(each.endswith(f".{_BASE}") for each in imported) or (base.id == _BASE and not bindings)

    def _looks_like_one(self, cls: ast.ClassDef) -> bool:
        """Whether a class derives from one of another file, and has a `run` that makes steps."""
        bindings = [one for each in cls.bases if isinstance(each, ast.Name) for one in self._tree.bindings(each)]
        if not any(isinstance(each, Import) for each in bindings):
            return False
        runs = [each for each in cls.body if isinstance(each, ast.AsyncFunctionDef) and each.name == "run"]
        return any(
            [arg.arg for arg in run.args.args] == _RUN and any(map(_makes_a_step, ast.walk(run))) for run in runs
        )

    def bases(self, cls: ast.ClassDef) -> list[ast.ClassDef]:
        """The bases of a class that are in the file."""
        if cls not in self._bases:
            found = [one for each in cls.bases if isinstance(each, ast.Name) for one in self._tree.bindings(each)]
            self._bases[cls] = [each for each in found if isinstance(each, ast.ClassDef) and each is not cls]
        return self._bases[cls]

    def order(self, cls: ast.ClassDef) -> list[ast.ClassDef]:
        """A class and its bases in the file, in the order in which they are looked through, or nearly so."""
        found: list[ast.ClassDef] = []
        waiting = [cls]
        while waiting:
            here = waiting.pop()
            if here not in found:
                found.append(here)
                waiting += reversed(self.bases(here))
        return found

    def method(self, cls: ast.ClassDef, name: str, *, above: bool = False) -> Definition | None:
        """A method of a class, or of its bases."""
        for each in self.order(cls)[above:]:
            for statement in each.body:
                if isinstance(statement, Definition) and statement.name == name:
                    return statement
        return None

    def attributes(self, cls: ast.ClassDef, name: str) -> list[ast.expr]:
        """What an attribute of `self` gets in the methods of a class, or in its body."""
        return [value for each in self.order(cls) for value in self._assignments(each).get(name, [])]

    def _assignments(self, cls: ast.ClassDef) -> dict[str, list[ast.expr]]:
        if cls not in self._assigned:
            found: dict[str, list[ast.expr]] = {}
            for node in ast.walk(cls):
                targets = node.targets if isinstance(node, ast.Assign) else []
                targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
                for target in targets:
                    value = getattr(node, "value", None)
                    if value is not None and (name := _attribute(target, node in cls.body)) is not None:
                        found.setdefault(name, []).append(value)
            self._assigned[cls] = found
        return self._assigned[cls]

    def is_static(self, method: Definition) -> bool:
        """Whether a method gets no `self`."""
        return any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in method.decorator_list)

    def is_property(self, method: Definition) -> bool:
        """Whether a method is called when the attribute is read."""
        return any(
            (isinstance(each, ast.Name) and each.id in ("property", "cached_property"))
            or (isinstance(each, ast.Attribute) and each.attr == "cached_property")
            for each in method.decorator_list
        )


def _makes_a_step(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in _STEPS and isinstance(node.value, ast.Name)


def _attribute(target: ast.expr, in_body: bool) -> str | None:
    match target:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name
        case ast.Name(id=name) if in_body:
            return name
        case _:
            return None
