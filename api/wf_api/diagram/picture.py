"""A diagram as SVG: classes only, for `diagram.css`, because pages allow no inline style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from wf_api.diagram import text
from wf_api.diagram.layout import HEADER, Box, Edge, Label, Plan, plan
from wf_api.diagram.places import UNDONE, places
from wf_api.diagram.tree import Node, read, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wf_api.diagram.places import Counts, Standing

ICONS = {
    "step": "M4.5 2.8l8 5.2-8 5.2z",
    "sleep": "M12.8 9.6A5.4 5.4 0 0 1 6.4 3.2 5.4 5.4 0 1 0 12.8 9.6z",
    "wait": "M2 4h12v8.5H2zM2 4.5l6 4.3 6-4.3",
    "call": "M6 4L2.5 8 6 12M10 4l3.5 4L10 12",
    "other": "M4 4h8v8H4z",
    "loop": "M13 8a5 5 0 1 1-1.6-3.7M13.2 1.8v3.2h-3.2",
    "each": "M3 4h10M3 8h10M3 12h10",
    "function": "M6 4L2.5 8 6 12M10 4l3.5 4L10 12",
    "try": "M8 2l5 2v4c0 3-2 5-5 6-3-1-5-3-5-6V4z",
}
"""Paths in squares of 16."""

WORDS = {
    "step": "step", "sleep": "sleep", "wait": "wait for an event", "call": "call", "end": "end", "loop": "loop",
    "parallel": "parallel", "if": "if", "switch": "switch", "try": "try", "function": "function", "other": "node",
    "each": "loop",
}  # fmt: skip
"""What each role is called."""

SHOWN = ("running", "retrying", "ready", "waiting", UNDONE)
"""Statuses in the order of their badges."""

_GROUPS = frozenset({"loop", "each", "try", "function"})
_CARDS = frozenset({"step", "sleep", "wait", "call", "other"})
_BADGES = 112.0
"""Room for badges, right of the middle of a card."""


def diagram(
    graph: Mapping[str, Any], standing: Standing | None = None, *, href: Callable[[str], str] | None = None,
    id: str = "diagram",
) -> Markup:  # fmt: skip
    """Draw the code of a workflow.

    Args:
        graph: What a worker has told of the code.
        standing: What `Standing.look` told, here or over REST; with it, nodes show how many instances stand there.
        href: Where a node leads to at which instances stand, from the status that most of these are in.
        id: Distinguishes the diagram from others on the page.

    Returns:
        An SVG of its natural size, for a container that scrolls.
    """
    name, nodes = read(graph)
    found = places(nodes, standing)
    picture = _Picture(plan(name, nodes), found.counts, found.mostly, href)
    steps = sum(node.role in {"step", "sleep", "wait"} for node in walk(nodes))
    about = f"Steps, sleeps and waits, from top to bottom: {steps} in all."
    role = (
        "group" if href is not None and found.mostly else "img"
    )  # what is inside a picture cannot be reached by keyboard
    width, height, of = round(picture.plan.width), round(picture.plan.height), escape(id)
    head = (
        f'<svg class="diagram" role="{role}" aria-labelledby="{of}-title {of}-desc" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{of}-title">Diagram of {escape(name)}</title><desc id="{of}-desc">{about}</desc>'
    )
    return Markup(head + "".join(picture.parts()) + "</svg>")  # noqa: S704  # `_title`, `_text` and `_card` escape


def told(counts: Counts) -> str:
    """How many instances stand somewhere, in words."""
    named = [f"{counts[status]} {status}" for status in SHOWN if status in counts]
    return ", ".join(named + [f"{number} {status}" for status, number in counts.items() if status not in SHOWN])


class _Picture:
    """Draws what a plan has laid out, from back to front."""

    def __init__(
        self, plan: Plan, counts: Mapping[Node, Counts], mostly: Mapping[Node, str], href: Callable[[str], str] | None
    ) -> None:
        self.plan, self._counts, self._mostly, self._href = plan, counts, mostly, href

    def parts(self) -> Iterator[str]:
        for box in self.plan.boxes:
            if box.role in _GROUPS:
                yield _group(box)
        yield from map(_edge, self.plan.edges)
        yield from map(_label, self.plan.labels)
        for box in self.plan.boxes:
            if box.role in _CARDS and box.node is not None:
                yield self._card(box, box.node)
            elif box.role not in _GROUPS:
                yield _mark(box)

    def _card(self, box: Box, node: Node) -> str:
        counts = self._counts.get(node, {})
        made = (
            f'<g class="node {box.role}{" here" if counts else ""}">{_title(_hint(node, counts))}{_outline(box)}'
            f"{_icon(box.role, box.x + 13, box.y + box.height / 2 - 8)}{_words(box, node)}"
            f"{''.join(_badges(box, counts))}</g>"
        )
        if self._href is None or node not in self._mostly:
            return made
        return f'<a href="{escape(self._href(self._mostly[node]))}">{made}</a>'


def _title(whole: str) -> str:
    return f"<title>{escape(whole)}</title>"


def _text(css: str, x: float, y: float, shown: str) -> str:
    """A text, which cannot turn the direction of anything but itself."""
    inner = f'<tspan class="isolated">{escape(shown)}</tspan>'
    return f'<text class="{css}" x="{_n(x)}" y="{_n(y)}">{inner}</text>'


def _rect(css: str, box: Box, radius: float) -> str:
    size = f'width="{_n(box.width)}" height="{_n(box.height)}"'
    return f'<rect class="{css}" x="{_n(box.x)}" y="{_n(box.y)}" {size} rx="{_n(radius)}"/>'


def _polygon(*corners: tuple[float, float]) -> str:
    return f'<polygon class="shape" points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in corners)}"/>'


def _icon(role: str, x: float, y: float) -> str:
    return f'<path class="icon" transform="translate({_n(x)} {_n(y)})" d="{ICONS[role]}"/>'


def _hint(node: Node, counts: Counts) -> str:
    line, starts, resolves = (node.raw.get(key) for key in ("line", "starts", "resolves"))
    later = starts is not None and resolves is not None and starts != resolves
    parts = (
        f"{WORDS[node.role]}: {node.name}", node.detail, "goes on beside what follows, awaited later" if later else "",
        f"line {line}" if isinstance(line, int) else "", f"instances here: {told(counts)}" if counts else "",
    )  # fmt: skip
    return "\n".join(filter(None, parts))


def _outline(box: Box) -> str:
    if box.role != "wait":
        return _rect("shape", box, box.height / 2 if box.role == "sleep" else 8)
    left, top, right, bottom, tip = box.x, box.y, box.x + box.width, box.y + box.height, 12
    middle = top + box.height / 2
    return _polygon(
        (left, middle), (left + tip, top), (right - tip, top), (right, middle), (right - tip, bottom),
        (left + tip, bottom),
    )  # fmt: skip


def _words(box: Box, node: Node) -> str:
    room, left, middle = box.width - 38 - 16, box.x + 38, box.y + box.height / 2
    name = text.cut(node.name, room, text.NAME)
    if not node.detail:
        return _text("name", left, middle + 4.5, name)
    detail = text.cut(node.detail, room, text.PLAIN)
    return _text("name", left, middle - 3.5, name) + _text("detail", left, middle + 13, detail)


def _badges(box: Box, counts: Counts) -> list[str]:
    """A pill for each status, right to left on the upper border; one for all if there is no room for so many."""
    pills = [(status, f"{counts[status]:,}") for status in SHOWN if status in counts]
    widths = [text.width(number, text.DETAIL) + 16 for _, number in pills]
    if sum(widths) + 4 * len(widths) > _BADGES:
        number = f"{sum(counts.values()):,}"
        pills, widths = [(f"{pills[0][0]} mixed", number)], [text.width(number, text.DETAIL) + 16]
    right, found = box.x + box.width - (8 if box.role == "step" else 14), []
    for (css, number), width in zip(reversed(pills), reversed(widths), strict=True):
        pill = _rect("pill", Box("badge", right - width, box.y - 9, width, 18, number), 9)
        found.append(f'<g class="badge {css}">{pill}{_text("number", right - width / 2, box.y + 4, number)}</g>')
        right -= width + 4
    return found


def _mark(box: Box) -> str:
    """A start, an end, a fork or a bar."""
    x, middle = box.x + box.width / 2, box.y + box.height / 2
    if box.role == "fork":
        shape = _polygon((x, box.y), (box.x + box.width, middle), (x, box.y + box.height), (box.x, middle))
    else:
        shape = _rect("shape", box, {"join": 3, "bar": 8}.get(box.role, box.height / 2))
    hint = box.label or (WORDS[box.node.role] if box.node else box.role)
    size = text.NAME if box.role == "start" else text.DETAIL
    shown = text.cut(box.label, box.width - 20, size)
    words = _text("mark", x, middle + size * 0.36, shown) if shown else ""
    return f'<g class="{box.role}">{_title(hint)}{shape}{words}</g>'


def _group(box: Box) -> str:
    kind = {"on error": " catch", "finally": " last"}.get(box.label, "") if box.role == "try" else ""
    rule = f'<path class="rule" d="M{_n(box.x)} {_n(box.y + HEADER)}h{_n(box.width)}"/>'
    shown = text.cut(box.label, box.width - 44, text.DETAIL)
    return (
        f'<g class="group {box.role}{kind}">{_title(box.label)}{_rect("frame", box, 10)}{rule}'
        f"{_icon(box.role, box.x + 10, box.y + HEADER / 2 - 8)}"
        f"{_text('header', box.x + 32, box.y + HEADER / 2 + 4, shown)}</g>"
    )


def _edge(edge: Edge) -> str:
    line = f'<path class="edge {edge.role}" d="{_way(edge.points)}"/>'
    if not edge.arrow:
        return line
    (before, above), (x, y) = edge.points[-2:]
    back = -6 if before < x else 6
    corners = [(x - 4, y - 6), (x, y), (x + 4, y - 6)] if above != y else [(x + back, y - 4), (x, y), (x + back, y + 4)]
    head = "L".join(f"{_n(px)} {_n(py)}" for px, py in corners)
    return f'{line}<path class="head {edge.role}" d="M{head}z"/>'


def _way(points: tuple[tuple[float, float], ...]) -> str:
    """A line with rounded corners."""
    found = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        (ax, ay), (bx, by) = _toward(at, before), _toward(at, after)
        found.append(f"L{_n(ax)} {_n(ay)}Q{_n(at[0])} {_n(at[1])} {_n(bx)} {_n(by)}")
    return "".join(found) + f"L{_n(points[-1][0])} {_n(points[-1][1])}"


def _toward(at: tuple[float, float], other: tuple[float, float], radius: float = 8.0) -> tuple[float, float]:
    dx, dy = other[0] - at[0], other[1] - at[1]
    length = abs(dx) + abs(dy)  # one of them is 0
    share = min(radius, length / 2) / length if length else 0.0
    return at[0] + dx * share, at[1] + dy * share


def _n(value: float) -> str:
    """A number as short as it can be said."""
    return str(round(value)) if value == round(value) else f"{value:.1f}"


def _label(label: Label) -> str:
    if label.role == "asks":
        return f"<g>{_title(label.whole)}{_text('asks', label.x, label.y + 4, label.text)}</g>"
    pill = _rect("pill", Box("when", label.x - label.width / 2, label.y - 10, label.width, 20, ""), 10)
    return f'<g class="when">{_title(label.whole)}{pill}{_text("number", label.x, label.y + 4, label.text)}</g>'
