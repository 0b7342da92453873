"""`wf instances logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from wf.cli.given import id_argument, json_option, name_argument, resolve
from wf.cli.surroundings import open_catalog
from wf.cli.words import moment, safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.answers import Answer
    from wf.catalog import Catalog
    from wf.remote import RemoteCatalog


@click.command("logs")
@name_argument
@id_argument
@click.argument("step")
@click.option("--rollback", is_flag=True, help="Of the handler that undoes the step.")
@click.option("--attempt", type=click.IntRange(1), help="Only of this attempt.")
@json_option
def logs(name: str, id: str, step: str, attempt: int | None, *, rollback: bool, as_json: bool) -> None:
    """Show what a step has logged. STEP has its counter, as in `upload-1`."""
    from wf.cli.show import print_json  # noqa: PLC0415  (slow)

    with open_catalog() as catalog:
        id = resolve(catalog, name, id)
        found = _lines(catalog, name, id, step, type="rollback" if rollback else "step", attempt=attempt)
        if as_json:
            print_json(list(found))
            return
        for line in found:
            text = safe(line.message).replace("\n", "\n    ")
            click.echo(f"{moment(line.at)}  #{line.attempt}  {line.level:<8} {safe(line.logger)}: {text}")


def _lines(catalog: Catalog | RemoteCatalog, name: str, id: str, step: str, **which: Any) -> Iterator[Answer]:
    """All lines, read a page at a time."""
    cursor, more = None, True
    while more:
        page = catalog.lines(name, id, step, **which, cursor=cursor, limit=1000)
        yield from page
        cursor = page.cursor
        more = cursor is not None
