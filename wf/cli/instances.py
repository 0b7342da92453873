"""`wf instances list` and `describe`; what moves instances is in `wf.cli.steering`."""

from __future__ import annotations

import click

from wf.cli.bulk import COMMANDS as MANY
from wf.cli.given import LATEST, json_option, parse_dates, parse_status, resolve
from wf.cli.steering import COMMANDS
from wf.cli.surroundings import open_catalog
from wf.cli.words import STYLE, moment, status_label


@click.group()
def instances() -> None:
    """List, show and steer the instances of a workflow.

    Where an ID is asked for, `latest` is the newest instance.
    """


@instances.command("list")
@click.argument("name")
@click.option("--status", help="Only those in this status.")
@click.option("--reverse", is_flag=True, help="The oldest first.")
@click.option("--date-start", metavar="ISO8601", help="Only those created then or later; UTC unless it says otherwise.")
@click.option("--date-end", metavar="ISO8601", help="Only those created then or earlier; a date means all of that day.")
@click.option("--per-page", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--cursor", help="Where to go on, as the page before has said.")
@json_option
def list_instances(
    *, name: str, status: str | None, date_start: str | None, date_end: str | None, per_page: int,
    cursor: str | None, reverse: bool, as_json: bool,
) -> None:  # fmt: skip
    """List the instances of a workflow, newest first."""
    from rich.text import Text  # noqa: PLC0415  (slow)

    from wf.cli.show import print_json, show, table  # noqa: PLC0415
    from wf.listing import Listing  # noqa: PLC0415

    since, until = parse_dates(date_start, date_end)
    with open_catalog() as catalog:
        page = catalog.list(
            name,
            Listing(
                status=parse_status(status), since=since, until=until, cursor=cursor, limit=per_page,
                oldest_first=reverse,
            ),
        )  # fmt: skip
    filtered = any(given is not None for given in (status, date_start, date_end, cursor))
    if as_json:
        print_json(page)
    elif not page:
        show(f'There are no{" such" if filtered else ""} instances in workflow "{name}"')
    else:
        rows = [
            (
                entry.id,
                entry.version,
                moment(entry.created_on),
                moment(entry.started_on),
                moment(entry.ended_on),
                Text(status_label(entry.status), STYLE.get(entry.status, "")),
            )
            for entry in page
        ]
        show(
            f"Showing {len(page)} instance(s) from {'page 1' if cursor is None else 'cursor ' + cursor}:",
            table(("Instance ID", "Version", "Created", "Started", "Ended", "Status"), rows),
        )
    if page.cursor is not None:
        click.echo(f"There are more; go on with --cursor {page.cursor}", err=True)


@instances.command("describe")
@click.argument("name")
@click.argument("id", default=LATEST)
@click.option("--watch", "-w", is_flag=True, help="Show it live until it has ended.")
@click.option("--step-output/--no-step-output", default=True, show_default=True, help="Show what the steps gave.")
@click.option("--truncate-output-limit", type=click.IntRange(0), default=5000, show_default=True, help="In characters.")
@json_option
def describe_instance(
    name: str, id: str, truncate_output_limit: int, *, watch: bool, step_output: bool, as_json: bool
) -> None:
    """Show an instance: its steps, their attempts, and what it waits for. ID is `latest` by default."""
    from wf.cli.describing import description  # noqa: PLC0415  (slow)
    from wf.cli.show import print_json, show  # noqa: PLC0415
    from wf.cli.watching import follow  # noqa: PLC0415
    from wf.plain import plain  # noqa: PLC0415

    with open_catalog() as catalog:
        id = resolve(catalog, name, id)
        if watch:
            follow(lambda: catalog.describe(name, id, read=plain), quiet=as_json)
        found = catalog.describe(name, id, read=plain)
    if as_json:
        if not step_output:
            for step in found.steps:
                del step["output"]
        print_json(found)
    else:
        show(*description(found, limit=truncate_output_limit, step_output=step_output))


for _command in (*COMMANDS, *MANY):
    instances.add_command(_command)
