"""`wf list`, `wf describe`, `wf trigger`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from wf.cli.given import Refused, json_option, name_argument, parse_json
from wf.cli.surroundings import open_catalog, open_client
from wf.cli.words import NO_WORKFLOWS, STATUS, moment, status_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from wf.answers import Answer


@click.command("list")
@click.option("--page", type=click.IntRange(1), default=1, show_default=True)
@click.option("--per-page", type=click.IntRange(1), default=100, show_default=True)
@json_option
def list_workflows(page: int, per_page: int, *, as_json: bool) -> None:
    """List the workflows that workers have registered."""
    from wf.cli.show import print_json, show, table  # noqa: PLC0415  (slow)

    with open_catalog() as catalog:
        found = catalog.describe_workflows()[(page - 1) * per_page : page * per_page]
    if as_json:
        print_json(found)
    elif not found:
        show(NO_WORKFLOWS if page == 1 else f"There are no deployed workflows on page {page}")
    else:
        rows = [
            (
                workflow.name,
                workflow.script_name or "",
                workflow.class_name or "",
                moment(workflow.created_on),
                moment(workflow.modified_on),
                workflow.version,
                ", ".join(f"{_number(workflow, status)} {status}" for status in sorted(workflow.instances)),
            )
            for workflow in found
        ]
        head = ("Name", "Script name", "Class name", "Created", "Modified", "Version", "Instances")
        show(f"Showing {len(found)} workflow(s) from page {page}:", table(head, rows))


def _number(workflow: Answer, status: str) -> str:
    from wf.registered import CAP  # noqa: PLC0415  (slow)

    number: int = workflow.instances[status]
    return f"{number}+" if workflow.instances_capped and number == CAP else str(number)


@click.command("describe")
@name_argument
@json_option
def describe_workflow(name: str, *, as_json: bool) -> None:
    """Show a workflow: its class, its versions and settings, and how many instances are in each status."""
    from wf.cli.show import print_json, show  # noqa: PLC0415  (slow)

    with open_catalog() as catalog:
        (workflow,) = catalog.describe_workflows(name)
    if as_json:
        print_json(workflow)
    else:
        show(*_description(workflow))


def _description(workflow: Answer) -> Iterator[RenderableType]:
    from wf.cli.show import as_text, labelled  # noqa: PLC0415  (slow)

    latest, counts = workflow.latest_version, Counter(workflow.instances)
    yield labelled(
        {
            "Name": workflow.name,
            "Id": workflow.name,
            "Script Name": workflow.script_name,
            "Class Name": workflow.class_name,
            "Created On": moment(workflow.created_on),
            "Modified On": moment(workflow.modified_on),
            "Triggered On": moment(workflow.triggered_on) if workflow.triggered_on else None,
        }
    )
    yield "Latest Version:"
    times = {"Created On": latest.created_on, "Modified On": latest.modified_on}
    yield labelled({"Id": latest.id} | {label: moment(at) if at else None for label, at in times.items()}, indent=2)
    yield "Instance Status Counts:"
    yield labelled({status_label(status): counts[status] for status in STATUS}, indent=2)
    if workflow.settings:
        yield "Settings:"
        yield labelled({name: as_text(value) for name, value in workflow.settings.items()}, indent=2)
    if workflow.schedules:
        yield "Schedules:"
        for schedule in workflow.schedules:
            yield f"  {schedule.cron} (next {moment(schedule.next_instance)})"
    if len(workflow.versions) > 1:
        yield labelled({"Versions": ", ".join(workflow.versions)})


@click.command()
@name_argument
@click.argument("params", required=False)
@click.option("--params", "-p", "params_option", metavar="JSON", help="The same as PARAMS.")
@click.option("--id", help="Id of the instance, unique in the workflow; a random one by default.")
@json_option
def trigger(name: str, params: str | None, params_option: str | None, id: str | None, *, as_json: bool) -> None:
    """Create an instance of a workflow.

    PARAMS is JSON; `run` gets it as `event.payload`.
    """
    from wf.cli.show import print_json, show  # noqa: PLC0415  (slow)

    if params is not None and params_option is not None:
        raise Refused("The params are given twice: as PARAMS and with --params.")
    given = params if params is not None else params_option
    payload = parse_json(given, "instance parameters") if given is not None else None
    with open_client() as client:
        instance = client.workflow(name).create(id, payload, trigger="api")
    if as_json:
        print_json({"workflow": instance.workflow, "id": instance.id})
    else:
        show(f'🚀 Workflow instance "{instance.id}" has been queued successfully')
