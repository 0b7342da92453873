"""The commands that act on many instances."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tests.support.cli import Shell
from tests.support.errands import Errand
from tests.support.jobs import fill, statuses, work
from tests.support.processes import environment
from wf.cli import bulk, main
from wf.steering import Steering
from wf_reaper.jobs import JobRunner
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig
    from tests.support.api import Api
    from wf.settings import Settings


@pytest.fixture
def known(rig: Rig) -> Rig:
    rig.workers[0].catalog.register(Errand)
    return rig


@pytest.fixture
def shell(known: Rig) -> Shell:
    return Shell(known.settings)


@pytest.fixture
def reaper(settings: Settings) -> Iterator[None]:
    """Works on jobs beside the test, on the clock of the database."""
    with reaping(settings):
        yield


@contextmanager
def reaping(settings: Settings) -> Iterator[None]:

    runtime, over = Runtime(settings), threading.Event()

    def reap() -> None:
        while not over.wait(0.02):
            JobRunner(runtime).run_once()

    thread = threading.Thread(target=reap, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(20)
        runtime.close()


@pytest.mark.usefixtures("reaper")
def test_delete_removes_a_workflow(known: Rig, shell: Shell) -> None:
    """It waits until the instances and the workflow are gone, and says what to expect."""
    fill(known, "waiting", 3)
    assert shell.text("delete", "errand") == (
        '✅ Workflow "errand" removed successfully.\n'
        "Note that running instances may take a few minutes to be terminated.\n"
    )
    assert statuses(known) == {}
    assert known.sql("select name from wf.workflow") == []
    assert shell.text("jobs", "list") != "There are no jobs\n"


def test_delete_does_not_say_that_it_was_removed_if_it_was_not(
    known: Rig, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says where to look, and ends as what failed."""
    fill(known, "waiting", 1)
    real = Steering._delete

    def delete(self: Any, standing: Any, to: Any) -> Any:
        fill(known, "waiting", 1, prefix=f"new-{standing.key}")
        return real(self, standing, to)

    monkeypatch.setattr(Steering, "_delete", delete)
    with reaping(known.settings):
        told = shell("delete", "errand")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.splitlines()[-1] == "wf: Workflow 'errand' was not removed; see why: wf jobs describe 1"
    assert "Stop what creates them" in shell.text("jobs", "describe", "1")


@pytest.mark.usefixtures("reaper")
def test_delete_tells_programs_the_job(shell: Shell) -> None:
    """One document, when the job has ended."""
    job = shell.json("delete", "errand")
    assert (job["action"], job["status"], job["actor"]) == ("delete_workflow", "complete", "cli")


@pytest.mark.usefixtures("reaper")
def test_bulk_moves_those_that_fit(known: Rig, shell: Shell) -> None:
    """All that is given narrows it down."""
    fill(known, "waiting", 3)
    fill(known, "running", 1)
    fill(known, "paused", 1)
    fill(known, "waiting", 2, prefix="new", version="2", created=86_400)
    fitting = ("--status", "waiting", "--status", "running", "--date-end", "2027-01-15", "--version", "1")
    told = shell.text("instances", "bulk", "terminate", "errand", *fitting)
    assert told == '✅ Job 1 is complete: terminate 4 instance(s) of workflow "errand"\n'
    assert statuses(known) == {"terminated": 4, "paused": 1, "waiting": 2}
    job = shell.json("instances", "bulk", "pause", "errand", "--id", "new-1", "--id", "nobody")
    assert (job["done"], statuses(known)["paused"]) == (1, 2)
    job = shell.json("instances", "bulk", "pause", "errand", "--id", "latest")
    assert (job["filter"], job["done"]) == ({"ids": ["new-2"]}, 1)


def test_a_dry_run_changes_nothing(known: Rig, shell: Shell) -> None:
    """It shows what would be moved and what would not."""
    fill(known, "waiting", 2)
    fill(known, "complete", 1)
    command = ("instances", "bulk", "pause", "errand", "--dry-run")
    told = shell.text(*command)
    assert 'pause would move 2 instance(s) of workflow "errand"; nothing was changed.' in told
    assert "waiting-1, waiting-2" in told
    assert shell.json(*command)["noEffect"] == {"complete": 1}
    assert shell.text("jobs", "list") == "There are no jobs\n"
    assert statuses(known) == {"waiting": 2, "complete": 1}


def test_nobody_needs_to_wait(known: Rig, shell: Shell) -> None:
    """The job goes on by itself; the options reach it."""
    told = shell.text("instances", "bulk", "restart", "errand", "--from-step-name", "nap", "--no-wait")
    assert told == "Job 1 has begun; see how far it is with: wf jobs describe 1\n"
    job = shell.json("jobs", "describe", "1")
    assert job["options"] == {"from_step": {"name": "nap", "count": 1, "type": "do"}}
    assert shell.json("instances", "bulk", "terminate", "errand", "--rollback", "--no-wait")["options"] == {
        "rollback": True
    }


def test_terminate_all_says_whether_it_is_being_done(known: Rig, shell: Shell) -> None:
    """Asked again, it names the job of before; rollbacks that run are left to end."""
    fill(known, "waiting", 2)
    fill(known, "paused", 1)
    fill(known, "rollingBack", 1)
    command = ("instances", "terminate-all", "errand")
    assert shell.text(*command) == '🥷 Job 1 terminates the instances of workflow "errand"\n'
    assert "are being terminated already, by job 1" in shell.text(*command)
    assert "Job 1 is at work already" in shell.refusal(*command, "--status", "paused")
    assert shell.json(*command) == {"status": "already_running", "job_id": 1}
    work(known)
    assert statuses(known) == {"terminated": 3, "rollingBack": 1}


