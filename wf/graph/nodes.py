"""The diagram while it is being drawn: nodes in blocks, in the order in which `run` comes by."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

NODES_MAX = 2_000
"""Nodes of a diagram; what comes after is cut."""
DEPTH_MAX = 30
"""Blocks within blocks; what is deeper is cut."""

STEPS = frozenset({"step_do", "step_sleep", "step_sleep_until", "step_wait_for_event"})
"""Nodes that become rows of the journal."""

_BUSY = STEPS | {"function_call", "break"}


class Block(list["Node"]):
    """Nodes in order.

    Attributes:
        owner: The node that it is a part of.
    """

    owner: Node | None = None


@dataclass(eq=False)
class Node:
    """A node of the diagram.

    Attributes:
        type: As the reference calls it.
        facts: What it tells of itself.
        blocks: Its parts.
        labels: What each part is: the condition of a branch, or which block of a `try`.
        home: The block that it is in.
        starts: The moment at which it was begun, if that was not where it is awaited.
        resolves: The moment at which it is awaited.
        lazy: Whether it is a coroutine, which begins when it is awaited.
        dependency: Whether it runs because a decorated step needs it.
    """

    type: str
    facts: dict[str, Any]
    blocks: list[Block] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    home: Block | None = None
    starts: int | None = None
    resolves: int | None = None
    lazy: bool = False
    dependency: bool = False

    def busy(self) -> Iterator[Node]:
        """Whatever does something, here and inside."""
        if self.type in _BUSY:
            yield self
        for block in self.blocks:
            for node in block:
                yield from node.busy()


class Drawing:
    """Nodes as they come, into the block that is open."""

    def __init__(self) -> None:
        self._open = [Block()]
        self._moments = self._count = 0

    def now(self) -> int:
        """A number for this moment, higher than those before."""
        self._moments += 1
        return self._moments

    def add(self, node: Node) -> Node:
        """Put a node behind the others; what is too much or too deep is cut, which an empty block tells."""
        for block in node.blocks:
            block.owner = node
        self._count += 1
        if self._count > NODES_MAX:
            if self._count == NODES_MAX + 1:
                self._open[-1].append(Node("block", {"cut": True}))
            return node
        if len(self._open) > DEPTH_MAX and node.blocks:
            node.type, node.facts, node.blocks = "block", {"cut": True}, []
        node.home = self._open[-1]
        node.home.append(node)
        return node

    @contextmanager
    def block(self) -> Iterator[Block]:
        """A block for what is added inside; it belongs to nobody yet."""
        block = Block()
        self._open.append(block)
        try:
            yield block
        finally:
            self._open.pop()

    @contextmanager
    def apart(self) -> Iterator[Block]:
        """A block that stands for itself, such as that of a function."""
        outside, self._open = self._open, [Block()]
        try:
            yield self._open[0]
        finally:
            self._open = outside

    def settle(self, leaves: Iterable[Node], since: int) -> None:
        """Some nodes are awaited: those begun since a moment begin and end here, earlier ones only end here."""
        for node in leaves:
            if node.starts is None or node.resolves is not None:
                continue
            if node.starts > since:
                node.starts = None
            elif node.lazy and node.home is not None:
                node.home.remove(node)
                node.starts, node.home = None, self._open[-1]
                node.home.append(node)
            else:
                node.resolves = self.now()

    def gather(self, kind: str, leaves: Collection[Node], fresh: Block) -> list[Node]:
        """Draw what runs side by side.

        Args:
            kind: all, any, all_settled or race.
            leaves: What is waited for: begun just now, or earlier.
            fresh: What was drawn just now.

        Returns:
            What is to be awaited: the new node, and what was begun too long ago to be drawn as a part of it.
        """
        roots, apart = self._movable([leaf for leaf in leaves if _root(leaf, fresh) is None])
        for root in roots:
            assert root.home is not None, "roots are in the open block"
            root.home.remove(root)
            root.home = fresh
        fresh[:0] = roots
        for leaf in leaves:
            if _root(leaf, fresh) is not None:
                leaf.starts = None
        if not fresh:
            return apart
        return [self.add(Node("parallel", {"kind": kind}, [fresh], starts=self.now())), *apart]

    def _movable(self, leaves: list[Node]) -> tuple[list[Node], list[Node]]:
        """The nodes of the open block that hold nothing but these leaves and stand at its end; and the other leaves."""
        here, roots, left, wanted = self._open[-1], dict[Node, bool](), set[Node](), set(leaves)
        for leaf in leaves:
            root = _root(leaf, here)
            if root is not None and leaf.resolves is None:
                if root not in roots:
                    roots[root] = wanted.issuperset(_begun(root))
                if roots[root]:
                    continue
            left.add(leaf)
        whole = [root for root, is_whole in roots.items() if is_whole]
        last = len(here)
        while last and (roots.get(here[last - 1]) or not any(here[last - 1].busy())):
            last -= 1
        tail = set(here[last:])
        moved = [root for root in whole if root in tail or all(node.lazy for node in _begun(root))]
        left.update(node for root in set(whole).difference(moved) for node in _begun(root))
        return moved, [leaf for leaf in leaves if leaf in left]


def _begun(root: Node) -> list[Node]:
    """What is awaited of a node: all that it does, or itself as a whole."""
    return [root] if root.type == "parallel" else [node for node in root.busy() if not node.dependency]


def _root(node: Node, block: Block) -> Node | None:
    """The node of a block that holds another, or is it."""
    while node.home is not None and node.home is not block:
        if node.home.owner is None:
            return None
        node = node.home.owner
    return node if node.home is block else None
