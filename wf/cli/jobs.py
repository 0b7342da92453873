"""`wf jobs`: list, show and cancel what is done to many instances at once."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from wf.cli.given import json_option
from wf.cli.surroundings import open_client, patient
from wf.cli.words import between, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.answers import Answer
    from wf.client import Client
    from wf.remote import RemoteClient

ENDED = ("complete", "cancelled")
STATUS = {"queued": "⌛ Queued", "running": "▶ Running", "complete": "✅ Completed", "cancelled": "🚫 Cancelled"}
TICK = 0.25
"""Seconds between two looks at a job."""
PATIENCE = 15.0
"""Seconds after which a job that nobody takes makes one wonder."""


@click.group()
def jobs() -> None:
    """List, show and cancel jobs: actions on many instances at once."""


@jobs.command("list")
@click.argument("name", required=False)
@click.option("--per-page", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--cursor", help="Where to go on, as the page before has said.")
@json_option
def list_jobs(name: str | None, per_page: int, cursor: str | None, *, as_json: bool) -> None:
    """List the jobs of a workflow, or of all, newest first."""
    from wf.cli.show import print_json, show, table  # noqa: PLC0415  (slow)

    with open_client() as client:
        page = client.jobs.list(name, cursor=cursor, limit=per_page)
    if as_json:
        print_json(page)
    elif not page:
        show("There are no jobs" if name is None else f'There are no jobs of workflow "{name}"')
    else:
        head = ("Job", "Workflow", "Action", "Status", "Progress", "Failed", "Created", "By")
        rows = [
            (
                job.id, job.workflow, job.action, STATUS[job.status], f"{job.percent} %", job.failed,
                moment(job.created_on), job.actor,
            )
            for job in page
        ]  # fmt: skip
        show(f"Showing {len(page)} job(s):", table(head, rows))
    if page.cursor is not None:
        click.echo(f"There are more; go on with --cursor {page.cursor}", err=True)


@jobs.command("describe")
@click.argument("id", type=int)
@click.option("--watch", "-w", is_flag=True, help="Show it live until it has ended.")
@json_option
def describe_job(id: int, *, watch: bool, as_json: bool) -> None:
    """Show a job: how far it has come, and the first few instances that it could not move."""
    from wf.cli.show import print_json, show  # noqa: PLC0415  (slow)

    with open_client() as client:
        job = client.jobs.get(id)
        if watch:
            job = wait_for(client, job, quiet=as_json)
    if as_json:
        print_json(job)
    else:
        show(*_description(job))


@jobs.command("cancel")
@click.argument("id", type=int)
@json_option
def cancel_job(id: int, *, as_json: bool) -> None:
    """Call a job off; what it has moved stays moved. Without effect on one that has ended."""
    from wf.cli.show import print_json, show  # noqa: PLC0415  (slow)

    with open_client() as client:
        job = client.jobs.cancel(id)
    if as_json:
        print_json(job)
    else:
        show(outcome(job))


def wait_for(client: Client | RemoteClient, job: Answer, *, quiet: bool) -> Answer:
    """Look at a job until it has ended.

    Args:
        client: Of whom to ask.
        job: The job as it was.
        quiet: Show nothing in any case.
    """
    look, wondering = patient(lambda: client.jobs.get(job.id)), time.monotonic() + PATIENCE
    with _bar(job, quiet=quiet) as show:
        while job.status not in ENDED:
            if job.status == "queued" and time.monotonic() > wondering:
                wondering = float("inf")
                click.echo(f"Job {job.id} waits for a worker: is there one? Ctrl-C leaves it to the next.", err=True)
            time.sleep(TICK)
            job = look()
            show(job)
    return job


@contextmanager
def _bar(job: Answer, *, quiet: bool) -> Iterator[Callable[[Answer], None]]:
    """A progress bar on a terminal, and nothing elsewhere."""
    from rich.progress import Progress  # noqa: PLC0415  (slow)

    from wf.cli.show import console  # noqa: PLC0415

    with Progress(console=console(), disable=quiet or not sys.stdout.isatty(), transient=True) as progress:
        task = progress.add_task(f"{job.action} {job.workflow}", total=max(job.total, 1))
        yield lambda job: progress.update(task, completed=job.done + job.failed)


def outcome(job: Answer) -> str:
    """What became of a job."""
    if job.status == "cancelled":
        return f"🚫 Job {job.id} was cancelled after {job.done} of {job.total} instance(s)"
    return f'✅ Job {job.id} is complete: {job.action} {job.done} instance(s) of workflow "{job.workflow}"'


def _description(job: Answer) -> Iterator[Any]:
    from wf.cli.show import as_text, labelled, table  # noqa: PLC0415  (slow)

    yield labelled(
        {
            "Job": job.id,
            "Workflow": job.workflow,
            "Action": job.action,
            "Filter": as_text(job.filter) if job.filter else None,
            "Options": as_text(job.options) if job.options else None,
            "By": job.actor,
            "Status": STATUS[job.status],
            "Progress": f"{job.percent} %: {job.done} done and {job.failed} failed of {job.total}",
            "Created": moment(job.created_on),
            "Started": moment(job.started_on) or None,
            "Ended": moment(job.ended_on) or None,
            "Duration": between(job.started_on, job.ended_on) or None,
        }
    )
    if job.errors:
        rows = [(error["id"], error["code"], error["message"]) for error in job.errors]
        yield f"The first {len(rows)} that failed:"
        yield table(("Instance ID", "Code", "Error"), rows)
