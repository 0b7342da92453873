"""`wf replay-check`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from wf.cli.completing import statuses as all_statuses
from wf.cli.completing import workflow_names
from wf.cli.given import Refused, json_option, parse_status
from wf.cli.surroundings import settings
from wf.cli.words import safe
from wf.errors import WfError

if TYPE_CHECKING:
    from wf.replayreport import ReplayFailure, ReplayReport
    from wf.settings import Settings
    from wf.workflow import WorkflowEntrypoint

FAILED, UNCHECKED = 1, 2
"""Exit codes: some journals do not replay; what was asked for could not be checked."""


@click.command("replay-check")
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@click.option("--workflow", "names", multiple=True, shell_complete=workflow_names, help="Only this one; repeatable.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Instances of each workflow.")
@click.option("--status", "wanted", multiple=True, shell_complete=all_statuses, help="Only in this one; repeatable.")
@json_option
def replay_check(
    modules: tuple[str, ...], names: tuple[str, ...], limit: int, wanted: tuple[str, ...], *, as_json: bool
) -> None:
    """Replay instances of the journal against the code that is here, and write nothing.

    MODULEs define the workflows; without any, WF_WORKFLOWS names them, comma-separated. Of each workflow, instances
    that have not ended come first, then the others, newest first. What does not replay is shown with both sides.

    Exit code 0: all replay. 1: some do not. 2: some could not be checked, or nothing could.
    """
    from wf.replaying import replay_check as check  # noqa: PLC0415  (slow)

    for status in wanted:
        parse_status(status)
    try:
        with settings(redis=False) as found:
            classes = _classes(found, modules, names)
            report = check(classes, database_url=found.database_url, limit=limit, statuses=wanted or None)
    except WfError as error:  # not 1, which says that something was checked
        raise Refused(str(error)) from error
    _print(report, as_json=as_json)
    sys.exit(FAILED if report.failures else UNCHECKED if report.skipped else 0)


def _classes(found: Settings, modules: tuple[str, ...], names: tuple[str, ...]) -> list[type[WorkflowEntrypoint]]:
    """The workflows to check, of those that the modules define."""
    from wf.workflow import registry  # noqa: PLC0415  (slow)

    registry.load(modules or found.modules())
    if not registry.names():
        raise Refused("There are no workflows here. Name the modules that define them: wf replay-check MODULE")
    return [registry.get(name) for name in names or registry.names()]


def _print(report: ReplayReport, *, as_json: bool) -> None:
    from wf.cli.show import print_json, show  # noqa: PLC0415  (slow)

    if as_json:
        failures = [_failure(one) for one in report.failures]
        skipped = [one._asdict() for one in report.skipped]
        print_json({"checked": report.checked, "failures": failures, "skipped": skipped})
        return
    for failure in report.failures:
        show(safe(f"❌ {failure}"), "")
    for one in report.skipped:
        show(safe(f"❓ {one}"))
    show(f"{'✅ ' if not report.failures and not report.skipped else ''}{report.summary}")


def _failure(failure: ReplayFailure) -> dict[str, Any]:
    names = ("workflow", "id", "version", "code", "status", "generation", "explanation")
    sides = {"recorded": list(map(str, failure.recorded)), "asked": list(map(str, failure.asked))}
    return {name: getattr(failure, name) for name in names} | sides
