"""`wf instances list` and `describe`; what moves instances is in `wf.cli.steering`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wf.cli.bulk import COMMANDS as MANY
from wf.cli.completing import instance_ids, statuses
from wf.cli.forking import COMMANDS as FORKING
from wf.cli.given import LATEST, Refused, json_option, name_argument, parse_dates, parse_status, resolve
from wf.cli.logs import logs
from wf.cli.steering import COMMANDS
from wf.cli.surroundings import open_catalog
from wf.cli.words import STYLE, moment, status_label

if TYPE_CHECKING:
    from wf.answers import Answer


@click.group()
def instances() -> None:
    """List, show and steer the instances of a workflow.

    Where an ID is asked for, `latest` is the newest instance.
    """


@instances.command("list")
@name_argument
@click.option("--status", shell_complete=statuses, help="Only those in this status.")
@click.option("--version", help="Only those of this version.")
@click.option("--id", help="Only those whose id begins with this.")
@click.option("--error", help="Only errored ones with this text in the name or message of their error.")
@click.option("--search", help="Only those with this text in their params or output, as JSON has it.")
@click.option("--reverse", is_flag=True, help="The oldest first.")
@click.option("--date-start", metavar="ISO8601", help="Only those created then or later; UTC unless it says otherwise.")
@click.option("--date-end", metavar="ISO8601", help="Only those created then or earlier; a date means all of that day.")
@click.option("--page", type=click.IntRange(1), default=1, show_default=True, help="A far one is slower than --cursor.")
@click.option("--per-page", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--cursor", help="Where to go on, as the page before has said.")
@json_option
def list_instances(
    *, name: str, status: str | None, version: str | None, id: str | None, error: str | None, search: str | None,
    date_start: str | None, date_end: str | None, page: int, per_page: int, cursor: str | None, reverse: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """List the instances of a workflow, newest first."""
    from wf.cli.show import print_json, show, table  # noqa: PLC0415  (slow)
    from wf.listing import Listing  # noqa: PLC0415

    since, until = parse_dates(date_start, date_end)
    if cursor is not None and page != 1:
        raise Refused("Use either --page or --cursor.")
    with open_catalog() as catalog:
        found = catalog.list(
            name,
            Listing(
                status=parse_status(status), version=version, id=id, error=error, search=search, since=since,
                until=until, cursor=cursor, limit=per_page, oldest_first=reverse,
                page=page if cursor is None else None,
            ),
        )  # fmt: skip
    place = f"page {page}" if cursor is None else f"cursor {cursor}"
    if as_json:
        print_json(found)
    elif not found:
        filters = (status, version, id, error, search, date_start, date_end)
        such = " such" if any(given is not None for given in filters) else ""
        there = f" on {place}" if page != 1 or cursor is not None else ""
        show(f'There are no{such} instances in workflow "{name}"{there}')
    else:
        show(f"Showing {len(found)} instance(s) from {place}:", table(_COLUMNS, map(_row, found)))
    if found.cursor is not None:
        click.echo(f"There are more; go on with --cursor {found.cursor}", err=True)


_COLUMNS = ("Instance ID", "Version", "Created", "Modified", "Status", "Started", "Ended")


def _row(entry: Answer) -> tuple[object, ...]:
    from rich.text import Text  # noqa: PLC0415  (slow)

    status = Text(status_label(entry.status), STYLE.get(entry.status, ""))
    created, modified = moment(entry.created_on), moment(entry.modified_on)
    return entry.id, entry.version, created, modified, status, moment(entry.started_on), moment(entry.ended_on)


@instances.command("describe")
@name_argument
@click.argument("id", default=LATEST, shell_complete=instance_ids)
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
    from wf.descriptions import ALL, to_show  # noqa: PLC0415
    from wf.plain import plain  # noqa: PLC0415

    with open_catalog() as catalog:
        id = resolve(catalog, name, id)
        if watch:
            follow(lambda: catalog.describe(name, id, read=plain, extent=to_show(0)), quiet=as_json)
        shown = ALL if as_json else to_show(truncate_output_limit)
        found = catalog.describe(name, id, read=plain, extent=shown)
    if as_json:
        if not step_output:
            for step in found.steps:
                del step["output"]
        print_json(found)
    else:
        show(*description(found, limit=truncate_output_limit, step_output=step_output))


for _command in (*COMMANDS, *FORKING, *MANY, logs):
    instances.add_command(_command)
