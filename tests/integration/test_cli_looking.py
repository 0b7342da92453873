"""The commands that show workflows and instances."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.support.cli import Shell, Worked
from wf import WorkflowEntrypoint
from wf.answers import Answer
from wf.cli.watching import view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.core import Event, Step
    from wf.settings import Settings

SOON = {"retries": {"limit": 3, "delay": "1 ms", "backoff": "constant"}}


class Tour(WorkflowEntrypoint, name="tour"):
    """Fails once, sleeps a moment, waits for an event, and gives what JSON cannot say."""

    async def run(self, event: Event, step: Step) -> Any:
        await step.do("[red]greet[/red]", lambda: "[bold]hi[/bold] \x1b[31m" + "x" * 40)

        def flaky(ctx: Any) -> int:
            if ctx.attempt == 1:
                raise ConnectionError("no [link]route[/link]")
            return int(ctx.attempt)

        await step.do("flaky", flaky, config=SOON)
        await step.sleep("nap", "1 ms")
        review = await step.wait_for_event("review", "approved", timeout="1 hour")
        return {"by": review.payload, "cost": Decimal("2.50"), "at": datetime(2026, 1, 2, tzinfo=UTC), "set": {1}}


class Broken(WorkflowEntrypoint, name="broken"):
    """Fails for good."""

    async def run(self, event: Event, step: Step) -> Any:
        def give_up() -> None:
            raise ValueError("nothing [i]left[/i]")

        await step.do("give up", give_up, config={"retries": {"limit": 0}})


class Undone(WorkflowEntrypoint, name="undone"):
    """Fails after a step that has a rollback, which fails if the payload says so."""

    async def run(self, event: Event, step: Step) -> Any:
        def undo() -> None:
            if event.payload["stuck"]:
                raise OSError("no way back")

        once = {"retries": {"limit": 0}}
        await step.do("book", lambda: 1, rollback=undo, rollback_config=once)
        await step.do("pay", lambda: 2, rollback=lambda: None)
        raise ValueError("sold out")


@pytest.fixture
def shell(settings: Settings) -> Shell:
    return Shell(settings)


@pytest.fixture
def worked(settings: Settings) -> Iterator[Worked]:
    with Worked(settings) as made:
        yield made


def labels(text: str) -> dict[str, str]:
    """The first value of each label."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := re.match(r" *(\S[^:]*):  +(.*)", line):
            found.setdefault(match[1], match[2])
    return found


def test_list_says_what_to_do_when_there_is_nothing(shell: Shell) -> None:
    """Without workflows, `wf list` says how to get some, and --json gives an empty list."""
    assert "wf worker MODULE" in shell.text("list")
    assert shell.json("list") == []


def test_workflows_are_listed_with_their_instances(shell: Shell, worked: Worked) -> None:
    """`wf list` shows each workflow with the number of its instances, `wf describe` that of each status."""
    worked.know(Tour)
    worked.bring(Broken, "b", "errored")
    text = shell.text("list")
    assert text.startswith("Showing 2 workflow(s) from page 1:")
    assert re.search(
        r"broken +│ tests.integration.test_cli_looking +│ Broken +│ (\d{4}-\S+ \S+ UTC +│ ){2}1 +│ 1 errored +│", text
    )
    assert re.search(r"tour +│ tests.integration.test_cli_looking +│ Tour +│ (\d{4}-\S+ \S+ UTC +│ ){2}1 +│ +│", text)
    counts = labels(shell.text("describe", "broken"))
    assert (counts["Name"], counts["❌ Errored"], counts["✅ Completed"]) == ("broken", "1", "0")
    assert shell.json("describe", "broken")["instances"] == {"errored": 1}


def test_a_waiting_instance_shows_what_it_waits_for(shell: Shell, worked: Worked) -> None:
    """A description shows status, steps, the failed attempt, retries, and when the instance wakes up next."""
    worked.bring(Tour, "t-1", "waiting", {"n": 1})
    text = shell.text("instances", "describe", "tour", "t-1")
    head, *steps = text.split("\n\n")
    shown = labels(head)
    assert shown["Status"] == "⏰ Waiting"
    assert shown["Params"] == '{"n": 1}'
    assert (shown["Retries"], shown["Recoveries"]) == ("1", "0")
    assert shown["Last Successful Step"] == "nap-1"
    assert re.search(r"UTC \(in (1 h|59 min \d+ s)\)$", shown["Next Wake-up"])
    assert [labels(step)["Type"] for step in steps] == ["🎯 Step", "🎯 Step", "💤 Sleeping", "👀 Waiting for event"]
    assert [labels(step)["Success"] for step in steps] == ["✅ Yes", "✅ Yes", "✅ Yes", "▶ Running"]
    assert re.search(r"❌ Error +│ ConnectionError: no \[link\]route\[/link\]", steps[1])
    assert "✅ Success" in steps[1]
    assert labels(steps[3])["Event Type"] == "approved"


def test_what_users_wrote_is_shown_as_text(shell: Shell, worked: Worked) -> None:
    """Markup in names and outputs is shown as it is, and control characters cannot reach the terminal."""
    worked.bring(Tour, "t-1", "waiting")
    text = shell.text("instances", "describe", "tour", "t-1")
    assert "[red]greet[/red]-1" in text
    assert '"[bold]hi[/bold] \\u001b[31mxxx' in text
    assert "\x1b" not in text


def test_outputs_can_be_cut_or_left_out(shell: Shell, worked: Worked) -> None:
    """--truncate-output-limit cuts outputs with a mark; --no-step-output leaves them out, in JSON, too."""
    worked.bring(Tour, "t-1", "waiting")
    describe = ("instances", "describe", "tour", "t-1")
    assert '  "[bold]hi[[...output truncated]\n' in shell.text(*describe, "--truncate-output-limit", "10")
    assert "[bold]hi" not in shell.text(*describe, "--no-step-output")
    assert "output" not in shell.json(*describe, "--no-step-output")["steps"][0]


