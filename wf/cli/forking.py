"""`wf instances fork`."""

from __future__ import annotations

import click

from wf.cli.given import Refused, id_argument, json_option, name_argument, parse_json, resolve
from wf.cli.surroundings import open_client


@click.command("fork")
@name_argument
@id_argument
@click.option("--id", "new_id", help="Of the new instance; a random one by default.")
@click.option("--params", metavar="JSON", help="In place of those of the original.")
@click.option("--from-step-name", "step", help="Keep the results of all steps that were asked for before this one.")
@click.option("--from-step-count", "count", type=click.IntRange(1), help="Which occurrence of that name; the first.")
@click.option("--from-step-type", "kind", type=click.Choice(["do", "sleep", "waitForEvent"]), help="`do` by default.")
@json_option
def fork(
    *, name: str, id: str, new_id: str | None, params: str | None, step: str | None, count: int | None,
    kind: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Create an instance that begins as a copy of this one, which stays as it is, in whatever status."""
    from wf.cli.show import print_json, show  # noqa: PLC0415  (slow)
    from wf.forks import UNSET  # noqa: PLC0415

    if step is None and (count is not None or kind is not None):
        raise Refused("--from-step-count and --from-step-type need --from-step-name.")
    value = UNSET if params is None else parse_json(params, "instance params")
    from_step = None if step is None else {"name": step, "count": count, "type": kind}
    with open_client() as client:
        original = client.workflow(name).get(resolve(client.catalog, name, id))
        forked = original.fork(new_id, from_step=from_step, params=value)
    if as_json:
        print_json({"workflow": name, "id": forked.id, "of": original.id})
    else:
        show(f'🍴 The instance "{original.id}" from {name} was forked as "{forked.id}"')


COMMANDS = (fork,)
