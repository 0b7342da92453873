"""`wf top`: what goes on now, as often as somebody looks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from wf.cli.given import json_option
from wf.cli.surroundings import open_overview

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.answers import Answer


@click.command()
@click.option("--once", is_flag=True, help="Look once, as it does where there is no terminal.")
@json_option
def top(*, once: bool, as_json: bool) -> None:
    """Show workers, queues, the steps that run, and who wakes up next.

    It looks every second; q or Ctrl-C ends it.
    """
    from wf.cli.show import console, print_json  # noqa: PLC0415  (slow)
    from wf.cli.topview import view  # noqa: PLC0415

    with open_overview() as overview:
        if as_json:
            print_json(overview.look())
        elif once or not sys.stdout.isatty():
            console().print(view(overview.look(), None))
        else:
            _live(overview.look)


def _live(look: Callable[[], Answer]) -> None:
    """Look again and again, until somebody has seen enough."""
    from rich.console import Group  # noqa: PLC0415  (slow)
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from wf.cli.keys import pressed  # noqa: PLC0415
    from wf.cli.show import console  # noqa: PLC0415
    from wf.cli.topview import view  # noqa: PLC0415
    from wf.cli.words import safe  # noqa: PLC0415
    from wf.errors import JournalUnavailable  # noqa: PLC0415

    out, seen = console(), look()
    with (
        pressed() as key,
        Live(view(seen, out.height - 1, out.width), console=out, auto_refresh=False, screen=True) as live,
    ):
        live.refresh()
        while key(1.0) not in {"q", "Q", "\x03"}:
            try:
                seen = look()
                live.update(view(seen, out.height - 1, out.width), refresh=True)
            except JournalUnavailable as error:  # it may be back in a moment
                away = Text(safe(error), "yellow", no_wrap=True, overflow="ellipsis")
                live.update(Group(away, view(seen, out.height - 2, out.width)), refresh=True)
