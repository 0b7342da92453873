"""The finished diagram as JSON, without what has nothing to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.graph.nodes import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wf.graph.nodes import Block, Node


class Renderer:
    """Makes JSON of nodes.

    Args:
        run: The nodes of `run`.
        functions: The functions that are called, by name. Those that lead to no step are left out, with their calls.
    """

    def __init__(self, run: Block, functions: Mapping[str, Block]) -> None:
        everything = [node for block in (run, *functions.values()) for root in block for node in _inside(root)]
        moments = {at for node in everything for at in (node.starts, node.resolves) if at is not None}
        self._order = {at: number for number, at in enumerate(sorted(moments), 1)}
        self._alive: set[str] = set()
        grown = True
        while grown:
            alive = {name for name, block in functions.items() if any(self._does(node) for node in block)}
            grown, self._alive = alive != self._alive, alive
        self.run = self.nodes(run)
        self.functions: dict[str, dict[str, Any]] = {}
        called = _called(run)
        while called:  # what is called by what is not called, is not shown
            if (name := called.pop(0)) in self._alive and name not in self.functions:
                nodes = self.nodes(functions[name])
                self.functions[name] = {"type": "function_def", "name": name, "nodes": nodes}
                called = [*_called(functions[name]), *called]

    def nodes(self, block: Iterable[Node], *, side_by_side: bool = False) -> list[dict[str, Any]]:
        """The nodes of a block; blocks among them are opened, unless what is in them is one thing beside others."""
        shown: list[dict[str, Any]] = []
        for node in block:
            told = self._node(node)
            if told is None:
                continue
            inner = told["nodes"] if told["type"] == "block" and not told.get("cut") else None
            if inner is not None and (not side_by_side or len(inner) < 2):
                shown.extend(inner)
            else:
                shown.append(told)
        return shown

    def _does(self, node: Node) -> bool:
        """Whether there is a step here, or a call that leads to one."""
        return any(
            each.type in STEPS or (each.type == "function_call" and each.facts["name"] in self._alive)
            for each in node.busy()
        )

    def _node(self, node: Node) -> dict[str, Any] | None:
        told = {"type": node.type, **node.facts}
        told |= {name: self._order[at] for name in ("starts", "resolves") if (at := getattr(node, name)) is not None}
        if node.type in STEPS or node.type == "break" or node.facts.get("cut"):
            return {**told, "nodes": []} if node.type in ("step_do", "block") else told
        if node.type == "function_call":
            return told if node.facts["name"] in self._alive else None
        parts = [self.nodes(block, side_by_side=node.type == "parallel") for block in node.blocks]
        if not any(parts) or (node.type == "loop" and all(_only_leaves(each) for each in parts[0])):
            return None
        return told | self._parts(node, parts)

    def _parts(self, node: Node, parts: list[list[dict[str, Any]]]) -> dict[str, Any]:
        labelled = list(zip(node.labels, parts, strict=False))
        if node.type in ("if", "switch"):
            return {"branches": [{"condition": label, "nodes": nodes} for label, nodes in labelled]}
        if node.type == "try":
            return dict.fromkeys(_TRY) | {str(label): {"type": "block", "nodes": nodes} for label, nodes in labelled}
        return {"nodes": parts[0]}


_TRY = ("try_block", "catch_block", "finally_block")


def _called(block: Block) -> list[str]:
    return [node.facts["name"] for root in block for node in root.busy() if node.type == "function_call"]


def _inside(node: Node) -> Iterator[Node]:
    yield node
    for block in node.blocks:
        for each in block:
            yield from _inside(each)


def _only_leaves(node: Mapping[str, Any]) -> bool:
    """Whether a node of a loop does nothing but end it, or a turn of it."""
    if node["type"] == "break":
        return node["kind"] in ("break", "continue")
    return node["type"] == "if" and all(_only_leaves(each) for branch in node["branches"] for each in branch["nodes"])
