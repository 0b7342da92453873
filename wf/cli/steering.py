"""`wf instances send-event`, `pause`, `resume`, `terminate`, `restart` and `delete`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import click

from wf.cli.completing import event_types, instance_ids
from wf.cli.given import Refused, id_argument, json_option, name_argument, parse_ids, parse_json, resolve
from wf.cli.surroundings import open_client
from wf.errors import WfError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.answers import Answer
    from wf.instance import Instance
    from wf.remote import RemoteInstance


class NotDeleted(WfError):
    """Some of the instances were not deleted; each has its line."""

    code = "instance.cannot_delete"

    def __init__(self, errors: list[Answer]) -> None:
        lines = "\n".join(f"  {error.id}: {error.message}" for error in errors)
        super().__init__(f"Failed to delete {len(errors)} workflow instance(s):\n{lines}")
        self.errors = errors


@click.command("send-event")
@name_argument
@id_argument
@click.option("--type", "type", required=True, shell_complete=event_types, help="1 to 100 letters, digits, '-' or '_'.")
@click.option("--payload", metavar="JSON", default="{}", show_default=True)
@json_option
@click.pass_context
def send_event(context: click.Context, name: str, id: str, type: str, payload: str, *, as_json: bool) -> None:
    """Send an event to an instance; a wait of that type gets it, now or later."""
    value = parse_json(payload, "event payload")
    with _instance(name, id) as instance:
        instance.send_event(type, value)
        given = context.get_parameter_source("payload") is click.core.ParameterSource.COMMANDLINE
        text = f' and payload "{payload}"' if given else ""
        said = f'📤 The event with type "{type}"{text} was sent to the instance "{instance.id}" from {name}'
        _tell(instance, said, as_json=as_json)


@click.command("pause")
@name_argument
@id_argument
@json_option
def pause(name: str, id: str, *, as_json: bool) -> None:
    """Let no step begin any more; those that run end first. Without effect unless it runs or waits."""
    with _instance(name, id) as instance:
        instance.pause()
        _tell(instance, f"⏸️ {_the(instance)} was paused successfully", as_json=as_json)


@click.command("resume")
@name_argument
@id_argument
@json_option
def resume(name: str, id: str, *, as_json: bool) -> None:
    """Go on after a pause; all deadlines are later by its length. Without effect unless it is paused."""
    with _instance(name, id) as instance:
        instance.resume()
        _tell(instance, f"🔄 {_the(instance)} was resumed successfully", as_json=as_json)


@click.command("terminate")
@name_argument
@id_argument
@click.option("--rollback", is_flag=True, help="Undo its steps first, the last one first.")
@json_option
def terminate(name: str, id: str, *, rollback: bool, as_json: bool) -> None:
    """Stop an instance for good; running steps are cut off."""
    with _instance(name, id) as instance:
        instance.terminate(rollback=rollback)
        _tell(instance, f"🥷 {_the(instance)} was terminated successfully", as_json=as_json)


@click.command("restart")
@name_argument
@id_argument
@click.option("--from-step-name", "step", help="Keep the results of all steps that were asked for before this one.")
@click.option("--from-step-count", "count", type=click.IntRange(1), help="Which occurrence of that name; the first.")
@click.option("--from-step-type", "kind", type=click.Choice(["do", "sleep", "waitForEvent"]), help="`do` by default.")
@json_option
def restart(name: str, id: str, step: str | None, count: int | None, kind: str | None, *, as_json: bool) -> None:
    """Begin again, in whatever status it is; running steps are cut off."""
    if step is None and (count is not None or kind is not None):
        raise Refused("--from-step-count and --from-step-type need --from-step-name.")
    with _instance(name, id) as instance:
        instance.restart(from_step=None if step is None else {"name": step, "count": count, "type": kind})
        _tell(instance, f"🥷 {_the(instance)} was restarted successfully", as_json=as_json)


@click.command("delete")
@name_argument
@click.argument("ids", metavar="[ID]...", nargs=-1, shell_complete=instance_ids)
@click.option("--filename", type=click.File("rb"), help="A JSON array of ids; `-` is standard input.")
@json_option
def delete(name: str, ids: tuple[str, ...], filename: IO[bytes] | None, *, as_json: bool) -> None:
    """Remove instances with all their data; what runs is stopped without rollback. Their ids are free again."""
    from wf.cli.show import print_json, show  # noqa: PLC0415  (slow)

    wanted = [*ids, *(parse_ids(filename.read()) if filename is not None else [])]
    if not wanted:
        raise Refused("No instance ids are given: name them, or a file with --filename.")
    with open_client() as client:
        batch = client.workflow(name).delete_batch([resolve(client.catalog, name, id) for id in wanted])
    if as_json:
        print_json(batch)
    elif batch.deleted:
        gone = ", ".join(entry.id for entry in batch.deleted)
        show(f'🗑️ Deleted workflow instances from "{name}": {gone}')
    if batch.errors:
        raise NotDeleted(batch.errors)


COMMANDS = (send_event, pause, resume, terminate, restart, delete)


@contextmanager
def _instance(name: str, id: str) -> Iterator[Instance | RemoteInstance]:
    """The instance that is meant."""
    with open_client() as client:
        yield client.workflow(name).get(resolve(client.catalog, name, id))


def _the(instance: Instance | RemoteInstance) -> str:
    return f'The instance "{instance.id}" from {instance.workflow}'


def _tell(instance: Instance | RemoteInstance, text: str, *, as_json: bool) -> None:
    """Say what was done; for programs, in which status the instance is now."""
    from wf.cli.show import print_json, show  # noqa: PLC0415  (slow)

    if as_json:
        print_json({"workflow": instance.workflow, "id": instance.id, "status": instance.status().status})
    else:
        show(text)
