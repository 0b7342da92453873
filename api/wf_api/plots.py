"""Pictures of numbers over time, as SVG.

They hold classes and presentation attributes and no style, so that pages can show them under their security policy:
`static/plots.css` paints them there, in the colours of the page. `standalone` puts the same style into a picture that
is to be taken away. Every text is escaped; whoever points at a stretch of time is told its numbers, and who cannot see
is told the essential ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from wf_api import scales
from wf_api.svg import escaped, tag

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 52, 28
"""What lies around the field in which lines and bars stand."""

COLOURS = {"accent": "#2563eb", "errored": "#c62828", "retried": "#b26a00", "running": "#0f7b5f", "muted": "#5b6470"}
"""For programs that know no style sheets; elsewhere `plots.css` paints."""

STYLE = (Path(__file__).parent / "static" / "plots.css").read_text()


class Line(NamedTuple):
    """What is drawn as a line, or as one part of each bar.

    Attributes:
        name: For the legend; none if it is empty.
        colour: One of `COLOURS`.
        values: One for each stretch; None where there is none.
    """

    name: str
    colour: str
    values: Sequence[float | None]


class Stretches(NamedTuple):
    """The axis of time.

    Attributes:
        begins: When each stretch begins.
        span: The time from one to the next, in seconds.
        notes: What is told of each to who points at it.
    """

    begins: Sequence[datetime]
    span: float
    notes: Sequence[str]

    @property
    def width(self) -> float:
        """Of one stretch in the picture."""
        return (WIDTH - LEFT - RIGHT) / max(len(self.begins), 1)

    def left(self, number: int) -> float:
        """Where a stretch begins in the picture."""
        return LEFT + number * self.width

    def middle(self, number: int) -> float:
        """Where its value stands."""
        return LEFT + (number + 0.5) * self.width


def line_plot(
    stretches: Stretches, lines: Sequence[Line], *, title: str, summary: str, axis: scales.Axis | None = None,
    written: Callable[[float], str] = scales.number,
) -> Markup:  # fmt: skip
    """Lines, the first one with its area; a value between gaps is a dot.

    Args:
        stretches: The axis of time.
        lines: What is drawn.
        title: What it shows.
        summary: The essential numbers.
        axis: The upright axis; from zero by default.
        written: How a number is written at it.
    """
    known = [value for line in lines for value in line.values if value is not None]
    axis = axis or scales.from_zero(max(known, default=0.0))
    drawn = [_line(stretches, line, axis, area=not axis.log and not number) for number, line in enumerate(lines)]
    return _plot(
        stretches, lines, drawn, axis=axis, written=written, title=title, summary=summary, empty=not any(known)
    )


def bar_plot(
    stretches: Stretches, lines: Sequence[Line], *, title: str, summary: str,
    written: Callable[[float], str] = scales.number,
) -> Markup:  # fmt: skip
    """Bars whose parts stand upon each other; the arguments are those of `line_plot`."""
    heights = [sum(line.values[n] or 0 for line in lines) for n in range(len(stretches.begins))]
    axis = scales.from_zero(max(heights, default=0), whole=True)
    floors = [0.0] * len(heights)
    drawn = []
    for line in lines:
        parts = []
        for number, value in enumerate(line.values):
            if value:
                parts.append(_bar(stretches, number, axis, floors[number], floors[number] + value))
                floors[number] += value
        drawn.append(tag("g", *parts, class_=f"plot-{line.colour}", color=COLOURS[line.colour], fill="currentColor"))
    return _plot(
        stretches, lines, drawn, axis=axis, written=written, title=title, summary=summary, empty=not any(heights)
    )


def sparkline(
    values: Sequence[float], errors: Sequence[float] = (), *, label: str, width: int = 120, height: int = 28
) -> Markup:
    """A small picture without axes: how much there was, and below it where something went wrong.

    Args:
        values: What is drawn as a line with its area.
        errors: What is drawn as bars, in a scale of their own; as many as there are values.
        label: What it shows, with the essential numbers.
        width: Of the picture.
        height: Of the picture.
    """
    step, base = width / max(len(values), 1), height - 2.5
    top, worst = max(values, default=0) or 1, max(errors, default=0) or 1
    places = [((n + 0.5) * step, base - value / top * (height - 5)) for n, value in enumerate(values)]
    parts = [tag("title", label)]
    if places:
        outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        area = f"{places[0][0]:.1f},{base} {outline} {places[-1][0]:.1f},{base}"
        parts.append(_painted("accent", tag("polygon", class_="plot-area", points=area, fill_opacity=0.14)))
        parts.append(_painted("accent", tag("polyline", class_="plot-line", points=outline, **_STROKE)))
    bars = [
        tag(
            "rect", x=f"{n * step + step * 0.1:.1f}", width=f"{max(step * 0.8, 1.2):.1f}",
            y=f"{base - 3 - count / worst * height * 0.4:.1f}", height=f"{3 + count / worst * height * 0.4:.1f}",
        )
        for n, count in enumerate(errors)
        if count
    ]  # fmt: skip
    if bars:
        parts.append(_painted("errored", *bars))
    return _svg(parts, "plot plot-spark", label, width, height)


def standalone(svg: Markup) -> bytes:
    """A picture as a file: with its style and a ground of its own."""
    style = tag("style", Markup(STYLE))  # noqa: S704  # ours, and without `<` and `&`
    ground = tag("rect", class_="plot-ground", width="100%", height="100%", fill="#fff")
    head, _, rest = svg.partition(">")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}>{style}{ground}{rest}\n'.encode()


# Parts.

_STROKE = {"fill": "none", "stroke": "currentColor", "stroke_width": 1.75, "stroke_linejoin": "round"}


def _plot(
    stretches: Stretches, lines: Sequence[Line], drawn: list[Markup], *, axis: scales.Axis,
    written: Callable[[float], str], title: str, summary: str, empty: bool,
) -> Markup:  # fmt: skip
    parts = [
        tag("text", title, class_="plot-title", x=LEFT, y=18, font_size=14, font_weight=600),
        tag("text", summary, class_="plot-summary", x=LEFT, y=35, font_size=12, fill=COLOURS["muted"]),
        _legend(lines),
        *_upright(axis, written),
        *_along(stretches),
        _running(stretches),
        *(() if empty else drawn),
    ]
    if empty:
        middle = {"x": (LEFT + WIDTH - RIGHT) / 2, "y": (TOP + HEIGHT - BOTTOM) / 2, "text_anchor": "middle"}
        parts.append(tag("text", "Nothing in this time", class_="plot-empty", fill=COLOURS["muted"], **middle))
    parts.append(tag("g", *_hits(stretches), class_="plot-hits", fill="transparent"))
    return _svg(parts, "plot", f"{title}: {summary}", WIDTH, HEIGHT)


def _svg(parts: list[Markup], kind: str, label: str, width: int, height: int) -> Markup:
    return tag(
        "svg", *parts, class_=kind, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}", width=width,
        height=height, role="img", aria_label=label, font_family="system-ui, sans-serif",
    )  # fmt: skip


def _y(axis: scales.Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.place(value) * (HEIGHT - TOP - BOTTOM)


def _upright(axis: scales.Axis, written: Callable[[float], str]) -> list[Markup]:
    found = []
    for tick in axis.ticks:
        y = f"{_y(axis, tick):.1f}"
        kind = "plot-base" if tick == axis.ticks[0] else "plot-grid"
        found.append(tag("line", class_=kind, x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, stroke="#d5dae0"))
        text = {"x": LEFT - 8, "y": y, "dy": "0.35em", "text_anchor": "end", "font_size": 11}
        found.append(tag("text", written(tick), class_="plot-tick", fill=COLOURS["muted"], **text))
    return found


def _along(stretches: Stretches) -> list[Markup]:
    if not stretches.begins:
        return []
    begin, found = stretches.begins[0], []
    end = stretches.begins[-1]
    for at, label in scales.times(begin, end):
        x = LEFT + (at - begin).total_seconds() / stretches.span * stretches.width
        y = HEIGHT - BOTTOM
        found.append(tag("line", class_="plot-base", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=y, y2=y + 4, stroke="#d5dae0"))
        text = {"x": f"{x:.1f}", "y": y + 18, "text_anchor": "middle", "font_size": 11}
        found.append(tag("text", label, class_="plot-tick", fill=COLOURS["muted"], **text))
    found.append(
        tag(
            "text", "UTC", class_="plot-tick", x=2, y=HEIGHT - BOTTOM + 18, font_size=11, fill=COLOURS["muted"],
        )
    )  # fmt: skip
    return found


def _running(stretches: Stretches) -> Markup:
    """The stretch that is not over yet."""
    last = max(len(stretches.begins) - 1, 0)
    return tag(
        "rect", class_="plot-now", x=f"{stretches.left(last):.1f}", width=f"{stretches.width:.1f}", y=TOP,
        height=HEIGHT - TOP - BOTTOM, fill="#5b6470", fill_opacity=0.08,
    )  # fmt: skip


def _legend(lines: Sequence[Line]) -> Markup:
    """Names at the upper right, set from right to left."""
    found, x = [], float(WIDTH - RIGHT)
    for line in reversed(lines):
        if line.name:
            text = {"x": f"{x:.0f}", "y": 18, "text_anchor": "end", "font_size": 12, "fill": COLOURS["muted"]}
            found.append(tag("text", line.name, class_="plot-name", **text))
            x -= len(line.name) * 6.1 + 18
            found.append(_painted(line.colour, tag("rect", x=f"{x:.0f}", y=9, width=9, height=9, rx=2)))
            x -= 14
    return tag("g", *found, class_="plot-legend")


def _line(stretches: Stretches, line: Line, axis: scales.Axis, *, area: bool) -> Markup:
    parts = []
    for run in _runs(line.values):
        places = [(stretches.middle(n), _y(axis, value)) for n, value in run]
        outline = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        if len(places) == 1:
            parts.append(tag("circle", class_="plot-dot", cx=f"{places[0][0]:.1f}", cy=f"{places[0][1]:.1f}", r=2.5))
            continue
        if area:
            base = f"{HEIGHT - BOTTOM:.1f}"
            around = f"{places[0][0]:.1f},{base} {outline} {places[-1][0]:.1f},{base}"
            parts.append(tag("polygon", class_="plot-area", points=around, fill_opacity=0.14))
        parts.append(tag("polyline", class_="plot-line", points=outline, **_STROKE))
    return _painted(line.colour, *parts)


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """The stretches with a value, as far as they follow upon each other."""
    runs: list[list[tuple[int, float]]] = []
    for number, value in enumerate(values):
        if value is None:
            continue
        if not runs or runs[-1][-1][0] != number - 1:
            runs.append([])
        runs[-1].append((number, value))
    return runs


def _bar(stretches: Stretches, number: int, axis: scales.Axis, low: float, high: float) -> Markup:
    gap = min(stretches.width * 0.15, 2.0) if stretches.width > 3 else 0.0
    top, bottom = _y(axis, high), _y(axis, low)
    return tag(
        "rect", x=f"{stretches.left(number) + gap:.2f}", width=f"{stretches.width - 2 * gap:.2f}", y=f"{top:.1f}",
        height=f"{max(bottom - top, 0.5):.1f}",
    )  # fmt: skip


def _hits(stretches: Stretches) -> list[Markup]:
    width = stretches.width
    place = f'y="{TOP}" height="{HEIGHT - TOP - BOTTOM}" width="{width:.2f}"'  # once: they are most of a picture
    return [
        Markup(f'<rect x="{LEFT + number * width:.2f}" {place}><title>{escaped(note)}</title></rect>')  # noqa: S704
        for number, note in enumerate(stretches.notes)
    ]


def _painted(colour: str, *parts: Markup) -> Markup:
    return tag("g", *parts, class_=f"plot-{colour}", color=COLOURS[colour], fill="currentColor")
