"""The commands that pause, resume, restart and delete instances, and the one that shows versions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import Shell, Worked
from tests.support.errands import versions
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wf.core import Event, Step
    from wf.settings import Settings


class Journey(WorkflowEntrypoint, name="moved-journey", schedules="0 12 * * *"):
    """Two steps of one name, then a wait."""

    async def run(self, event: Event, step: Step) -> Any:
        await step.do("leg", lambda: 1)
        await step.do("leg", lambda: 2)
        return (await step.wait_for_event("word", "word", timeout="1 hour")).payload


class Ruin(WorkflowEntrypoint, name="moved-ruin"):
    """A step that can be undone, then a wait."""

    async def run(self, event: Event, step: Step) -> Any:
        await step.do("build", lambda: 1, rollback=lambda _: None)
        await step.wait_for_event("word", "word")


@pytest.fixture
def worked(settings: Settings) -> Iterator[Worked]:
    with Worked(settings) as made:
        made.know(Journey)
        yield made


@pytest.fixture
def shell(settings: Settings, worked: Worked) -> Shell:
    return Shell(settings)


def status(worked: Worked, id: str, workflow: str = "moved-journey") -> str:
    return str(worked.client.workflow(workflow).get(id).status().status)


def actors(worked: Worked) -> list[tuple[str, str]]:
    return [tuple(row) for row in worked.client.database.rows("select actor, action from wf.audit order by id")]


def test_an_instance_is_paused_and_resumed(shell: Shell, worked: Worked) -> None:
    """`pause` and `resume` say what they did, `latest` is the newest instance, and the audit knows who it was."""
    worked.bring(Journey, "j-1", "waiting")
    said = shell.text("instances", "pause", "moved-journey", "latest")
    assert said == '⏸️ The instance "j-1" from moved-journey was paused successfully\n'
    assert status(worked, "j-1") == "paused"
    assert shell.text("instances", "describe", "moved-journey", "j-1").count("⏸️ Paused") == 1
    said = shell.text("instances", "resume", "moved-journey", "latest")
    assert said == '🔄 The instance "j-1" from moved-journey was resumed successfully\n'
    assert actors(worked) == [("cli", "pause"), ("cli", "resume")]


def test_an_instance_is_restarted(shell: Shell, worked: Worked) -> None:
    """`restart` begins anew, `--from-step-name` keeps what comes before that occurrence of the step."""
    worked.bring(Journey, "j-1", "waiting")
    restart = ("instances", "restart", "moved-journey", "latest")
    assert shell.text(*restart) == '🥷 The instance "j-1" from moved-journey was restarted successfully\n'
    assert shell.json("instances", "describe", "moved-journey", "j-1")["steps"] == []
    worked.client.workflow("moved-journey").get("j-1").delete()
    worked.bring(Journey, "j-2", "waiting")
    shell.text(*restart, "--from-step-name", "leg", "--from-step-count", "2", "--from-step-type", "do")
    kept = shell.json("instances", "describe", "moved-journey", "j-2")["steps"]
    assert [(step["name"], step["status"]) for step in kept] == [("leg-1", "complete")]


def test_a_restart_from_an_unknown_step_changes_nothing(shell: Shell, worked: Worked) -> None:
    """A step that is not in the history, or not so often, is an error that names it."""
    worked.bring(Journey, "j-1", "waiting")
    restart = ("instances", "restart", "moved-journey", "j-1", "--from-step-name")
    assert 'Step "arm" not found in execution history' in shell.refusal(*restart, "arm")
    assert "occurrence 3" in shell.refusal(*restart, "leg", "--from-step-count", "3")
    assert "(sleep, occurrence 1)" in shell.refusal(*restart, "leg", "--from-step-type", "sleep")
    assert status(worked, "j-1") == "waiting"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--from-step-count", "1"), "need --from-step-name"),
        (("--from-step-type", "do"), "need --from-step-name"),
        (("--from-step-name", "leg", "--from-step-count", "0"), "--from-step-count"),
        (("--from-step-name", "leg", "--from-step-count", "-1"), "--from-step-count"),
        (("--from-step-name", "leg", "--from-step-type", "rollback"), "--from-step-type"),
    ],
)
def test_wrong_steps_to_restart_from_are_refused(
    shell: Shell, worked: Worked, options: tuple[str, ...], says: str
) -> None:
    """Count and type need a name, the count is positive, and the type is one that can be restarted from."""
    worked.bring(Journey, "j-1", "waiting")
    result = shell("instances", "restart", "moved-journey", "j-1", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
    assert status(worked, "j-1") == "waiting"


def test_terminate_can_roll_back(shell: Shell, worked: Worked) -> None:
    """`terminate --rollback` first undoes the steps; the status says so."""
    worked.bring(Ruin, "r-1", "waiting")
    said = shell.text("instances", "terminate", "moved-ruin", "latest", "--rollback")
    assert said == '🥷 The instance "r-1" from moved-ruin was terminated successfully\n'
    assert "⏪ Rolling Back" in shell.text("instances", "describe", "moved-ruin", "r-1")


def test_programs_get_the_status(shell: Shell, worked: Worked) -> None:
    """With --json, each of these commands prints one document with the instance and its status now."""
    worked.bring(Journey, "j-1", "waiting")
    for command, now in (("pause", "paused"), ("resume", "queued"), ("restart", "queued"), ("terminate", "terminated")):
        assert shell.json("instances", command, "moved-journey", "latest") == {
            "workflow": "moved-journey", "id": "j-1", "status": now,
        }  # fmt: skip


def test_instances_are_deleted(shell: Shell, worked: Worked, tmp_path: Path) -> None:
    """`delete` takes ids, `latest`, and a file with a JSON array of ids; what is deleted is gone."""
    for n in range(1, 6):
        worked.bring(Journey, f"j-{n}", "waiting")
    delete = ("instances", "delete", "moved-journey")
    assert shell.text(*delete, "latest", "j-1") == '🗑️ Deleted workflow instances from "moved-journey": j-5, j-1\n'
    names = tmp_path / "ids.json"
    names.write_text(json.dumps(["j-2", "j-3"]))
    assert shell.json(*delete, "--filename", str(names)) == {"deleted": [{"id": "j-2"}, {"id": "j-3"}], "errors": []}
    assert [entry["id"] for entry in shell.json("instances", "list", "moved-journey")] == ["j-4"]


def test_what_cannot_be_deleted_is_listed(shell: Shell, worked: Worked) -> None:
    """Ids that do not exist are told of line by line and make the command fail; the others are deleted."""
    worked.bring(Journey, "j-1", "waiting")
    result = shell("instances", "delete", "moved-journey", "j-8", "j-1", "j-9")
    assert result.exit_code == 1
    assert result.stdout == '🗑️ Deleted workflow instances from "moved-journey": j-1\n'
    first, *lines = result.stderr.splitlines()
    assert first == "wf: Failed to delete 2 workflow instance(s):"
    assert [line.split(":")[0].strip() for line in lines] == ["j-8", "j-9"]
    assert "has no instance 'j-8'" in lines[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "Error while parsing instance ids"),
        ('{"ids": []}', "must hold a JSON array of texts"),
        ("[1]", "must hold a JSON array of texts"),
        ("[]", "No instance ids are given"),
        (b"\xff\xfe\xfa", "Error while parsing instance ids"),
    ],
)
def test_a_file_that_names_no_ids_is_refused(shell: Shell, tmp_path: Path, content: str | bytes, says: str) -> None:
    """What is no JSON array of ids is wrong usage, and nothing is deleted."""
    names = tmp_path / "ids.json"
    names.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert says in shell.refusal("instances", "delete", "moved-journey", "--filename", str(names), code=2)


def test_no_ids_and_too_many_ids_are_refused(shell: Shell) -> None:
    """`delete` needs an id, and takes no more than one batch may have."""
    assert "No instance ids are given" in shell.refusal("instances", "delete", "moved-journey", code=2)
    many = [f"j-{n}" for n in range(101)]
    assert "100" in shell.refusal("instances", "delete", "moved-journey", *many)


@pytest.mark.parametrize("command", ["pause", "resume", "restart", "terminate", "delete"])
def test_latest_and_missing_instances_are_named(shell: Shell, command: str) -> None:
    """Without any instance, `latest` is refused; so is an unknown workflow, with a suggestion."""
    none = 'wf: There are no instances in workflow "moved-journey"\n'
    assert shell.refusal("instances", command, "moved-journey", "latest") == none
    assert "Did you mean 'moved-journey'?" in shell.refusal("instances", command, "journy", "latest")


@pytest.mark.parametrize("command", ["pause", "resume", "restart", "terminate"])
def test_a_missing_instance_is_named_by_each(shell: Shell, command: str) -> None:
    """An id that does not exist is named with its workflow."""
    assert "'moved-journey' has no instance 'j-9'" in shell.refusal("instances", command, "moved-journey", "j-9")


def test_versions_in_flight_are_shown(shell: Shell, worked: Worked) -> None:
    """`versions` shows what is registered, which is the newest, and how many instances of each are still alive."""
    nine, ten = versions("moved-journey-versions", "9", "10")
    worked.know(nine)
    for id in ("v-1", "v-2"):
        worked.client.workflow(nine).create(id)
    worked.know(ten)
    worked.client.workflow(ten).create("v-3")
    worked.client.workflow("moved-journey-versions").get("v-2").terminate()
    (loose,) = versions("moved-journey-versions", "8")
    worked.client.workflow(loose).create("v-4")
    found = shell.json("versions", "moved-journey-versions")
    assert [(v["version"], v["newest"], v["instances"], v["registeredOn"] is not None) for v in found] == [
        ("10", True, {"queued": 1}, True),
        ("9", False, {"queued": 1}, True),
        ("8", False, {"queued": 1}, False),
    ]
    text = shell.text("versions")
    assert text.startswith("Showing 4 version(s):")
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if "moved-journey" in line]
    assert [row[:2] + row[3:] for row in rows] == [
        ["moved-journey", "1", "✅", "0", "0", "0", "0"],
        ["moved-journey-versions", "10", "✅", "1", "0", "0", "0"],
        ["moved-journey-versions", "9", "", "1", "0", "0", "0"],
        ["moved-journey-versions", "8", "", "1", "0", "0", "0"],
    ]


def test_versions_count_every_live_status(shell: Shell, worked: Worked) -> None:
    """Waiting and paused instances have their columns."""
    worked.bring(Journey, "j-1", "waiting")
    worked.bring(Journey, "j-2", "waiting")
    shell.text("instances", "pause", "moved-journey", "j-2")
    (found,) = shell.json("versions", "moved-journey")
    assert found["instances"] == {"waiting": 1, "paused": 1}
    line = next(line for line in shell.text("versions", "moved-journey").splitlines() if "moved-journey" in line)
    assert [cell.strip() for cell in line.split("│")[5:-1]] == ["0", "0", "1", "1"]


def test_versions_of_an_unknown_workflow_are_refused(shell: Shell) -> None:
    """A name that is not known gets a suggestion."""
    assert "Did you mean 'moved-journey'?" in shell.refusal("versions", "journy")


def test_schedules_of_a_workflow_are_shown(shell: Shell) -> None:
    """`describe` names each cron expression and its next firing, in --json as items."""
    assert "Schedules:" in shell.text("describe", "moved-journey")
    assert "0 12 * * * (next " in shell.text("describe", "moved-journey")
    (schedule,) = shell.json("describe", "moved-journey")["schedules"]
    assert schedule["cron"] == "0 12 * * *"
    assert schedule["nextInstance"].endswith("12:00:00+00:00")
