"""What the shell offers behind TAB."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from click.shell_completion import ShellComplete

from tests.support.cli import Shell, Worked
from tests.support.processes import environment
from wf import WorkflowEntrypoint
from wf.cli import main
from wf.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings


class Guess(WorkflowEntrypoint, name="guess"):
    """Waits for an event."""

    async def run(self, event: Any, step: Any) -> None:
        await step.wait_for_event("word", "spoken", timeout="1 hour")


@pytest.fixture
def worked(settings: Settings) -> Iterator[Worked]:
    with Worked(settings) as made:
        made.bring(Guess, "g-1", "waiting")
        yield made


def offered(*args: str) -> list[str]:
    """What is offered for the last word."""
    *before, begun = args
    return [item.value for item in ShellComplete(main, {}, "wf", "_WF_COMPLETE").get_completions(before, begun)]


@pytest.fixture
def surrounded(settings: Settings, worked: Worked, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(settings, {}).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("surrounded")
def test_names_ids_statuses_and_types_are_offered() -> None:
    """Each where it is asked for, as far as it begins like what is there already."""
    assert offered("instances", "de") == ["delete", "describe"]
    assert offered("describe", "") == offered("versions", "g") == offered("trigger", "gu") == ["guess"]
    assert offered("describe", "x") == []
    for command in ("describe", "pause", "restart", "delete", "terminate"):
        assert offered("instances", command, "guess", "") == ["latest", "g-1"]
    assert offered("instances", "pause", "guess", "g") == ["g-1"]
    assert offered("instances", "list", "guess", "--status", "") == [str(status) for status in Status]
    assert offered("instances", "list", "guess", "--status", "wait") == ["waiting", "waitingForPause"]
    assert offered("instances", "send-event", "guess", "latest", "--type", "") == ["spoken"]
    assert offered("instances", "send-event", "none", "latest", "--type", "") == []


@pytest.mark.usefixtures("surrounded")
def test_without_a_database_nothing_is_offered_soon(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """TAB waits a second at most, and no error is shown."""
    monkeypatch.setenv("WF_DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
    began = time.monotonic()
    assert offered("describe", "") == []
    assert time.monotonic() - began < 5
    monkeypatch.setenv("WF_DATABASE_URL", "")
    assert offered("describe", "") == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("shell", "says"), [("bash", "complete -o"), ("zsh", "#compdef wf"), ("fish", "complete ")])
def test_the_script_is_printed(settings: Settings, shell: str, says: str) -> None:
    """For each shell its own; another one is refused."""
    text = Shell(settings).text("completion", shell)
    assert says in text
    assert "_WF_COMPLETE" in text
    assert Shell(settings)("completion", "csh").exit_code == 2
