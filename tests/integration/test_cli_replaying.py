"""`wf replay-check`: journals against today's code, for CI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import Shell, Worked
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wf.core import Event, Step
    from wf.settings import Settings


def declare(workflow: str, step_name: str) -> type[WorkflowEntrypoint]:
    """A workflow with a step of this name, and a wait."""

    class Declared(WorkflowEntrypoint, name=workflow):
        async def run(self, event: Event, step: Step) -> Any:
            await step.do(step_name, lambda: 1)
            await step.wait_for_event("word", "word")

    return Declared


@pytest.fixture
def worked(settings: Settings) -> Iterator[Worked]:
    with Worked(settings) as made:
        yield made


@pytest.fixture
def shell(settings: Settings, worked: Worked) -> Shell:
    return Shell(settings)


def test_journals_that_replay_are_counted(shell: Shell, worked: Worked) -> None:
    """One line says how many, and the exit code is 0; other workflows and statuses can be left out."""
    worked.bring(declare("checked-good", "one"), "i-1", "waiting")
    worked.bring(declare("checked-bad", "one"), "i-1", "waiting")
    declare("checked-bad", "two")
    assert shell.text("replay-check", "--workflow", "checked-good") == "✅ 1 checked, 0 do not replay.\n"
    counted = shell.text("replay-check", "--workflow", "checked-bad", "--status", "complete", "--status", "paused")
    assert counted == "✅ 0 checked, 0 do not replay.\n"


def test_journals_that_do_not_are_shown(shell: Shell, worked: Worked) -> None:
    """Each with both sides, up to the limit; the exit code is 1, and JSON tells the same."""
    cls = declare("checked-shown", "one")
    for id in ("i-1", "i-2"):
        worked.bring(cls, id, "waiting")
    declare("checked-shown", "two")
    result = shell("replay-check", "--workflow", "checked-shown", "--limit", "1")
    assert (result.exit_code, result.stderr) == (1, "")
    first, *lines = result.stdout.splitlines()
    assert first == '❌ checked-shown "i-2" (version 1, waiting)'
    assert [line.split()[:4] for line in lines if line.startswith(">")] == [[">", "#1", "do", '"one"']]
    assert lines[-1] == "1 checked, 1 do not replay."
    result = shell("replay-check", "--workflow", "checked-shown", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["checked"], told["skipped"]) == (1, 2, [])
    failure = told["failures"][1]
    assert (failure["workflow"], failure["id"], failure["version"], failure["status"], failure["generation"]) == (
        "checked-shown", "i-1", "1", "waiting", 1,
    )  # fmt: skip
    assert failure["recorded"][0] == '#1 do "one" count 1 → complete'
    assert failure["asked"][0].startswith('do "two" count 1  ')
    assert "the code asks for now" in failure["explanation"]


def test_what_cannot_be_checked_is_told(shell: Shell, worked: Worked) -> None:
    """A journal that cannot be read has a line of its own, and the exit code is 2."""
    worked.bring(declare("checked-damaged", "one"), "i-1", "waiting")
    worked.client.database.rows("update wf.step set output = 'x'")
    result = shell("replay-check", "--workflow", "checked-damaged")
    assert result.exit_code == 2
    skipped, counted = result.stdout.splitlines()
    assert skipped.startswith('❓ checked-damaged "i-1": its journal cannot be read: CodecError')
    assert counted == "0 checked, 0 do not replay. 1 could not be checked."


def test_wrong_questions_are_refused(shell: Shell) -> None:
    """A module, a workflow or a status that there is not, and a journal that does not answer: one line, exit code 2."""
    declare("checked-known", "one")
    assert "cannot be imported" in shell.refusal("replay-check", "no_such_module", code=2)
    assert "Did you mean" in shell.refusal("replay-check", "--workflow", "checked-knwon", code=2)
    assert "invalid status" in shell.refusal("replay-check", "--status", "done", code=2)
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    assert "does not answer" in shell.refusal("replay-check", code=2, WF_DATABASE_URL=nowhere)


def test_modules_are_imported(shell: Shell, worked: Worked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workflows of the modules that are named are checked, as a worker would run them."""
    worked.bring(declare("checked-module", "one"), "i-1", "waiting")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checked_module.py").write_text(
        "from wf import WorkflowEntrypoint\n"
        "class Module(WorkflowEntrypoint, name='checked-module'):\n"
        "    async def run(self, event, step):\n"
        "        await step.do('One', lambda: 1)\n"
    )
    result = shell("replay-check", "checked_module", "--workflow", "checked-module")
    assert result.exit_code == 1
    assert "checked_module.py:4" in result.stdout
    assert 'Did you mean "one"?' in result.stdout
