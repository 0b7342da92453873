"""The graph of a workflow's code, read: liberal in what it takes, typed and bounded in what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from wf import durations
from wf.core import StepConfig
from wf_api.diagram.text import clean

DEPTH = 60
"""Lists of nodes within nodes; what is deeper is told of as one."""

NODES = 2_000
"""Nodes that are read; what follows is left out, and told of."""

KINDS = {
    "step_do": ("do", "rollback"), "step_sleep": ("sleep", "timer"), "step_sleep_until": ("sleep",),
    "step_wait_for_event": ("waitForEvent",),
}  # fmt: skip
"""Nodes at which instances can stand, and the kinds of rows in the journal that stand for them."""

_ROLES = {
    "step_do": "step", "step_sleep": "sleep", "step_sleep_until": "sleep", "step_wait_for_event": "wait",
    "loop": "loop", "parallel": "parallel", "try": "try", "if": "if", "switch": "switch", "break": "end",
}  # fmt: skip
_TOGETHER = {
    "all": "parallel · until all are done", "all_settled": "parallel · until all have ended",
    "any": "parallel · until one succeeds", "race": "parallel · until one ends",
}  # fmt: skip
_TRY = (("try_block", "try"), ("catch_block", "on error"), ("finally_block", "finally"))
_DEFAULT = StepConfig()
_BLOCKS = frozenset({"block", "start"})


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """A part of a node: a branch, the body of a loop. Its label says when it is taken."""

    label: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """A node of the diagram.

    Attributes:
        role: How it is drawn: step, sleep, wait, call, other, end, loop, each, parallel, if, switch, try, function.
        name: What it is called, whole.
        detail: What else is to be said.
        raw: As it stood in the JSON.
        parts: What is in it.
    """

    role: str
    name: str
    detail: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()


def read(graph: Mapping[str, Any]) -> tuple[str, tuple[Node, ...]]:
    """The name of the class, and what `run` does."""
    workflow = _mapping(graph.get("workflow"))
    functions = {str(name): _mapping(found) for name, found in _mapping(workflow.get("functions")).items()}
    reader = _Reader(functions)
    return clean(workflow.get("class_name")) or "Workflow", reader.nodes(workflow.get("nodes"))


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """Each node, in the order in which it is drawn."""
    for node in nodes:
        yield node
        for part in node.parts:
            yield from walk(part.nodes)


class _Reader:
    """Reads nodes; each function once, where it is first called."""

    def __init__(self, functions: Mapping[str, Mapping[str, Any]]) -> None:
        self._functions = functions
        self._read: set[str] = set()
        self._number = self._depth = 0

    def nodes(self, found: Any) -> tuple[Node, ...]:
        """The nodes of a list, or of a block."""
        if isinstance(found, Mapping):
            found = found.get("nodes") if clean(found.get("type")) in {"", *_BLOCKS} else [found]
        if not isinstance(found, list | tuple):
            return ()
        if self._depth >= DEPTH and found:
            return (Node("other", "and more, too deep to be shown"),)
        self._depth += 1
        nodes = tuple(self._some(found))
        self._depth -= 1
        return nodes

    def _some(self, found: Iterable[Any]) -> Iterator[Node]:
        for raw in map(_mapping, found):
            if self._number == NODES:
                self._number += 1
                yield Node("other", "and more, too many to be shown")
            if self._number > NODES:
                return
            if raw.get("cut"):
                yield Node("other", "and more, not read", raw=raw)
            elif clean(raw.get("type")) in _BLOCKS:
                yield from self.nodes(raw)
            else:
                self._number += 1
                yield self._node(raw)

    def _node(self, raw: Mapping[str, Any]) -> Node:
        type = clean(raw.get("type")) or "unknown"
        if type == "function_call":
            return self._call(raw)
        role = _ROLES.get(type, "other")
        if role == "other":
            name = clean(raw.get("name"))
            if inner := self.nodes(raw.get("nodes")):
                return Node("function", name or type, "", raw, (Part("", inner),))
            return Node(role, name or type, type if name else "", raw)
        parts = tuple(self._parts(role, raw))
        if role == "parallel" and len(parts) == 1 and [node.role for node in parts[0].nodes] == ["loop"]:
            each = replace(parts[0].nodes[0], role="each", name="for each, side by side")
            parts = (Part("", (each,)),)
        return Node(role, _name(role, raw), clean(raw.get("detail")) or _detail(type, raw), raw, parts)

    def _call(self, raw: Mapping[str, Any]) -> Node:
        name = str(raw.get("name"))
        if name not in self._functions or name in self._read:
            return Node("call", _called(name), "shown above" if name in self._read else "", raw)
        self._read.add(name)
        inner = self._functions[name].get("nodes")
        return Node("function", _called(name), "", raw, (Part("", self.nodes(inner)),))

    def _parts(self, role: str, raw: Mapping[str, Any]) -> Iterator[Part]:
        if role == "loop":
            yield Part("", self.nodes(raw.get("nodes")))
        elif role == "parallel":
            yield from (Part("", self.nodes([found])) for found in _list(raw.get("nodes")) if self._number <= NODES)
        elif role in {"if", "switch"}:
            yield from self._branches([_mapping(branch) for branch in _list(raw.get("branches"))])
        elif role == "try":
            for key, label in _TRY:
                if raw.get(key) or key == "try_block":
                    yield Part(label, self.nodes(raw.get(key)))

    def _branches(self, branches: Iterable[Mapping[str, Any]]) -> Iterator[Part]:
        always = False
        for branch in branches:
            condition = branch.get("condition")
            always = always or condition is None
            yield Part("else" if condition is None else clean(condition) or "?", self.nodes(branch.get("nodes")))
        if not always:
            yield Part("else", ())


def _called(name: str) -> str:
    shown = clean(name)
    return shown if shown.endswith(")") else f"{shown}()"  # the second of a name is "charge (2)"


def _name(role: str, raw: Mapping[str, Any]) -> str:
    if role == "end":
        return clean(raw.get("kind")) or "end"
    if role == "parallel":
        return _TOGETHER.get(str(raw.get("kind")), clean(f"parallel · {raw.get('kind') or 'all'}"))
    if role == "switch":
        return clean(raw.get("discriminant"))
    if role == "loop":
        told = next((clean(raw[key]) for key in ("name", "label", "condition", "iterates") if raw.get(key)), "")
        return f"loop · {told}" if told else "loop"
    return clean(raw.get("name")) or {"if": "if", "try": "try"}.get(role, "without a name")


def _detail(type: str, raw: Mapping[str, Any]) -> str:
    told: list[str] = []
    if type == "step_do":
        told.extend(_configured(_mapping(raw.get("config"))))
        if raw.get("transaction"):
            told.append("in a transaction")
        if raw.get("rollback"):
            told.append("can be undone")
    elif type == "step_sleep":
        told.append(f"for {duration(raw.get('duration'))}")
    elif type == "step_sleep_until":
        told.append(f"until {clean(raw.get('timestamp')) or '?'}")
    elif type == "step_wait_for_event":
        options = _mapping(raw.get("options"))
        told.append(f"event {clean(options.get('event_type')) or '?'}")
        if options.get("timeout") is not None:
            told.append(f"within {duration(options['timeout'])}")
    return " · ".join(told)


def _configured(config: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it is by default."""
    retries = _mapping(config.get("retries"))
    if (limit := retries.get("limit")) not in (None, _DEFAULT.limit):
        yield f"{clean(limit) if limit else 'no'} {'retry' if limit == 1 else 'retries'}"
    if limit != 0 and (delay := retries.get("delay")) not in (None, _DEFAULT.delay):
        yield f"after {duration(delay)}"
    if (timeout := config.get("timeout")) not in (None, _DEFAULT.timeout):
        yield f"within {duration(timeout)}"


def duration(value: Any) -> str:
    """A duration as people write it; what is none, such as the name of a variable, as it stands in the code."""
    try:
        return durations.text(durations.seconds(value))
    except ValueError:
        return clean(value) or "?"


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []
