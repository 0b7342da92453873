"""The commands say what the baseline's say, in its order, and each exit code has one meaning."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from click import Group
from psycopg.conninfo import conninfo_to_dict

from tests.support.cli import Shell, Worked
from wf import WorkflowEntrypoint
from wf.cli import main, surroundings
from wf.cli.describing import description
from wf.cli.show import console
from wf.tokens import Tokens
from wf.urls import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wf.core import Event, Step
    from wf.settings import Settings


class Trip(WorkflowEntrypoint, name="trip", schedules="0 12 * * *", limits={"steps": 7}, breaker={}):
    """A step, then a wait."""

    async def run(self, event: Event, step: Step) -> Any:
        await step.do("pack", lambda: "bag")
        return (await step.wait_for_event("word", "word", timeout="1 hour")).payload


@pytest.fixture
def worked(settings: Settings) -> Iterator[Worked]:
    with Worked(settings) as made:
        made.know(Trip)
        yield made


@pytest.fixture
def shell(settings: Settings, worked: Worked) -> Shell:
    return Shell(settings)


def labels(text: str) -> list[str]:
    """The labels of a text, in their order."""
    return re.findall(r"^ *([A-Z✅❌⏸⌛▶🚫⏰⏱⏪][^:│]*):(?:  .*)?$", text, re.MULTILINE)


def columns(text: str) -> list[str]:
    """The head of the first table in a text."""
    return next([cell.strip() for cell in line.split("┃")[1:-1]] for line in text.splitlines() if "┃" in line)


def test_lists_begin_with_the_columns_of_the_baseline(shell: Shell, worked: Worked) -> None:
    """What is ours alone stands behind."""
    shell.text("trigger", "trip")
    assert columns(shell.text("list"))[:5] == ["Name", "Script name", "Class name", "Created", "Modified"]
    instances = columns(shell.text("instances", "list", "trip"))
    assert instances[:5] == ["Instance ID", "Version", "Created", "Modified", "Status"]


def test_a_workflow_is_described_in_the_order_of_the_baseline(shell: Shell) -> None:
    """Its own lines, then its latest version, then the counts, then settings and schedules."""
    found = labels(shell.text("describe", "trip"))
    head = ["Name", "Id", "Script Name", "Class Name", "Created On", "Modified On", "Latest Version"]
    assert found[:10] == [*head, "Id", "Created On", "Modified On"]
    assert found[10:13] == ["Instance Status Counts", "⌛ Queued", "▶ Running"]
    assert found[-2:] == ["Settings", "Schedules"]


def test_an_instance_is_described_in_the_order_of_the_baseline(shell: Shell, worked: Worked) -> None:
    """Also its steps."""
    worked.bring(Trip, "t-1", "waiting")
    head, first, *_ = shell.text("instances", "describe", "trip").split("\n\n")
    order = ["Workflow Name", "Instance Id", "Version Id", "Status", "Trigger", "Queued", "Success", "Start"]
    assert labels(head)[:10] == [*order, "Duration", "Last Successful Step"]
    assert labels(first)[:7] == ["Name", "Type", "Start", "End", "Duration", "Success", "Output"]
    assert columns(first) == ["Start", "End", "Duration", "State", "Error"]


@pytest.mark.parametrize(
    ("retries", "shown"), [({"limit": 1, "delay": 1}, "unknown"), ({"limit": 1}, "unknown (dynamic delay)")]
)
def test_a_retry_whose_time_nobody_knows_says_why(
    worked: Worked, capsys: pytest.CaptureFixture[str], retries: dict[str, Any], shown: str
) -> None:
    """A delay that is a function is told apart."""
    worked.bring(Trip, "t-1", "waiting")
    found = worked.client.workflow(Trip).get("t-1").describe()
    found.steps[0].update(status="retrying", success=None, wakeAt=None, config={"retries": retries})
    console().print(*description(found, limit=100, step_output=True), sep="\n")
    assert f"Retries At:  {shown}\n" in re.sub(r"(Retries At:) +", r"\1  ", capsys.readouterr().out)


def test_workflows_are_listed_in_pages(shell: Shell, worked: Worked) -> None:
    """A page holds as many as asked for; behind the last one is none."""

    class Other(WorkflowEntrypoint, name="trip-other"):
        pass

    worked.know(Other)
    text = shell.text("list", "--page", "2", "--per-page", "1")
    assert text.startswith("Showing 1 workflow(s) from page 2:")
    assert "trip-other" in text
    assert shell.text("list", "--page", "3", "--per-page", "1") == "There are no deployed workflows on page 3\n"


def test_instances_are_listed_by_the_number_of_the_page(shell: Shell, worked: Worked) -> None:
    """A page by its number is the one that cursors lead to; a page that is empty says which one it is."""
    for number in range(5):
        shell.text("trigger", "trip", "--id", f"t-{number}")
    listed = ("instances", "list", "trip", "--per-page", "2")
    pages = [[entry["id"] for entry in shell.json(*listed, "--page", page)] for page in "1234"]
    assert pages == [["t-4", "t-3"], ["t-2", "t-1"], ["t-0"], []]
    result = shell(*listed, "--page", "2")
    assert result.stdout.startswith("Showing 2 instance(s) from page 2:")
    cursor = re.findall(r"--cursor (\d+)", result.stderr)[0]
    assert [entry["id"] for entry in shell.json(*listed, "--cursor", cursor)] == pages[2]
    assert shell.text(*listed, "--page", "4") == 'There are no instances in workflow "trip" on page 4\n'
    said = shell.text(*listed, "--page", "4", "--status", "paused")
    assert said == 'There are no such instances in workflow "trip" on page 4\n'
    assert "either --page or --cursor" in shell.refusal(*listed, "--page", "2", "--cursor", "5", code=2)


def test_an_instance_tells_when_it_was_modified(shell: Shell, worked: Worked) -> None:
    """That is the last change of its status or of its last step of which the journal keeps the time."""
    worked.bring(Trip, "t-1", "waiting")
    (found,) = shell.json("instances", "list", "trip")
    *_, wait = shell.json("instances", "describe", "trip", "t-1")["steps"]
    assert found["modifiedOn"] == wait["start"] > found["startedOn"]
    shell.text("instances", "terminate", "trip", "t-1")
    (found,) = shell.json("instances", "list", "trip")
    assert found["modifiedOn"] == found["endedOn"]


NAMED = ("trip", "t-1")
COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    # command: (arguments that do, that fail, that are wrong usage)
    "list": ((), (), ("--page", "0")),
    "describe": (("trip",), ("trap",), ("trip", "more")),
    "trigger": (("trip", "{}"), ("trap",), ("trip", "{")),
    "versions": (("trip",), ("trap",), ("trip", "more")),
    "delete": (("trip", "--no-wait"), ("trap", "--no-wait"), ("trip", "more")),
    "breaker describe": (("trip",), ("trap",), ("trip", "more")),
    "breaker open": (("trip",), ("trap",), ()),
    "breaker close": (("trip",), ("trap",), ()),
    "jobs list": ((), (), ("--per-page", "0")),
    "jobs describe": (("1",), ("9",), ("one",)),
    "jobs cancel": (("1",), ("9",), ("one",)),
    "tokens list": ((), (), ("more",)),
    "tokens create": (("bob", "--scope", "read"), ("ada", "--scope", "read"), ("eve",)),
    "tokens revoke": (("ada",), ("nobody",), ()),
    "settings": (("trip",), ("trap",), ("trip", "--restart-limit", "many")),
    "instances list": (("trip",), ("trap",), ("trip", "--status", "done")),
    "instances describe": (("trip", "latest"), ("trip", "t-9"), ("trip", "t-1", "--truncate-output-limit", "-1")),
    "instances send-event": ((*NAMED, "--type", "word"), ("trip", "t-9", "--type", "word"), NAMED),
    "instances pause": (NAMED, ("trip", "t-9"), ("trip",)),
    "instances resume": (NAMED, ("trip", "t-9"), ("trip",)),
    "instances terminate": (NAMED, ("trip", "t-9"), ("trip",)),
    "instances restart": (NAMED, ("trip", "t-9"), (*NAMED, "--from-step-count", "1")),
    "instances fork": (NAMED, ("trip", "t-9"), (*NAMED, "--from-step-count", "1")),
    "instances logs": ((*NAMED, "pack-1"), ("trip", "t-9", "pack-1"), NAMED),
    "instances delete": (NAMED, ("trip", "t-9"), ("trip",)),
    "instances terminate-all": (("trip",), ("trap",), ("trip", "--status", "done")),
    "instances bulk": (("pause", "trip", "--no-wait"), ("pause", "trap"), ("explode", "trip")),
}
"""Every command on workflows, instances, jobs and tokens."""

NEVER = {("list", 1), ("jobs list", 1), ("tokens list", 1)}
"""What a command cannot come to: without arguments nothing is unknown."""


def something_of_each(worked: Worked) -> None:
    """An instance, a job that nobody does, and a token, as the table names them."""
    worked.bring(Trip, "t-1", "waiting")
    worked.client.jobs.start("trip", "resume")
    Tokens(worked.client.database, worked.client.catalog.clock).create("ada", "read", created_by="test")


def test_every_command_is_in_the_table() -> None:
    """Whoever adds a command says here how it ends; the others run or serve, or have codes of their own."""
    others = {
        "dev", "worker", "beat", "flower", "api", "migrate", "top", "attention", "audit", "completion", "lint",
        "replay-check",
        "doctor",
    }  # fmt: skip
    found: set[str] = set()
    for name, command in main.commands.items():
        found |= {f"{name} {sub}" for sub in command.commands} if isinstance(command, Group) else {name}
    assert found - others == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_ends_with_the_code_that_is_meant(shell: Shell, worked: Worked, command: str) -> None:
    """0 if it did what it should, with JSON if asked; 1 if that cannot be done; 2 if it was asked wrongly."""
    something_of_each(worked)
    for code, arguments in enumerate(COMMANDS[command]):
        if (command, code) in NEVER:
            continue
        result = shell(*command.split(), *arguments, "--json")
        assert (result.exit_code, arguments) == (code, arguments), result.output
        assert "\x1b" not in result.output
        assert "Traceback" not in result.output
        if code == 0:
            json.loads(result.stdout)
        elif command != "instances delete":  # which tells what it did before it tells what it could not
            assert result.stdout == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_coloured_in_a_pipe(shell: Shell, worked: Worked, command: str) -> None:
    """What somebody may want to search has no escape sequences, whatever a terminal variable says."""
    something_of_each(worked)
    result = shell(*command.split(), *COMMANDS[command][0], TERM="xterm-256color", COLORTERM="truecolor")
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output


def test_a_command_that_only_looks_outlives_a_short_outage(
    shell: Shell, worked: Worked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Postgres cannot be reached, it is asked again a moment later; commands that change something fail at once."""
    there = conninfo_to_dict(conninfo(shell.settings.database_url))
    services = tmp_path / "services"  # without it, nobody knows where Postgres is
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        services.write_text("\n".join(["[late]", *(f"{name}={value}" for name, value in there.items())]))

    monkeypatch.setattr("wf.cli.surroundings.sleep", wait)
    env = {"WF_DATABASE_URL": "postgresql:///?service=late", "PGSERVICEFILE": str(services)}
    assert shell("instances", "pause", "trip", "t-1", **env).exit_code == 1
    assert waits == []
    assert "trip" in shell("list", **env).stdout
    assert waits == [surroundings.AGAIN]
