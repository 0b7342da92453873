"""What the shell offers behind TAB: names, ids, statuses and types, if a database says so within a second."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from wf.cli.surroundings import open_catalog
from wf.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click.shell_completion import CompletionItem

    from wf.catalog import Catalog
    from wf.remote import RemoteCatalog

PATIENCE = 1.0
"""Seconds; whoever presses TAB will not wait longer."""

NEWEST = 20
"""Instances that are offered."""

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes commands, names and ids behind TAB.

    For bash: eval "$(wf completion bash)" in ~/.bashrc; zsh alike; for fish: wf completion fish | source.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415  (seldom)

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(click.get_current_context().find_root().command, {}, "wf", "_WF_COMPLETE").source())


def workflow_names(_: click.Context, __: click.Parameter, begun: str) -> list[str | CompletionItem]:
    """The workflows that workers have registered."""
    return _offered(begun, lambda catalog: catalog.workflows())


def instance_ids(context: click.Context, _: click.Parameter, begun: str) -> list[str | CompletionItem]:
    """`latest`, and the newest instances of the workflow that was named before."""
    name = context.params.get("name")

    def newest(catalog: Catalog | RemoteCatalog) -> list[str]:
        from wf.listing import Listing  # noqa: PLC0415  (slow)

        page = catalog.list(str(name), Listing(limit=NEWEST))
        return [*(["latest"] if page else []), *(entry.id for entry in page)]

    return _offered(begun, newest) if name else []


def statuses(_: click.Context, __: click.Parameter, begun: str) -> list[str | CompletionItem]:
    """Every status."""
    return [status.value for status in Status if status.startswith(begun)]


def event_types(context: click.Context, _: click.Parameter, begun: str) -> list[str | CompletionItem]:
    """The types that the named instance waits for."""
    # In front of an option without its value, click has not told yet which argument is which.
    name, id = (*context.args, None, None)[:2] if context.args else map(context.params.get, ("name", "id"))

    def awaited(catalog: Catalog | RemoteCatalog) -> list[str]:
        from wf.cli.given import resolve  # noqa: PLC0415  (which offers what is here)
        from wf.descriptions import to_show  # noqa: PLC0415  (slow)

        steps = catalog.describe(str(name), resolve(catalog, str(name), str(id)), extent=to_show(0)).steps
        return sorted({step.event_type for step in steps if step.event_type and not step.finished})

    return _offered(begun, awaited) if name and id else []


def _offered(begun: str, find: Callable[[Catalog | RemoteCatalog], Iterable[str]]) -> list[str | CompletionItem]:
    """What begins so, or nothing if that cannot be found out in time: a shell is no place for errors."""
    found: list[str] = []

    def look() -> None:
        with suppress(Exception), open_catalog() as catalog:  # whatever it is, TAB shall not tell
            found.extend(find(catalog))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return [one for one in list(found) if one.startswith(begun)]
