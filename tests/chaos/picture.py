"""A picture of a run: instances, recoveries and disturbances, and latency, over time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDTH, LEFT, RIGHT, PANEL, GAP, TOP = 1_200, 60, 20, 150, 46, 84
COLOURS = {
    "kill worker": "#c62828", "stop worker": "#ad6800", "kill beat": "#6a1b9a", "stop beat": "#6a1b9a",
    "restart postgres": "#1565c0", "cut postgres": "#1565c0", "slow postgres": "#1565c0", "flush": "#2e7d32",
    "restart valkey": "#00838f", "cut valkey": "#00838f", "shut valkey": "#00838f", "slow valkey": "#00838f",
}  # fmt: skip
INK, GREY = "#1f2933", "#5b6470"

_HEAD = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" font-family="sans-serif" font-size="13" role="img">'
    '<title>{}</title><rect width="100%" height="100%" fill="white"/>'
)
_TEXT = Markup('<text x="{:.1f}" y="{:.1f}" fill="{}">{}</text>')
_LABEL = Markup('<text x="{:.1f}" y="{:.1f}" fill="{}" text-anchor="end" font-size="11">{}</text>')
_LINE = Markup('<line x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}" stroke="{}"/>')
_DEED = Markup('<g stroke="{0}"><title>{1}</title><line x1="{2:.1f}" x2="{2:.1f}" y1="{3:.1f}" y2="{4:.1f}" '
               'stroke-opacity="{5}"/></g>')  # fmt: skip
_BAR = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}"/>')
_DOT = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}" fill-opacity="0.7"><title>{}</title></circle>')
_PATH = Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="1.5"/>')


class _Panel:
    """One of the diagrams below each other.

    Args:
        number: Which one, from above.
        seconds: How long the run was.
        most: The value at its upper edge.
    """

    def __init__(self, number: int, seconds: float, most: float) -> None:
        self.top = TOP + number * (PANEL + GAP)
        self.floor, self._seconds, self._most = self.top + PANEL, max(seconds, 1.0), max(most, 1e-9)

    def x(self, seconds: float) -> float:
        return float(LEFT + (WIDTH - LEFT - RIGHT) * seconds / self._seconds)

    def y(self, value: float) -> float:
        return float(self.floor - PANEL * min(value / self._most, 1.0))

    def frame(self, title: str, unit: str) -> list[Markup]:
        """Title, axes, and what they mean."""
        ticks = [self._seconds * n / 10 for n in range(11)]
        return [
            _TEXT.format(LEFT, self.top - 8, INK, title),
            _LINE.format(LEFT, WIDTH - RIGHT, self.floor, self.floor, GREY),
            _LABEL.format(LEFT - 6, self.top + 10, GREY, f"{self._most:.3g} {unit}"),
            _LABEL.format(LEFT - 6, self.floor, GREY, "0"),
            *[_LABEL.format(self.x(at) + 12, self.floor + 15, GREY, f"{at:.0f} s") for at in ticks],
        ]


def picture(report: Mapping[str, Any]) -> str:
    """The picture of a report, as SVG."""
    began = report["began"]
    length = report["done_at"] - began
    told = (
        f"{report['instances']} instances, {report['lost_attempts']} lost attempts recovered, {len(report['deeds'])} "
        f"disturbances; {len(report['wrong'])} things wrong, {len(report['late'])} late (seed {report['seed']})"
    )
    height = TOP + 3 * (PANEL + GAP)
    parts = [_HEAD.format(WIDTH, height, told), _TEXT.format(LEFT, 24, INK, told), *_legend(report["deeds"])]
    parts += _instances(report, length)
    parts += _recoveries(report, length)
    parts += _latency(report, length)
    return "\n".join([*parts, "</svg>", ""])


def _legend(deeds: Iterable[Mapping[str, Any]]) -> list[Markup]:
    names = {deed["what"] for deed in deeds}
    groups: dict[str, list[str]] = {}
    for name, colour in COLOURS.items():
        if name in names:
            groups.setdefault(colour, []).append(name)
    parts, x = [], float(LEFT)
    for colour, some in groups.items():
        text = ", ".join(some)
        parts.append(_TEXT.format(x, 46, colour, text))
        x += 7.0 * len(text) + 22
    return parts


def _deeds(panel: _Panel, report: Mapping[str, Any]) -> list[Markup]:
    return [
        _DEED.format(
            COLOURS.get(deed["what"], INK), f"{deed['at'] - report['began']:.1f} s: {deed['what']}",
            panel.x(deed["at"] - report["began"]), panel.top, panel.floor, 0.9 if deed["trial"] else 0.35,
        )
        for deed in report["deeds"]
    ]  # fmt: skip


def _instances(report: Mapping[str, Any], length: float) -> list[Markup]:
    width = max(length / 200, 1.0)
    ended = Counter(int((at - report["began"]) / width) for at in report["ends"])
    created = Counter(int((at - report["began"]) / width) for at in report["created"])
    panel = _Panel(0, length, max([*ended.values(), *created.values()], default=1) / width)
    bars = [
        _BAR.format(panel.x(n * width), panel.y(number / width), max(panel.x(width) - panel.x(0) - 0.5, 0.5),
                    panel.floor - panel.y(number / width), "#90a4ae")
        for n, number in sorted(ended.items())
    ]  # fmt: skip
    points = [((n + 0.5) * width, created[n] / width) for n in range(int(length / width) + 1)]
    title = (
        "Instances: ended (bars) and created (line) in a second; each vertical line is a disturbance, strong: a trial"
    )
    return [*panel.frame(title, "/s"), *bars, *_deeds(panel, report), _path(panel, points, INK)]


def _recoveries(report: Mapping[str, Any], length: float) -> list[Markup]:
    entries = report["recoveries"]
    panel = _Panel(1, length, max([report["lease"] + 2, *(entry["seconds"] for entry in entries)]))
    limit = panel.y(report["lease"] + 2)
    dots = [
        _DOT.format(panel.x(entry["at"] - report["began"]), panel.y(entry["seconds"]), COLOURS.get(entry["deed"], INK),
                    f"{entry['step']}: {entry['seconds']:.1f} s after {entry['deed']}")
        for entry in entries
    ]  # fmt: skip
    title = "Recoveries: seconds from the death of a worker until a step of it was claimed again; line: lease + 2 s"
    return [
        *panel.frame(title, "s"),
        *_deeds(panel, report),
        _LINE.format(LEFT, WIDTH - RIGHT, limit, limit, GREY),
        *dots,
    ]


def _latency(report: Mapping[str, Any], length: float) -> list[Markup]:
    rows = [(at - report["began"], p50, p99) for at, p50, p99 in report["latency_over_time"]]
    panel = _Panel(2, length, max([p99 for _, _, p99 in rows], default=1.0))
    title = "Latency: seconds until somebody goes on with what is ready, 99th percentile (orange) and median (blue)"
    return [
        *panel.frame(title, "s"), *_deeds(panel, report),
        _path(panel, [(at, p99) for at, _, p99 in rows], "#ef6c00"),
        _path(panel, [(at, p50) for at, p50, _ in rows], "#1565c0"),
    ]  # fmt: skip


def _path(panel: _Panel, points: Sequence[tuple[float, float]], colour: str) -> Markup:
    return _PATH.format(" ".join(f"{panel.x(at):.1f},{panel.y(value):.1f}" for at, value in points), colour)
