"""What `wf doctor` shows: the worst first, in a table on a terminal, else a line for each finding."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.text import Text

from wf.cli.show import show, table
from wf.cli.words import safe
from wf.doctor import Level

if TYPE_CHECKING:
    from wf.doctor import Finding, Report

MARKS = {Level.WRONG: "❌", Level.NOTE: "📝", Level.OK: "✅"}
STYLES = {Level.WRONG: "bold red", Level.NOTE: "yellow", Level.OK: "green"}


def show_report(report: Report) -> None:
    """Print what was found."""
    if sys.stdout.isatty():
        show(table(("", "Check", "Found", "What to do"), map(_row, report.findings)))
    else:
        show(*map(_line, report.findings))
    show(_summary(report))


def _row(finding: Finding) -> tuple[object, ...]:
    return MARKS[finding.level], Text(finding.check, STYLES[finding.level]), finding.what, finding.remedy


def _line(finding: Finding) -> str:
    remedy = f" -> {finding.remedy}" if finding.remedy else ""
    return safe(f"{finding.level.upper():<5}  {finding.check}: {finding.what}{remedy}")


def _summary(report: Report) -> str:
    wrong, notes, well = (report.number(level) for level in Level)
    told = "Nothing is wrong" if not wrong else "1 thing is wrong" if wrong == 1 else f"{wrong} things are wrong"
    return f"{told}; {notes} note(s), {well} thing(s) are well ({report.seconds:.1f} s)."
