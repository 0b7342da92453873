"""`wf versions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wf.cli.completing import workflow_names
from wf.cli.given import json_option
from wf.cli.surroundings import open_catalog
from wf.cli.words import NO_WORKFLOWS, moment
from wf.status import Status

if TYPE_CHECKING:
    from wf.answers import Answer

_COLUMNS = {
    "Queued": (Status.QUEUED,),
    "Running": (Status.RUNNING, Status.ROLLING_BACK),
    "Waiting": (Status.WAITING,),
    "Paused": (Status.PAUSED, Status.WAITING_FOR_PAUSE),
}


@click.command("versions")
@click.argument("name", required=False, shell_complete=workflow_names)
@json_option
def versions(name: str | None, *, as_json: bool) -> None:
    """Show which versions of workflows are registered, and which still have instances in flight.

    An instance keeps the version that it was created with while a worker knows it. Rolling back counts as running, and
    on the way to a pause as paused.
    """
    from wf.cli.show import print_json, show, table  # noqa: PLC0415  (slow)

    with open_catalog() as catalog:
        found = catalog.versions(name)
    if as_json:
        print_json(found)
    elif not found:
        show(NO_WORKFLOWS)
    else:
        head = ("Workflow", "Version", "Registered", "Newest", *_COLUMNS)
        show(f"Showing {len(found)} version(s):", table(head, map(_row, found)))


def _row(version: Answer) -> tuple[object, ...]:
    registered = moment(version.registered_on) if version.registered_on is not None else "❓ not registered"
    counts = [sum(version.instances.get(status, 0) for status in statuses) for statuses in _COLUMNS.values()]
    return (version.workflow, version.version, registered, "✅" if version.newest else "", *counts)
