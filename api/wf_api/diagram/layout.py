"""Where everything of a diagram stands: boxes and edges with coordinates. Pure, and the same for the same graph.

A `Block` is laid out by itself, with its own corner as the origin; what is around it only moves it. The flow enters a
block at the top of its axis and leaves at the bottom of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from wf_api.diagram import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wf_api.diagram.tree import Node, Part

CARD, TALL, LOW = 284.0, 50.0, 38.0
"""A step: its width, and its height with and without details."""

GAP, SIDE, AISLE = 30.0, 16.0, 28.0
"""Between a box and the next one, inside a group, between columns."""

HEADER, BAR, JOIN, PILL, DIAMOND, LABEL = 30.0, 26.0, 6.0, 26.0, 24.0, 20.0
"""Heights: of a group's header, of the bars around what is parallel, of an end, a fork, and a label on an edge."""

LANE = 22.0
"""Where a loop goes back."""

Point = tuple[float, float]


class Box(NamedTuple):
    """Something with a border. Groups hold other boxes; no other ones overlap."""

    role: str
    x: float
    y: float
    width: float
    height: float
    label: str
    node: Node | None = None


class Edge(NamedTuple):
    """A line from box to box."""

    role: str
    points: tuple[Point, ...]
    arrow: bool = True


class Label(NamedTuple):
    """Text on an edge, as it is shown and whole; `x` is its middle, or its left end beside a fork."""

    role: str
    x: float
    y: float
    width: float
    text: str
    whole: str