def test_json_has_everything_as_json(shell: Shell, worked: Worked) -> None:
    """--json gives one document with the answer's own names, times in ISO 8601, and JSON for what is not JSON."""
    worked.bring(Tour, "t-1", "waiting")
    shell.text("instances", "send-event", "tour", "t-1", "--type", "approved", "--payload", '"me"')
    worked.go_on(Tour, "t-1", "complete")
    found = shell.json("instances", "describe", "tour", "t-1")
    assert found["output"] == {"by": "me", "cost": "2.50", "at": "2026-01-02T00:00:00+00:00", "set": [1]}
    assert datetime.fromisoformat(found["queued"]) > datetime.now(UTC) - timedelta(minutes=1)
    assert (found["success"], found["retries"], found["nextWake"]) == (True, 1, None)
    assert [attempt["outcome"] for attempt in found["steps"][1]["attempts"]] == ["errored", "complete"]


def test_an_errored_instance_shows_its_error(shell: Shell, worked: Worked) -> None:
    """The error stands at the instance, at the step and in the table of attempts."""
    worked.bring(Broken, "b", "errored")
    text = shell.text("instances", "describe", "broken")
    assert labels(text)["Status"] == "❌ Errored"
    assert labels(text)["Success"] == "❌ No"
    assert text.count("ValueError: nothing [i]left[/i]") == 3


@pytest.mark.parametrize(("stuck", "shown"), [(False, "✅ Complete"), (True, "❌ Failed with OSError: no way back")])
def test_what_became_of_a_rollback_is_shown(shell: Shell, worked: Worked, *, stuck: bool, shown: str) -> None:
    """It stands beside the error, and a handler does not count as the last step that went well."""
    worked.bring(Undone, "u", "errored", {"stuck": stuck})
    found = labels(shell.text("instances", "describe", "undone", "u"))
    assert (found["Error"], found["Rollback"]) == ("ValueError: sold out", shown)
    assert found["Last Successful Step"] == "pay-1"


def test_instances_are_listed_newest_first_in_pages(shell: Shell, worked: Worked) -> None:
    """A page says where the next one begins; --reverse begins with the oldest; `latest` is the newest."""
    worked.know(Tour)
    for number in range(3):
        shell.text("trigger", "tour", "--id", f"t-{number}")
    page = shell("instances", "list", "tour", "--per-page", "2", "--json")
    cursor = re.search(r"--cursor (\d+)", page.stderr)
    assert cursor
    assert [entry["id"] for entry in shell.json("instances", "list", "tour", "--cursor", cursor[1])] == ["t-0"]
    assert [entry["id"] for entry in shell.json("instances", "list", "tour", "--reverse")] == ["t-0", "t-1", "t-2"]
    assert labels(shell.text("instances", "describe", "tour"))["Instance Id"] == "t-2"
    text = shell.text("instances", "list", "tour")
    assert text.startswith("Showing 3 instance(s) from page 1:")
    assert text.count("⌛ Queued") == 3


def test_instances_are_filtered(shell: Shell, worked: Worked) -> None:
    """Status and dates filter; an end without a time means the whole of that day; nothing found says so."""
    worked.bring(Broken, "b", "errored")
    today, ids = datetime.now(UTC).date().isoformat(), [["b"], []]

    def listed(*options: str) -> list[str]:
        return [entry["id"] for entry in shell.json("instances", "list", "broken", *options)]

    assert [listed("--error", text) for text in ("NOTHING [i]left", "no such")] == ids
    assert [listed("--id", beginning, "--version", "1") for beginning in ("b", "c")] == ids
    assert [listed("--search", text) for text in ("{}", "[]")] == ids

    assert [listed("--status", status) for status in ("errored", "running")] == ids
    assert [listed("--date-end", day) for day in (today, "2020-01-01")] == ids
    assert [listed("--date-start", day) for day in ("2020-01-01T10:00", "2999-01-01")] == ids
    assert "no such instances" in shell.text("instances", "list", "broken", "--status", "running")
    worked.know(Tour)
    assert shell.text("instances", "list", "tour") == 'There are no instances in workflow "tour"\n'


def test_watch_ends_when_the_instance_has_ended(shell: Shell, worked: Worked) -> None:
    """Without a terminal, --watch waits for the end and prints the description once."""
    worked.bring(Broken, "b", "errored")
    text = shell.text("instances", "describe", "broken", "--watch")
    assert text.count("Workflow Name:") == 1
    assert shell.json("instances", "describe", "broken", "--watch")["status"] == "errored"


@pytest.mark.parametrize("height", [16, 24])
def test_the_live_view_fits_the_terminal(worked: Worked, height: int) -> None:
    """However many steps there are, the view is no higher and no wider than the terminal and shows the newest step."""
    worked.bring(Tour, "t-1", "waiting", "a long text " * 30)
    found = worked.client.workflow(Tour).get("t-1").describe()
    found["steps"] = found.steps * 10
    found.steps[-2].update(name="a long name " * 10, success=False, status="errored")
    found.steps[-2]["error"] = Answer(name="ValueError", message="a long story " * 30)
    console = Console(file=StringIO(), width=80, height=height, markup=False)
    console.print(view(found, height))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # it is the StringIO
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= 80
    assert any("review-1" in line and "👀 Waiting for event" in line for line in lines)
    assert any("a long" in line and "❌ Error" in line and "ValueEr" in line for line in lines)
    assert any("earlier step(s) are not shown" in line for line in lines)
