"""The commands that create instances and act on them, and what they refuse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support.cli import Shell, Worked
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.core import Event, Step
    from wf.settings import Settings


class Chore(WorkflowEntrypoint, name="chore"):
    """Waits for an event and gives its payload."""

    async def run(self, event: Event, step: Step) -> Any:
        return (await step.wait_for_event("word", "word", timeout="1 hour")).payload


@pytest.fixture
def worked(settings: Settings) -> Iterator[Worked]:
    with Worked(settings) as made:
        made.know(Chore)
        yield made


@pytest.fixture
def shell(settings: Settings, worked: Worked) -> Shell:
    """The command line, and one known workflow."""
    return Shell(settings)


def test_trigger_creates_an_instance(shell: Shell) -> None:
    """Params may stand bare or behind --params; the answer names the instance, with --json, too."""
    text = shell.text("trigger", "chore", '{"n": 1}', "--id", "e-1")
    assert text == '🚀 Workflow instance "e-1" has been queued successfully\n'
    assert shell.json("trigger", "chore", "--params", "[2]", "--id", "e-2") == {"workflow": "chore", "id": "e-2"}
    found = [shell.json("instances", "describe", "chore", id) for id in ("e-1", "e-2")]
    assert [instance["params"] for instance in found] == [{"n": 1}, [2]]
    assert found[0]["trigger"] == {"source": "api"}
    assert shell.json("trigger", "chore")["id"]


def test_an_event_reaches_its_instance(shell: Shell, worked: Worked) -> None:
    """`send-event` sends `{}` unless a payload is given, and `latest` is the newest instance."""
    for id, options, payload in (("e-1", (), {}), ("e-2", ("--payload", '{"by":"x"}'), {"by": "x"})):
        worked.bring(Chore, id, "waiting")
        told = shell.text("instances", "send-event", "chore", "latest", "--type", "word", *options)
        said = ' and payload "{"by":"x"}"' if options else ""
        assert told == f'📤 The event with type "word"{said} was sent to the instance "{id}" from chore\n'
        worked.go_on(Chore, id, "complete")
        assert worked.client.workflow(Chore).get(id).status().output == payload


def test_terminate_stops_for_good(shell: Shell, worked: Worked) -> None:
    """`terminate` says what it did; a second one is refused."""
    worked.bring(Chore, "e-1", "waiting")
    terminate = ("instances", "terminate", "chore", "e-1")
    assert shell.text(*terminate) == '🥷 The instance "e-1" from chore was terminated successfully\n'
    assert worked.client.workflow(Chore).get("e-1").status().status == "terminated"
    assert "it is terminated" in shell.refusal(*terminate)


@pytest.mark.parametrize(
    "command",
    [
        ("describe", "chor"),
        ("trigger", "chor"),
        ("instances", "list", "chor"),
        ("instances", "describe", "chor"),
        ("instances", "describe", "chor", "e-1"),
        ("instances", "terminate", "chor", "e-1"),
        ("instances", "send-event", "chor", "e-1", "--type", "t"),
    ],
)
def test_an_unknown_workflow_gets_a_suggestion(shell: Shell, command: tuple[str, ...]) -> None:
    """Every command that names a workflow says which one was perhaps meant."""
    assert "There is no workflow 'chor'. Did you mean 'chore'?" in shell.refusal(*command)


def test_a_missing_instance_is_named(shell: Shell) -> None:
    """Unknown ids, and `latest` where there is none, are refused with the workflow's name."""
    assert "'chore' has no instance 'e-9'" in shell.refusal("instances", "describe", "chore", "e-9")
    none = 'wf: There are no instances in workflow "chore"\n'
    assert shell.refusal("instances", "describe", "chore") == none
    assert shell.refusal("instances", "terminate", "chore", "latest") == none


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("trigger", "chore", "{n: 1}"), "Error while parsing instance parameters: "),
        (("trigger", "chore", "NaN"), "Error while parsing instance parameters: NaN is not JSON"),
        (("trigger", "chore", "1", "--params", "2"), "given twice"),
        (
            ("instances", "send-event", "chore", "x", "--type", "t", "--payload", "{"),
            "Error while parsing event payload",
        ),
        (("instances", "list", "chore", "--status", "done"), 'invalid status "done". Valid statuses are: queued, '),
        (("instances", "list", "chore", "--date-start", "yesterday"), "--date-start 'yesterday' is not an ISO 8601"),
        (("instances", "list", "chore", "--date-start", "2026-02-02", "--date-end", "2026-02-01"), "comes after"),
    ],
)
def test_wrong_usage_is_refused(shell: Shell, command: tuple[str, ...], says: str) -> None:
    """An argument that cannot be used is named on one line, with exit code 2."""
    assert says in shell.refusal(*command, code=2)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("trigger", "chore", "--id", "no blanks"), "Instance id 'no blanks' is invalid"),
        (("trigger", "chore", json.dumps("x" * 2_000_000)), "The payload is 2,000,003 bytes"),
        (("instances", "list", "chore", "--cursor", "x"), "The cursor 'x' is not one that a list has given"),
        (("instances", "send-event", "chore", "e-1", "--type", "a.b"), "Event type 'a.b' is invalid"),
    ],
)
def test_what_the_library_refuses_is_said_in_one_line(
    shell: Shell, worked: Worked, command: tuple[str, ...], says: str
) -> None:
    """Errors of the library come out as one line and exit code 1, and nothing is written."""
    worked.bring(Chore, "e-1", "waiting")
    assert says in shell.refusal(*command)
    assert len(shell.json("instances", "list", "chore")) == 1
    assert worked.client.workflow(Chore).get("e-1").status().status == "waiting"


def test_an_id_is_taken_once(shell: Shell) -> None:
    """A second instance of the same id is refused."""
    shell.text("trigger", "chore", "--id", "e-1")
    assert "already has an instance 'e-1'" in shell.refusal("trigger", "chore", "--id", "e-1")


def test_an_instance_is_created_while_redis_is_down(shell: Shell) -> None:
    """`trigger` succeeds without Redis, because the alarm will find the instance, and says so on standard error."""
    result = shell("trigger", "chore", "--json", WF_REDIS_URL="redis://127.0.0.1:1/0")
    assert (result.exit_code, set(json.loads(result.stdout))) == (0, {"workflow", "id"})
    assert "the alarm will do it" in result.stderr


NEEDS_JOURNAL = [
    ("list",),
    ("describe", "chore"),
    ("trigger", "chore"),
    ("instances", "list", "chore"),
    ("instances", "describe", "chore"),
    ("instances", "send-event", "chore", "e-1", "--type", "t"),
    ("instances", "terminate", "chore", "e-1"),
    ("instances", "restart", "chore", "e-1"),
    ("instances", "delete", "chore", "e-1"),
    ("versions",),
    ("worker",),
    ("beat",),
    ("migrate", "--check"),
]


@pytest.mark.parametrize("command", NEEDS_JOURNAL)
def test_a_missing_schema_is_refused(settings: Settings, empty_database_url: str, command: tuple[str, ...]) -> None:
    """Without a schema, every command names the one that makes it."""
    shell = Shell(settings.model_copy(update={"database_url": empty_database_url}))
    assert shell.refusal(*command) == "wf: The journal's schema is missing. Run `wf migrate` once.\n"


@pytest.mark.parametrize("command", NEEDS_JOURNAL)
def test_another_release_s_schema_is_refused(shell: Shell, settings: Settings, command: tuple[str, ...]) -> None:
    """With a schema of another release, every command says which one is there and which is needed."""
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("update wf.alembic_version set version_num = 'of-tomorrow'")
    assert "is at 'of-tomorrow', this release needs" in shell.refusal(*command)


@pytest.mark.parametrize("command", [*NEEDS_JOURNAL, ("migrate",)])
def test_an_unreachable_postgres_is_named(settings: Settings, command: tuple[str, ...]) -> None:
    """If Postgres does not answer, every command says so and names the variable to look at."""
    shell = Shell(settings.model_copy(update={"database_url": "postgresql://127.0.0.1:1/nowhere"}))
    said = shell.refusal(*command)
    assert "Postgres does not answer" in said
    assert "WF_DATABASE_URL" in said


def test_migrate_makes_the_schema(settings: Settings, empty_database_url: str) -> None:
    """`wf migrate` makes the schema, may be repeated, and `--check` is content with it."""
    shell = Shell(settings.model_copy(update={"database_url": empty_database_url}))
    said = {shell.text("migrate", *options) for options in ((), (), ("--check",))}
    assert len(said) == 1
    assert shell.json("list") == []


def test_migrate_refuses_a_newer_schema(shell: Shell, settings: Settings) -> None:
    """An old release leaves a newer schema alone."""
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("update wf.alembic_version set version_num = 'of-tomorrow'")
    assert "is at 'of-tomorrow'" in shell.refusal("migrate")


def test_migrate_can_print_its_sql(settings: Settings, empty_database_url: str) -> None:
    """What `wf migrate --sql` prints makes a schema that fits, run by hand."""
    shell = Shell(settings.model_copy(update={"database_url": empty_database_url}))
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(shell.text("migrate", "--sql").encode())
    assert "up to date" in shell.text("migrate", "--check")


def test_settings_that_cannot_be_used_are_named(shell: Shell) -> None:
    """A variable with a bad value, or a missing one, is named."""
    assert "WF_LEASE" in shell.refusal("list", WF_LEASE="soon")
    assert "WF_DATABASE_URL is not set" in shell.refusal("list", WF_DATABASE_URL="")
    assert "WF_REDIS_URL is not set" in shell.refusal("trigger", "chore", WF_REDIS_URL="")
    assert "WF_REDIS_URL cannot be read" in shell.refusal("trigger", "chore", WF_REDIS_URL="amqp://x")