class Plan(NamedTuple):
    """All of a diagram, groups before what is in them."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    labels: tuple[Label, ...]


@dataclass(slots=True)
class Block:
    """A part of a diagram, laid out by itself.

    Attributes:
        axis: How far from the left the flow comes in and goes out.
        ends: Whether nothing comes after it.
    """

    width: float = 0.0
    height: float = 0.0
    axis: float = 0.0
    ends: bool = False
    boxes: list[Box] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    inner: list[tuple[float, float, Block]] = field(default_factory=list)

    def edge(self, *points: Point, role: str = "flow", arrow: bool = True) -> None:
        """Draw a line."""
        self.edges.append(Edge(role, points, arrow))


def plan(name: str, nodes: Sequence[Node], margin: float = 24.0) -> Plan:
    """Lay a diagram out.

    Args:
        name: What starts.
        nodes: What it does.
        margin: Room around it.
    """
    room = min(max(text.width(name, text.NAME) + 40, 96), CARD)
    start = _single(Box("start", 0, 0, room, 32, name))
    blocks = [start, *map(_block, nodes)]
    if not any(block.ends for block in blocks):
        blocks.append(_single(Box("finish", 0, 0, 16, 16, "")))
    whole = _stack(blocks)
    found: tuple[list[Box], list[Edge], list[Label]] = ([], [], [])
    for x, y, block in _placed(whole, margin, margin):
        found[0].extend(box._replace(x=box.x + x, y=box.y + y) for box in block.boxes)
        found[1].extend(edge._replace(points=tuple((px + x, py + y) for px, py in edge.points)) for edge in block.edges)
        found[2].extend(label._replace(x=label.x + x, y=label.y + y) for label in block.labels)
    boxes, edges, labels = found
    return Plan(whole.width + 2 * margin, whole.height + 2 * margin, tuple(boxes), tuple(edges), tuple(labels))


def _placed(block: Block, x: float, y: float) -> Iterator[tuple[float, float, Block]]:
    yield x, y, block
    for dx, dy, inner in block.inner:
        yield from _placed(inner, x + dx, y + dy)


def _block(node: Node) -> Block:
    if (composed := _COMPOSED.get(node.role)) is not None and node.parts:
        return composed(node)
    if node.role == "end":
        width = min(max(text.width(node.name, text.DETAIL) + 28, 56), CARD)
        return _single(Box("end", 0, 0, width, PILL, node.name, node), ends=True)
    if node.role in _COMPOSED:
        return _single(Box("bar", 0, 0, CARD, BAR, node.name, node))
    return _single(Box(node.role, 0, 0, CARD, TALL if node.detail else LOW, node.name, node))


def _single(box: Box, *, ends: bool = False) -> Block:
    return Block(box.width, box.height, box.width / 2, ends, boxes=[box])


def _sequence(part: Part) -> Block:
    return _stack([_block(node) for node in part.nodes])


def _stack(blocks: Sequence[Block]) -> Block:
    """One below the other, on one axis. What comes after an end is never reached, and drawn without a way to it."""
    axis = max((block.axis for block in blocks), default=0.0)
    made = Block(axis=axis, ends=any(block.ends for block in blocks))
    for number, block in enumerate(blocks):
        if number:
            below = made.height + GAP
            if not blocks[number - 1].ends:
                made.edge((axis, made.height), (axis, below))
            made.height = below
        made.inner.append((axis - block.axis, made.height, block))
        made.height += block.height
        made.width = max(made.width, axis - block.axis + block.width)
    return made


def _columns(blocks: Iterable[Block], rooms: Iterable[float]) -> tuple[list[float], list[float], float]:
    """Blocks side by side, each with so much room around its axis at least: left ends, axes, and the whole width."""
    lefts, axes, right = [], [], -AISLE
    for block, room in zip(blocks, rooms, strict=True):
        before = max(block.axis, room / 2)
        axes.append(right + AISLE + before)
        lefts.append(axes[-1] - block.axis)
        right = axes[-1] + max(block.width - block.axis, room / 2)
    return lefts, axes, max(right, 0.0)


def _fork(node: Node) -> Block:
    """Branches side by side, each with its condition above it."""
    bodies = [_sequence(part) for part in node.parts]
    shown = [text.cut(part.label, CARD - 20, text.CODE, code=True) for part in node.parts]
    widths = [text.width(label, text.CODE, code=True) + 18 for label in shown]
    lefts, axes, width = _columns(bodies, [max(room, 40.0) for room in widths])
    axis = (axes[0] + axes[-1]) / 2
    made = Block(width, 0.0, axis, all(body.ends for body in bodies))
    made.boxes.append(Box("fork", axis - DIAMOND / 2, 0, DIAMOND, DIAMOND, "", node))
    if node.role == "switch" and node.name:
        label = text.cut(node.name, CARD, text.CODE, code=True)
        room = text.width(label, text.CODE, code=True)
        made.labels.append(Label("asks", axis + 20, DIAMOND / 2, room, label, node.name))
        made.width = max(width, axis + 24 + room)
    bus, top = DIAMOND + 12, DIAMOND + 12 + 10 + LABEL + 18
    deepest = top + max(body.height for body in bodies)
    end = deepest + 18
    for part, body, left, at, label, room in zip(node.parts, bodies, lefts, axes, shown, widths, strict=True):
        made.inner.append((left, top, body))
        made.labels.append(Label("when", at, bus + 10 + LABEL / 2, room, label, part.label))
        if part.nodes:
            made.edge(*_bent((axis, DIAMOND), bus, (at, top)))
            if not body.ends:
                made.edge(*_bent((at, top + body.height), end, (axis, end + 10)), arrow=False)
        else:
            around = ((axis, DIAMOND), (axis, bus), (at, bus), (at, end), (axis, end), (axis, end + 10))
            made.edge(*(around if at != axis else (around[0], around[-1])), arrow=False)
    made.height = deepest if made.ends else end + 10
    return made


def _bent(start: Point, y: float, end: Point) -> tuple[Point, ...]:
    """Down, aside at a height, and down."""
    if start[0] == end[0]:
        return (start, end)
    return (start, (start[0], y), (end[0], y), end)


def _parallel(node: Node) -> Block:
    """Branches side by side, between a bar at which they begin and one at which they are waited for."""
    bodies = [_sequence(part) for part in node.parts]
    lefts, axes, width = _columns(bodies, [56.0] * len(bodies))
    axis = (axes[0] + axes[-1]) / 2
    label = text.cut(node.name, CARD, text.DETAIL)
    half = max((axes[-1] - axes[0]) / 2 + 28, text.width(label, text.DETAIL) / 2 + 18)
    shift = max(half - axis, 0.0)
    axis += shift
    made = Block(max(width + shift, axis + half), 0.0, axis, all(body.ends for body in bodies))
    made.boxes.append(Box("bar", axis - half, 0, 2 * half, BAR, node.name, node))
    top = BAR + GAP - 8
    end = top + max(body.height for body in bodies) + GAP - 10
    for part, body, left, at in zip(node.parts, bodies, lefts, axes, strict=True):
        made.inner.append((left + shift, top, body))
        if part.nodes:
            made.edge((at + shift, BAR), (at + shift, top))
        if not body.ends:
            made.edge((at + shift, top + body.height if part.nodes else BAR), (at + shift, end), arrow=False)
    made.height = end - GAP + 10 if made.ends else end + JOIN
    if not made.ends:
        made.boxes.append(Box("join", axis - half, end, 2 * half, JOIN, ""))
    return made


def _group(role: str, label: str, body: Block, node: Node | None, *, lane: float = 0.0) -> Block:
    """A border with a header around something."""
    top = HEADER + (GAP - 4 if body.height else 14)
    left = SIDE + lane
    width = max(left + body.width + SIDE, min(text.width(label, text.DETAIL), CARD) + 44, 120.0)
    left += (width - SIDE - left - body.width) / 2 if not lane else 0.0
    axis = left + body.axis if body.width else width / 2
    height = top + body.height + (SIDE + (8 if lane else 0) if body.height else 0)
    made = Block(width, height, axis, body.ends, boxes=[Box(role, 0, 0, width, height, label, node)])
    made.inner.append((left, top, body))
    if body.height:
        made.edge((axis, HEADER), (axis, top))
    if not body.ends:
        made.edge((axis, top + body.height if body.height else HEADER), (axis, height), arrow=False)
    return made


def _loop(node: Node) -> Block:
    """A group with a way back."""
    body = _sequence(node.parts[0])
    made = _group("loop", node.name, body, node, lane=LANE)
    if body.height and not body.ends:
        low, high, aside = made.height - SIDE + 2, HEADER + 9, SIDE + 2
        back = ((made.axis, low), (aside, low), (aside, high), (made.axis - 1, high))
        made.edge(*back, role="back")
    made.ends = False  # it may do nothing at all
    return made


def _try(node: Node) -> Block:
    """What is tried, what is done on an error beside it, and what is done in any case below."""
    by_label = {part.label: part for part in node.parts}
    blocks = [
        _group("try", label, _sequence(by_label[label]), node if label == "try" else None)
        for label in ("try", "on error") if label in by_label
    ]  # fmt: skip
    lefts, axes, width = _columns(blocks, [0.0] * len(blocks))
    deepest = max(block.height for block in blocks)
    made = Block(width, deepest, axes[0], all(block.ends for block in blocks))
    for block, left in zip(blocks, lefts, strict=True):
        made.inner.append((left, 0, block))
    if len(blocks) > 1:
        made.edge((lefts[0] + blocks[0].width, HEADER / 2), (lefts[1], HEADER / 2), role="fault")
        made.height = deepest if made.ends else deepest + 22
        for block, at in zip(blocks, axes, strict=True):
            if not block.ends:
                made.edge(*_bent((at, block.height), deepest + 14, (axes[0], made.height)), arrow=False)
    if "finally" not in by_label:
        return made
    last = _group("try", "finally", _sequence(by_label["finally"]), None)
    ends = made.ends or last.ends
    made.ends = False  # it comes in any case
    both = _stack([made, last])
    both.ends = ends
    return both


def _plain(node: Node) -> Block:
    return _group(node.role, node.name, _sequence(node.parts[0]), node)


_COMPOSED = {
    "if": _fork, "switch": _fork, "parallel": _parallel, "loop": _loop, "try": _try, "function": _plain, "each": _plain,
}  # fmt: skip
