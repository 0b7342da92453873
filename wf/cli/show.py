"""What the commands print: lines and tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wf.cli.words import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import RenderableType

_WIDE = 1000  # columns where there is no terminal: nothing is folded that somebody may want to search
TRUNCATED = "[...output truncated]"


def console() -> Console:
    """Standard output; colours and the terminal's width only if it is one."""
    return Console(
        markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else _WIDE, soft_wrap=False
    )


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, default=_beyond_json, ensure_ascii=False, indent=2))


def as_text(value: Any, limit: int | None = None) -> str:
    """A value as JSON text on one line, cut after `limit` characters."""
    text = json.dumps(value, default=_beyond_json, ensure_ascii=False)
    return safe(text if limit is None or len(text) <= limit else text[:limit] + TRUNCATED)


def labelled(values: Mapping[str, object], indent: int = 0) -> Text:
    """Lines `Label:  value`; those whose value is None are left out."""
    width = max(map(len, values), default=0) + 1
    lines = []
    for label, value in values.items():
        if value is None:
            continue
        shown = value if isinstance(value, Text) else Text(safe(value))
        lines.append(Text.assemble(" " * indent, (f"{label + ':':<{width}}  ", "bold"), shown))
    return Text("\n").join(lines)


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """A table; the cells are text, never markup."""
    found = Table(header_style="bold")
    for column in columns:
        found.add_column(Text(column), overflow="fold")
    for row in rows:
        found.add_row(*[cell if isinstance(cell, Text) else Text(safe(cell)) for cell in row])
    return found


_LEAST = 8  # columns that stay for each of those that give way


def fit(found: Table, width: int, *giving: str) -> Table:
    """Make each row one line, and the table no wider than that: the named columns give way, the last one first."""
    wanted = {}
    for column in found.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
        wanted[str(column.header)] = max(cell_len(str(cell)) for cell in (column.header, *column.cells))
    room = width - 1 - 3 * len(wanted) - sum(size for name, size in wanted.items() if name not in giving)
    columns = {str(column.header): column for column in found.columns}
    names = [name for name in giving if name in columns]
    for n, name in enumerate(names, 1):
        kept = sum(min(wanted[later], _LEAST) for later in names[n:])
        columns[name].max_width = max(min(wanted[name], room - kept), 1)
        room -= min(wanted[name], max(room - kept, 1))
    return found


def show(*parts: RenderableType) -> None:
    """Print parts below each other; lines of text are not wrapped, so that they can be copied."""
    out = console()
    for part in parts:
        out.print(part, soft_wrap=isinstance(part, Text | str))


def _beyond_json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
