"""`wf list`, `wf describe`, `wf trigger`."""

from __future__ import annotations

from collections import Counter

import click

from wf.cli.given import Refused, json_option, parse_json
from wf.cli.surroundings import open_catalog, open_client
from wf.cli.words import STATUS, moment, status_label


@click.command("list")
@json_option
def list_workflows(*, as_json: bool) -> None:
    """List the workflows that workers have registered."""
    from wf.cli.show import print_json, show, table  # noqa: PLC0415  (slow)

    with open_catalog() as catalog:
        found = catalog.describe_workflows()
    if as_json:
        print_json(found)
    elif not found:
        show("There are no workflows. Start a worker with the module that defines one: wf worker MODULE")
    else:
        rows = [
            (
                workflow.name,
                workflow.version,
                sum(workflow.instances.values()),
                ", ".join(f"{number} {status}" for status, number in sorted(workflow.instances.items())),
            )
            for workflow in found
        ]
        show(f"Showing {len(found)} workflow(s) from page 1:", table(("Name", "Version", "Instances", "Counts"), rows))


@click.command("describe")
@click.argument("name")
@json_option
def describe_workflow(name: str, *, as_json: bool) -> None:
    """Show a workflow: its versions, its settings, and how many instances are in each status."""
    from wf.cli.show import as_text, labelled, print_json, show  # noqa: PLC0415  (slow)

    with open_catalog() as catalog:
        (workflow,) = catalog.describe_workflows(name)
    if as_json:
        print_json(workflow)
        return
    counts = Counter(workflow.instances)
    schedules = [f"{schedule.cron} (next {moment(schedule.next_instance)})" for schedule in workflow.schedules]
    show(
        labelled(
            {
                "Name": workflow.name,
                "Latest Version": workflow.version,
                "Versions": ", ".join(workflow.versions),
                "Settings": as_text(workflow.settings) if workflow.settings else None,
                "Schedules": "; ".join(schedules) or None,
                "Instances": counts.total(),
            }
        ),
        "Instance Status Counts:",
        labelled({status_label(status): counts[status] for status in STATUS}, indent=2),
    )


@click.command()
@click.argument("name")
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
