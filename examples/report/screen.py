"""What the demonstration shows: a live table on a terminal, a line for each event anywhere else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from progress import Progress

COLOURS = {"complete": "green", "errored": "bold red", "waiting": "yellow", "running": "cyan", "queued": "dim"}


class Screen:
    """Shows events and the progress of the reports."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._began = time.monotonic()
        self._events: list[Text] = []
        self._reports: dict[str, Progress] = {}
        self._live = Live(console=self.console, refresh_per_second=8)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str, style: str = "") -> None:
        """Show that something happened."""
        line = Text.assemble((f"{time.monotonic() - self._began:5.1f} s  ", "dim"), (text, style))
        if self._live.is_started:
            self._events.append(line)
            self._draw()
        else:
            self.console.print(line, soft_wrap=True)

    def show(self, reports: Iterable[Progress]) -> None:
        """Show where the reports are."""
        for report in reports:
            before = self._reports.get(report.id, report)
            self._reports[report.id] = report
            if not self._live.is_started:
                for news in _news(before, report):
                    self.say(f"{report.id} {news}")
        if self._live.is_started:
            self._draw()

    def _draw(self) -> None:
        reports = list(self._reports.values())
        if len(reports) + len(self._events) + 2 > self.console.height:
            reports.sort(key=lambda report: report.status == "complete")  # what does not fit is what is done
        self._live.update(Group(*self._events, *([_table(reports)] if reports else [])))

    def section(self, title: str, lines: Mapping[str, str]) -> None:
        """Print some lines of the summary."""
        self.console.print(f"\n[bold]{title}[/bold]")
        for name, value in lines.items():
            self.console.print(f"  {name:<32}{value}", soft_wrap=True)


def _news(before: Progress, now: Progress) -> Iterator[str]:
    if now.recoveries > before.recoveries:
        yield "has an attempt that was lost with its worker; it is made again"
    if now.awaits_approval and not before.awaits_approval:
        yield "waits for approval"
    if now.status == "complete" != before.status:
        yield f"is complete (steps: {now.done}, retries: {now.retries}, recoveries: {now.recoveries})"


def _table(reports: Iterable[Progress]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for name in ("report", "status", "current step"):
        table.add_column(name)
    for name in ("steps", "retries", "recoveries"):
        table.add_column(name, justify="right")
    for report in reports:
        table.add_row(
            report.id,
            Text(report.status, style=COLOURS.get(report.status, "")),
            report.step,
            str(report.done),
            str(report.retries or ""),
            Text(str(report.recoveries or ""), style="bold magenta"),
        )
    return table
