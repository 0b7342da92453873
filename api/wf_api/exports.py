"""What can be taken away as a table."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from wf import wire

if TYPE_CHECKING:
    from wf.answers import Answer

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""With these, spreadsheets take a text for something to execute."""


def cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula; numbers stay as they are."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def series_csv(found: Answer) -> bytes:
    """The points of `Charts.series`, a line each, under the names of the API; what is unknown is empty."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    for number, point in enumerate(found.points):
        told = wire.charted(point)
        if not number:
            writer.writerow(["workflow", "seconds", *told])
        seconds = found.elapsed if number == len(found.points) - 1 else found.span
        values = {**told, "at": wire.moment(point.at)}.values()
        writer.writerow(map(cell, [found.workflow or "", seconds, *values]))
    return lines.getvalue().encode()
