"""`wf breaker`: show, close and open the breaker of a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wf.cli.given import json_option, name_argument
from wf.cli.surroundings import open_client
from wf.cli.words import moment

if TYPE_CHECKING:
    from wf.answers import Answer

STATE = {"closed": "✅ Closed", "open": "⛔ Open", "probing": "🔍 Probing"}


@click.group()
def breaker() -> None:
    """Show, close and open the breaker of a workflow, which pauses it when too many instances fail."""


@breaker.command("describe")
@name_argument
@json_option
def describe_breaker(name: str, *, as_json: bool) -> None:
    """Show whether new and waiting instances are held, since when, and how many are."""
    with open_client() as client:
        found = client.breakers.get(name)
    _show(found, as_json=as_json)


@breaker.command("close")
@name_argument
@json_option
def close_breaker(name: str, *, as_json: bool) -> None:
    """Let everybody go on; failures count from now on."""
    with open_client() as client:
        found = client.breakers.close(name)
    _show(found, as_json=as_json)


@breaker.command("open")
@name_argument
@json_option
def open_breaker(name: str, *, as_json: bool) -> None:
    """Let nobody begin, or go on after a wait, until the pause is over and a first instance has ended well."""
    with open_client() as client:
        found = client.breakers.open(name)
    _show(found, as_json=as_json)


def _show(found: Answer, *, as_json: bool) -> None:
    from wf.cli.show import labelled, print_json, show  # noqa: PLC0415  (slow)

    if as_json:
        print_json(found)
        return
    facts = {
        "Workflow": found.workflow,
        "Breaker": STATE[found.state],
        "Since": moment(found.since) if found.since else None,
        "Probe at": moment(found.until) if found.until else None,
        "Opened by": opened_by(found) if found.state != "closed" else None,
        "Held": found.queued or None,
    }
    show(labelled(facts))


def opened_by(found: Answer) -> str:
    """What opened a breaker, in words."""
    return f"{found.failures} failure(s)" if found.failures else "somebody, by hand"
