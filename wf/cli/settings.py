"""`wf settings`: what a workflow is set to, by its class and by operators over that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from wf.cli.given import Refused, json_option, name_argument
from wf.cli.surroundings import open_client
from wf.durations import seconds
from wf.keywords import CONCURRENCY_MAX, SETTABLE
from wf.restart_policy import BACKOFFS, BEGINNINGS, RESTARTS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.answers import Answer
    from wf.client import Client
    from wf.remote import RemoteClient

_SHOWN = (*SETTABLE, "limits", "breaker", "strict")


def _seconds(_: click.Context, option: click.Parameter, given: str | None) -> float | None:
    """A duration, with a unit or as a number of seconds."""
    if given is None:
        return None
    try:
        return seconds(float(given) if given.replace(".", "", 1).isdecimal() else given, what=option.opts[0])
    except ValueError as error:
        raise Refused(str(error)) from None


_OPTIONS = (
    click.option("--concurrency", type=click.IntRange(1, CONCURRENCY_MAX), help="Instances that run at once."),
    click.option("--schedule", "schedules", metavar="CRON", multiple=True, help="In UTC; more than one may be given."),
    click.option("--no-schedules", is_flag=True, help="It does not begin by itself."),
    click.option(
        "--success-retention", metavar="DURATION", callback=_seconds,
        help="How long to keep what is complete or terminated.",
    ),
    click.option("--error-retention", metavar="DURATION", callback=_seconds, help="How long to keep what is errored."),
    click.option(
        "--restart-limit", type=click.IntRange(0, RESTARTS_MAX), help="Restarts of a failed instance; 0: never."
    ),
    click.option("--restart-delay", metavar="DURATION", callback=_seconds, help="Before the first restart."),
    click.option("--restart-backoff", type=click.Choice(BACKOFFS), help="How that grows."),
    click.option(
        "--restart-on", metavar="ERROR", multiple=True,
        help="Name of an error's class that is worth it; more than one may be given. Exception: any.",
    ),
    click.option("--restart-from", type=click.Choice(BEGINNINGS), help="What failed, or the start."),
    click.option("--unset", type=click.Choice(SETTABLE), multiple=True, help="Take this back: the class counts again."),
    click.option("--as-declared", is_flag=True, help="Take everything back."),
)  # fmt: skip


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("settings")
@name_argument
@_options
@json_option
def settings(name: str, *, unset: tuple[str, ...], as_declared: bool, as_json: bool, **given: Any) -> None:
    """Show what a workflow is set to; or set some of it over its class, at once and for every version.

    What no option names stays as it is.
    """
    changes = _changes(given)
    if as_declared and (changes or unset):
        raise Refused("--as-declared takes everything back; give it alone.")
    if both := sorted(changes.keys() & set(unset)):
        raise Refused(f"--unset {both[0]} takes back what another option sets; give one of them.")
    with open_client() as client:
        found = _set(client, name, changes | dict.fromkeys(unset), as_declared=as_declared)
    _show(found, as_json=as_json)


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """What the options name, as `Overrides.change` takes it."""
    if given["schedules"] and given["no_schedules"]:
        raise Refused("--schedule and --no-schedules exclude each other; give one of them.")
    on = list(given["restart_on"]) or None
    wanted: dict[str, dict[str, Any]] = {
        "concurrency": {"limit": given["concurrency"]},
        "default_retention": {key: given[key] for key in ("success_retention", "error_retention")},
        "restart": {part: given[f"restart_{part}"] for part in ("limit", "delay", "backoff", "from")} | {"on": on},
    }
    named = {key: {part: value for part, value in parts.items() if value is not None} for key, parts in wanted.items()}
    changes: dict[str, Any] = {key: parts for key, parts in named.items() if parts}
    if given["schedules"] or given["no_schedules"]:
        changes["schedules"] = list(given["schedules"])
    return changes


def _set(client: Client | RemoteClient, name: str, changes: dict[str, Any], *, as_declared: bool) -> Answer:
    """Do what is wanted, if anything is, and tell how it stands then.

    Raises:
        Refused: A value cannot be used.
    """
    try:
        if as_declared:
            return client.overrides.take_back(name)
        return client.overrides.change(name, changes) if changes else client.overrides.get(name)
    except ValueError as error:
        raise Refused(str(error)) from None


def _show(found: Answer, *, as_json: bool) -> None:
    from wf.cli.show import as_text, labelled, print_json, show, table  # noqa: PLC0415  (slow)

    if as_json:
        print_json(found)
        return
    sides = (found.declared, found.overrides, found.settings)
    rows = [(key, *(as_text(side[key]) if key in side else "" for side in sides)) for key in _SHOWN]
    shown = [row for row in rows if any(row[1:])]
    show(labelled({"Workflow": found.workflow, "Class": _class(found), "Version": found.version}))
    show(table(("Setting", "The class says", "Set over it", "In force"), shown) if shown else "Nothing is set.")


def _class(found: Answer) -> str | None:
    return None if found.class_name is None else f"{found.script_name}.{found.class_name}"
