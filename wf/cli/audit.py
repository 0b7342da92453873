"""`wf audit`: who did what."""

from __future__ import annotations

import json

import click

from wf.cli.given import json_option
from wf.cli.surroundings import open_client
from wf.cli.words import moment


@click.command()
@click.argument("name", required=False)
@click.argument("id", required=False)
@click.option("--actor", help="Only what somebody did, as `api:ci`, `cli`, `reaper`.")
@click.option("--action", help="Only acts of one kind, as `terminate`.")
@click.option("--per-page", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--cursor", type=click.IntRange(0), help="Where to go on, as the page before has said.")
@json_option
def audit(  # noqa: PLR0917  # click gives them by name
    name: str | None, id: str | None, actor: str | None, action: str | None, per_page: int, cursor: int | None,
    *, as_json: bool,
) -> None:  # fmt: skip
    """Show who did what: people, programs, the reaper and the engine; to a workflow, to an instance, or at all."""
    from wf.cli.show import print_json, show, table  # noqa: PLC0415  (slow)

    with open_client() as client:
        page = client.audit.list(workflow=name, instance=id, actor=actor, action=action, cursor=cursor, limit=per_page)
    if as_json:
        print_json(page)
    elif not page:
        show("Nothing of the kind was done")
    else:
        head = ("At", "Actor", "Action", "Workflow", "Instance", "Detail")
        rows = [
            (moment(it.at), it.actor, it.action, it.workflow, it.instance, json.dumps(it.detail) if it.detail else "")
            for it in page
        ]
        show(table(head, rows))
    if page.cursor is not None:
        click.echo(f"There may be more; go on with --cursor {page.cursor}", err=True)
