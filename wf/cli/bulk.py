"""`wf delete`, `wf instances bulk` and `terminate-all`: actions on many instances at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from wf.cli.given import Refused, json_option, parse_dates, parse_status, resolve
from wf.cli.jobs import outcome, wait_for
from wf.cli.surroundings import open_client
from wf.errors import WfError
from wf.lifecycle import STOPPABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.answers import Answer
    from wf.client import Client
    from wf.lifecycle import Stoppable
    from wf.remote import RemoteClient

ACTIONS = ("pause", "resume", "terminate", "restart", "delete")

_name = click.argument("name")
_yes = click.option("--yes", "-y", is_flag=True, help="Do not ask; nobody is asked either where there is no terminal.")
_no_wait = click.option("--no-wait", is_flag=True, help="Do not wait until it is done.")


class NotAllMoved(WfError):
    """A job has ended, and not every instance was moved."""

    code = "job.not_all_moved"

    def __init__(self, job: Answer) -> None:
        if job.status == "cancelled":
            what = f"Job {job.id} was cancelled after {job.done} of {job.total} instance(s)."
        elif job.action == "delete_workflow":
            what = f"Workflow {job.workflow!r} was not removed; see why: wf jobs describe {job.id}"
        else:
            what = f"{job.failed} instance(s) could not be moved: wf jobs describe {job.id}"
        super().__init__(what)
        self.job = job


@click.command("delete")
@_name
@_yes
@_no_wait
@json_option
def delete_workflow(name: str, *, yes: bool, no_wait: bool, as_json: bool) -> None:
    """Remove a workflow with all its instances. The code stays: a worker that starts later makes it known again."""
    with open_client() as client:
        seen = client.jobs.preview(name, "delete_workflow")
        _confirm(f"Remove workflow {name} and its {seen.total} instance(s) with all their data?", yes=yes)
        job = client.jobs.start(name, "delete_workflow")
        note = "Note that running instances may take a few minutes to be terminated."

        def told(_: Answer) -> str:
            return f'✅ Workflow "{name}" removed successfully.\n{note}'

        _finish(client, job, told, wait=not no_wait, as_json=as_json)


@click.command("terminate-all")
@_name
@click.option("--status", type=click.Choice(STOPPABLE), help="Only those in this status.")
@json_option
def terminate_all(name: str, status: Stoppable | None, *, as_json: bool) -> None:
    """Terminate all instances of a workflow, in the background; `wf jobs describe` shows how far it is."""
    from wf.cli.show import print_json, show  # noqa: PLC0415  (slow)

    with open_client() as client:
        told = client.jobs.terminate_all(name, status)
    if as_json:
        print_json(told)
    elif told.status == "ok":
        show(f'🥷 Job {told.job_id} terminates the instances of workflow "{name}"')
    else:
        show(f'🥷 The instances of workflow "{name}" are being terminated already, by job {told.job_id}')


@click.command("bulk")
@click.argument("action", type=click.Choice(ACTIONS))
@_name
@click.option("--status", "statuses", multiple=True, help="Only those in this status; more than one may be given.")
@click.option("--version", help="Only those of this version.")
@click.option("--trigger", help="Only those created by this: api, binding, cron, ...")
@click.option("--date-start", metavar="ISO8601", help="Only those created then or later; UTC unless it says otherwise.")
@click.option("--date-end", metavar="ISO8601", help="Only those created then or earlier; a date means all of that day.")
@click.option("--id", "ids", multiple=True, help="Only this one, or `latest`; up to 100 may be given.")
@click.option("--rollback", is_flag=True, help="terminate: undo their steps first.")
@click.option("--from-step-name", "step", help="restart: keep the results of what was asked for before this step.")
@click.option("--from-step-count", "count", type=click.IntRange(1), help="Which occurrence of that name; the first.")
@click.option("--from-step-type", "kind", type=click.Choice(["do", "sleep", "waitForEvent"]), help="`do` by default.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be moved.")
@_yes
@_no_wait
@json_option
def bulk(
    *, action: str, name: str, statuses: tuple[str, ...], version: str | None, trigger: str | None,
    date_start: str | None, date_end: str | None, ids: tuple[str, ...], rollback: bool, step: str | None,
    count: int | None, kind: str | None, dry_run: bool, yes: bool, no_wait: bool, as_json: bool,
) -> None:  # fmt: skip
    """Pause, resume, terminate, restart or delete the instances that fit all that is given; without anything, all."""
    if step is None and (count is not None or kind is not None):
        raise Refused("--from-step-count and --from-step-type need --from-step-name.")
    since, until = parse_dates(date_start, date_end)
    given = {
        "status": [parse_status(status) for status in statuses], "version": version, "trigger": trigger,
        "since": since, "until": until,
    }  # fmt: skip
    filter = {name: value for name, value in given.items() if value}
    options = {"rollback": rollback or None, "from_step": step and {"name": step, "count": count, "type": kind}}
    options = {name: value for name, value in options.items() if value is not None}
    with open_client() as client:
        if ids:
            filter["ids"] = [resolve(client.catalog, name, id) for id in ids]
        seen = client.jobs.preview(name, action, filter)
        if dry_run:
            _tell_preview(seen, as_json=as_json)
            return
        _confirm(f"{action.capitalize()} {seen.total} instance(s) of workflow {name}?", yes=yes)
        job = client.jobs.start(name, action, filter, options)
        _finish(client, job, outcome, wait=not no_wait, as_json=as_json)


COMMANDS = (bulk, terminate_all)


def _confirm(question: str, *, yes: bool) -> None:
    """Ask, where there is somebody to ask."""
    if not yes and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)


def _finish(
    client: Client | RemoteClient, job: Answer, told: Callable[[Answer], str], *, wait: bool, as_json: bool
) -> None:
    """Wait for a job if that is wanted, and say what became of it.

    Raises:
        NotAllMoved: Some instances were not moved, or it was cancelled.
    """
    from wf.cli.show import print_json, show  # noqa: PLC0415  (slow)

    if wait:
        job = wait_for(client, job, quiet=as_json)
    good = job.status != "cancelled" and not job.failed
    if as_json:
        print_json(job)
    elif not wait:
        show(f"Job {job.id} has begun; see how far it is with: wf jobs describe {job.id}")
    elif good:
        show(told(job))
    if not good:
        raise NotAllMoved(job)


def _tell_preview(seen: Answer, *, as_json: bool) -> None:
    from wf.cli.show import labelled, print_json, show, table  # noqa: PLC0415  (slow)

    if as_json:
        print_json(seen)
        return
    show(f'{seen.action} would move {seen.total} instance(s) of workflow "{seen.workflow}"; nothing was changed.')
    if seen.matching:
        rows = [
            (status, number, seen.affected.get(status, 0), seen.no_effect.get(status, 0))
            for status, number in seen.matching.items()
        ]
        show(table(("Status", "Matching", "Affected", "No effect"), rows))
    if seen.sample:
        show(labelled({"First": ", ".join(seen.sample)}))
