"""`wf attention`: what wants a human."""

from __future__ import annotations

import click

from wf.cli.given import json_option
from wf.cli.surroundings import open_attention


@click.command()
@json_option
def attention(*, as_json: bool) -> None:
    """Show what wants a human: errors by kind, lost workers, waits for events, what is late, unserved or paused."""
    from wf.cli.attentionview import view  # noqa: PLC0415  (slow)
    from wf.cli.show import print_json, show  # noqa: PLC0415

    with open_attention() as found:
        seen = found.look()
    if as_json:
        print_json(seen)
    else:
        show(*view(seen))
