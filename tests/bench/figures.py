"""A figure with its baseline and its goal, and the table and the JSON that show them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Goal:
    """What a figure should reach.

    Attributes:
        limit: The number.
        at_most: Whether it is an upper limit.
        of_ratio: Whether it is about the ratio to the baseline.
    """

    limit: float
    at_most: bool = False
    of_ratio: bool = False


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        case: Which case it belongs to.
        what: What was measured.
        value: The number.
        unit: Of value and baseline.
        baseline: What it is compared with, as bare Celery, if there is something.
        goal: What it should reach, if anything.
        detail: More numbers, for the JSON.
    """

    case: str
    what: str
    value: float
    unit: str
    baseline: float | None = None
    goal: Goal | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Value by baseline."""
        return self.value / self.baseline if self.baseline else None

    @property
    def ok(self) -> bool | None:
        """Whether it reaches its goal; None if it has none."""
        if self.goal is None:
            return None
        reached = self.ratio if self.goal.of_ratio else self.value
        if reached is None:
            return None
        return reached <= self.goal.limit if self.goal.at_most else reached >= self.goal.limit

    def as_dict(self) -> dict[str, Any]:
        """For the JSON."""
        goal = None if self.goal is None else self.goal.__dict__
        return {
            "case": self.case, "what": self.what, "value": self.value, "unit": self.unit, "baseline": self.baseline,
            "ratio": self.ratio, "goal": goal, "ok": self.ok, "detail": dict(self.detail),
        }  # fmt: skip


def table(figures: Sequence[Figure], title: str) -> Table:
    """The figures as they are shown."""
    shown = Table(title=title, title_justify="left", title_style="")
    shown.add_column("case")
    shown.add_column("what")
    for name in ("figure", "baseline", "ratio", "goal"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("ok", justify="center")
    case = ""
    for figure in figures:
        if case and figure.case != case:
            shown.add_section()
        shown.add_row("" if figure.case == case else figure.case, figure.what, *_cells(figure))
        case = figure.case
    return shown


def _cells(figure: Figure) -> tuple[str, str, str, str, str]:
    baseline = "" if figure.baseline is None else f"{_number(figure.baseline)} {figure.unit}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}x"
    goal = ""
    if figure.goal is not None:
        sign = "<=" if figure.goal.at_most else ">="
        goal = f"{sign} {figure.goal.limit:g}{'x' if figure.goal.of_ratio else ' ' + figure.unit}"
    ok = {None: "", True: "[green]yes[/]", False: "[bold red]no[/]"}[figure.ok]
    return f"{_number(figure.value)} {figure.unit}", baseline, ratio, goal, ok


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is at least as large as this share of all."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
