"""What users give on the command line: JSON, dates, statuses, and ids of which one is `latest`."""

from __future__ import annotations

import json
from datetime import time
from typing import TYPE_CHECKING, Any

import click

from wf.cli.completing import instance_ids, workflow_names
from wf.errors import WfError
from wf.status import Status

if TYPE_CHECKING:
    from datetime import datetime

    from wf.catalog import Catalog
    from wf.remote import RemoteCatalog

LATEST = "latest"

name_argument = click.argument("name", shell_complete=workflow_names)
id_argument = click.argument("id", shell_complete=instance_ids)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")


class Refused(click.ClickException):
    """An argument cannot be used; exit code 2 as for every wrong usage."""

    exit_code = 2

    def show(self, file: Any = None) -> None:  # noqa: D102  (as click's)
        click.echo(f"wf: {self.message}", file=file, err=True)


class NoInstances(WfError):
    """A workflow has no newest instance."""

    code = "instance.none"

    def __init__(self, workflow: str) -> None:
        super().__init__(f'There are no instances in workflow "{workflow}"')


def parse_json(text: str | bytes, what: str) -> Any:
    """Read a JSON argument.

    Args:
        text: The argument.
        what: What it is, for the message.

    Raises:
        Refused: It is not JSON.
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(f"Error while parsing {what}: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def parse_status(status: str | None) -> str | None:
    """Check a status.

    Raises:
        Refused: There is no such status.
    """
    if status is not None and status not in set(Status):
        raise Refused(
            f'Looks like you have provided a invalid status "{status}". Valid statuses are: {", ".join(Status)}'
        )
    return status


def parse_dates(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    """Read the bounds of a period, in UTC unless they say otherwise; an end without a time covers the whole day.

    Raises:
        Refused: One of them is no date, or the start comes after the end.
    """
    from wf.listing import InvalidQuery, read_moment  # noqa: PLC0415  (slow)

    try:
        since = None if start is None else read_moment("--date-start", start, time.min)
        until = None if end is None else read_moment("--date-end", end, time.max)
    except InvalidQuery as error:
        raise Refused(str(error)) from None
    if since is not None and until is not None and since > until:
        raise Refused(f"--date-start {start} comes after --date-end {end}.")
    return since, until


def parse_ids(data: bytes) -> list[str]:
    """Read ids out of a file.

    Raises:
        Refused: It does not hold a JSON array of texts.
    """
    ids = parse_json(data, "instance ids")
    if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
        raise Refused('The file of instance ids must hold a JSON array of texts, such as ["a", "b"].')
    return ids


def resolve(catalog: Catalog | RemoteCatalog, workflow: str, id: str) -> str:
    """The id that is meant; `latest` is the newest instance.

    Raises:
        NoInstances: `latest`, and there is none.
        WorkflowNotFound: There is no such workflow.
    """
    from wf.listing import Listing  # noqa: PLC0415  (slow)

    if id != LATEST:
        return id
    newest = catalog.list(workflow, Listing(limit=1))
    if not newest:
        raise NoInstances(workflow)
    return str(newest[0].id)
