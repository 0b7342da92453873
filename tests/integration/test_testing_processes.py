"""`wf.testing` for a user's project: a worker that finds its modules, and logs of a test that fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import Processes
from wf.testing import crashpoints
from wf.testing.processes import Process, environment
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from wf.settings import Settings

ROOT = Path(__file__).parents[2]
PLUGIN = """
import pytest
from wf import Settings

@pytest.fixture
def wf_settings():
    return Settings()
"""
WORKFLOW = """
from wf import WorkflowEntrypoint

class Greet(WorkflowEntrypoint, name="greet"):
    async def run(self, event, step):
        return await step.do("greet", lambda: f"hello {event.payload}")
"""
TEST = """
import sys
from wf import Client

def greet(wf_settings, wf_processes):
    doomed = wf_processes.worker("greetings", kill_at="in_user_code")
    with Client(settings=wf_settings) as client:
        instance = client.workflow("greet").create("g-1", "you")
        assert doomed.wait() == -9
        wf_processes.worker("greetings")
        return instance.result(timeout=20)

def test_it_greets(wf_settings, wf_processes):
    assert greet(wf_settings, wf_processes) == "hello you"
    assert "celery" not in sys.modules

def test_it_does_not(wf_settings, wf_processes):
    print(wf_processes.run("-c", "print('by a process')").stdout)
    wf_processes.worker("greetings")
    raise ZeroDivisionError
"""


def test_a_users_project_starts_its_workers(settings: Settings, tmp_path: Path) -> None:
    """Modules are found by pytest's `pythonpath`; of the test that fails, and of no other, the logs are shown."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "greetings.py").write_text(WORKFLOW)
    (tmp_path / "conftest.py").write_text(PLUGIN)
    (tmp_path / "test_greetings.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npythonpath = src .\naddopts = -p wf.testing.plugin -p no:cacheprovider"
    )
    quick = settings.model_copy(update={"lease": 1.0, "renudge": 1.0, "alarm_tick": 0.2})
    path = os.pathsep.join(str(ROOT / part) for part in ("", "tasks", "reaper", "api"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--color=no"], cwd=tmp_path, capture_output=True, text=True,
        env=environment(quick, {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}), timeout=100, check=False,
    )  # fmt: skip
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("log of worker-") == 1
    assert "by a process" in done.stdout
    assert " ready." in done.stdout


def test_a_process_that_ends_too_early_is_told_with_its_log(processes: Processes) -> None:
    """The error says how it ended; what it has printed is in the notes."""
    with pytest.raises(AssertionError, match="server-1 ended with 3 before it was ready") as caught:
        processes.start("server", "-c", "print('no port'); raise SystemExit(3)", ready="listens")
    assert caught.value.__notes__ == ["no port\n"]


def test_all_processes_are_gone_when_the_block_ends(settings: Settings, tmp_path: Path) -> None:
    """Those that would go on for ever are killed, and each is told by its own log."""
    code = "import time\nprint('up')\ntime.sleep(600)"
    with Processes(settings, tmp_path) as started:
        both: list[Process] = [started.start(name, "-c", code, ready="up") for name in ("one", "two")]
        assert [process.is_running() for process in both] == [True, True]
    assert [process.wait() for process in both] == [-9, -9]
    assert started.logs() == {"one-1": "up\n", "two-2": "up\n"}


def test_settings_reach_the_process_and_none_leaks(
    settings: Settings, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that is None is unset there, whatever the environment of the tests says; what is given wins."""
    monkeypatch.setenv("WF_QUEUE_PREFIX", "leaked")
    code = "from wf import Settings\nfound = Settings()\nprint(found.queue, found.queue_prefix, found.workflows)"
    plain = settings.model_copy(update={"queue_prefix": None})
    shown = processes.run("-c", code, settings=plain, WF_WORKFLOWS="mine")
    assert shown.stdout.split() == [settings.queue, "None", "mine"], shown.stderr


def test_modules_are_found_in_the_current_folder_last(tmp_path: Path, settings: Settings) -> None:
    """PYTHONPATH comes first, then what is given, then the folder in which the tests run."""
    found = environment(settings, {"PYTHONPATH": "/a"}, paths=[tmp_path])["PYTHONPATH"]
    assert found.split(os.pathsep) == ["/a", str(tmp_path), str(Path.cwd())]


def test_a_point_that_does_not_exist_is_refused(processes: Processes) -> None:
    """A misspelt point would never be reached, so it is an error, which names those there are."""
    with pytest.raises(ValueError, match=r"There is no crash point 'in_code'; there are before_claim, .*, before_note"):
        processes.worker("greetings", kill_at="in_code")


def test_a_worker_cannot_both_die_and_be_held(processes: Processes) -> None:
    """It has one point."""
    with pytest.raises(ValueError, match="either kill_at= or hold_at="):
        processes.worker("greetings", kill_at=crashpoints.AFTER_CLAIM, hold_at=crashpoints.AFTER_CLAIM)


def test_every_point_is_explained() -> None:
    """The module tells of each what is done and what is not."""
    points = (
        *crashpoints.POINTS, *crashpoints.TRANSACTION_POINTS, *crashpoints.JOB_POINTS, *crashpoints.CLIENT_POINTS,
        *crashpoints.BEAT_POINTS,
    )  # fmt: skip
    lines = (crashpoints.__doc__ or "").splitlines()
    assert [line.split()[0] for line in lines if line.startswith("    ")] == list(points)


def test_waiting_in_vain_tells_what_was_seen_last() -> None:
    """The message has the limit, what should have happened, and the last answer."""
    with pytest.raises(AssertionError, match=r"Did not happen in 0\.05 s: rain\. Last seen: 0"):
        wait_until(lambda: 0, 0.05, "rain")
