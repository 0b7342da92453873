"""A picture of a run: orders that ended in each second, and what the monkey did."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH, HEIGHT, FLOOR, LEFT = 1_000, 300, 260, 40


def picture(report: Mapping[str, Any]) -> str:
    """The picture as SVG."""
    began = report["began"]
    length = max([report["peace_at"] - began, *(at - began for at in report["ends"])]) + 1
    ended = Counter(int(at - began) for at in report["ends"])
    most = max(ended.values(), default=1)

    def x(seconds: float) -> float:
        return float(LEFT + (WIDTH - LEFT - 10) * seconds / length)

    bars = [
        f'<rect x="{x(second):.1f}" y="{FLOOR - 180 * number / most:.1f}" width="{max(x(1) - x(0) - 1, 1):.1f}" '
        f'height="{180 * number / most:.1f}" fill="#2563eb"/>'
        for second, number in sorted(ended.items())
    ]
    deeds = [
        f'<g stroke="#c62828" stroke-opacity="0.5"><title>{escape(what)}</title>'
        f'<line x1="{x(at - began):.1f}" x2="{x(at - began):.1f}" y1="60" y2="{FLOOR}"/></g>'
        for at, what in report["deeds"]
    ]
    seconds = range(0, int(length), max(int(length / 10), 1))
    ticks = [f'<text x="{x(second):.1f}" y="{FLOOR + 18}" fill="#5b6470">{second} s</text>' for second in seconds]
    told = (
        f"{report['orders']} orders, {report['complete']} complete, {len(report['deeds'])} deeds of the monkey, "
        f"{report['recoveries']} lost attempts recovered, {len(report['wrong'])} wrong"
    )
    legend = f"blue: orders that ended in each second, at most {most}; red: a deed"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
    return "\n".join([
        head,
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="24">{escape(told)}</text>',
        f'<text x="{LEFT}" y="44" fill="#5b6470" font-size="13">{legend}</text>',
        *deeds, *bars,
        f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{FLOOR}" y2="{FLOOR}" stroke="#5b6470"/>',
        *ticks, "</svg>", "",
    ])  # fmt: skip