def test_failures_are_told_by_the_exit_code(known: Rig, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """And by a line that says where to look."""
    fill(known, "waiting", 2)
    real = Steering._act

    def act(self: Any, action: Any, workflow: str, id: str, *args: Any, **how: Any) -> Any:
        if id == "waiting-1":
            raise ZeroDivisionError
        return real(self, action, workflow, id, *args, **how)

    monkeypatch.setattr(Steering, "_act", act)
    with reaping(known.settings):
        failed = shell("instances", "bulk", "pause", "errand")
    assert (failed.exit_code, failed.stderr.splitlines()[-1]) == (
        1,
        "wf: 1 instance(s) could not be moved: wf jobs describe 1",
    )
    told = shell.text("jobs", "describe", "1", "--watch")
    assert "100 %: 1 done and 1 failed of 2" in told
    assert "waiting-1" in told
    assert "internal_server" in told


def test_jobs_are_listed_and_cancelled(known: Rig, shell: Shell) -> None:
    """The list is of all workflows or of one, in pages."""
    for action in ("pause", "resume"):
        shell.text("instances", "bulk", action, "errand", "--no-wait")
    assert shell.text("jobs", "cancel", "1") == "🚫 Job 1 was cancelled after 0 of 0 instance(s)\n"
    assert [job["status"] for job in shell.json("jobs", "list", "errand")] == ["queued", "cancelled"]
    page = shell("jobs", "list", "--per-page", "1")
    assert "resume" in page.stdout
    assert page.stderr == "There are more; go on with --cursor 2\n"
    assert shell.text("jobs", "list", "other") == 'There are no jobs of workflow "other"\n'
    for command in ("describe", "cancel"):
        assert "There is no job 9" in shell.refusal("jobs", command, "9")


@pytest.mark.parametrize(("answer", "jobs"), [("n\n", 0), ("y\n", 1)])
def test_somebody_at_a_terminal_is_asked(
    known: Rig, shell: Shell, monkeypatch: pytest.MonkeyPatch, answer: str, jobs: int
) -> None:
    """With the number of instances in the question; `--yes` answers it."""

    class Terminal:
        """A standard input that is one."""

        @staticmethod
        def isatty() -> bool:
            return True

    fill(known, "waiting", 3)
    monkeypatch.setattr(bulk, "sys", type("sys", (), {"stdin": Terminal}))
    command = ["instances", "bulk", "pause", "errand", "--no-wait"]
    asked = CliRunner().invoke(main, command, env=environment(known.settings), input=answer)
    assert "Pause 3 instance(s) of workflow errand? [y/N]" in asked.stderr
    assert asked.exit_code == (0 if jobs else 1)
    assert len(shell.json("jobs", "list")) == jobs
    shell.text("delete", "errand", "--yes", "--no-wait")


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (("delete", "errnd"), 1, "Did you mean 'errand'?"),
        (("instances", "bulk", "pause", "errand", "--status", "done"), 2, 'invalid status "done"'),
        (("instances", "bulk", "pause", "errand", "--rollback"), 1, "pause has no option 'rollback'"),
        (("instances", "bulk", "restart", "errand", "--from-step-count", "2"), 2, "need --from-step-name"),
        (("instances", "bulk", "pause", "errand", "--date-start", "soon"), 2, "is not an ISO 8601 date"),
        (("instances", "bulk", "pause", "errand", *["--id", "a"] * 101), 1, "at most 100 items"),
    ],
)
def test_wrong_usage_is_refused(shell: Shell, command: tuple[str, ...], code: int, says: str) -> None:
    """On one line, before anything is begun."""
    assert says in shell.refusal(*command, code=code)
    assert shell.json("jobs", "list") == []


def test_an_api_serves_as_well(known: Rig, shell: Shell, api: Api) -> None:
    """The same words without Postgres and Redis at hand; the job tells that it came that way."""
    nowhere = {"WF_DATABASE_URL": "", "WF_REDIS_URL": "", "WF_API_URL": api.url}

    def remote(*args: str) -> str:
        done = shell(*args, **nowhere)
        assert done.exit_code == 0, done.output
        return done.stdout

    fill(known, "waiting", 3)
    fill(known, "complete", 1)
    preview = ("instances", "bulk", "pause", "errand", "--dry-run", "--status", "waiting", "--json")
    assert remote(*preview) == shell.text(*preview)
    restart = ("instances", "bulk", "restart", "errand", "--from-step-name", "nap", "--no-wait", "--json")
    assert json.loads(remote(*restart))["options"] == {"from_step": {"name": "nap", "count": 1, "type": "do"}}
    terminate = ("instances", "terminate-all", "errand")
    assert remote(*terminate) == '🥷 Job 2 terminates the instances of workflow "errand"\n'
    assert remote(*terminate) == shell.text(*terminate)
    assert remote(*terminate, "--json") == shell.text(*terminate, "--json")
    other = shell(*terminate, "--status", "paused", **nowhere)
    assert (other.exit_code, other.stderr) == (1, shell.refusal(*terminate, "--status", "paused"))
    work(known)
    for command in (("jobs", "list"), ("jobs", "list", "errand", "--json"), ("jobs", "describe", "1", "--watch")):
        assert remote(*command) == shell.text(*command)
    assert known.client.jobs.get(2).actor == "api:local"
    removal = json.loads(remote("delete", "errand", "--no-wait", "--json"))
    assert removal["action"] == "delete_workflow"
    assert "was cancelled" in remote("jobs", "cancel", str(removal["id"]))
    missing = shell("jobs", "describe", "99", **nowhere)
    assert (missing.exit_code, missing.stderr) == (1, shell.refusal("jobs", "describe", "99"))
