"""`wf dev`, and the commands of other terminals that find its servers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support import wait_until
from tests.support.web import free_port, status_of
from wf.dev.pages import page_urls
from wf.dev.process import kill_group, spawn
from wf.dev.run import _children

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings

_ROOT = Path(__file__).parents[2]
WORKFLOW = """
from wf import WorkflowEntrypoint

class Greet(WorkflowEntrypoint, name="greet"):
    async def run(self, event, step):
        return await step.do("greet", lambda: f"hello {event.payload}")
"""


class Terminal:
    """A folder and the variables of somebody who has set nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("WF_", "FLOWER_"))}
        self.env["PYTHONPATH"] = os.pathsep.join(str(_ROOT / part) for part in ("", "tasks", "reaper", "api"))
        self.log = folder / "dev.log"
        self.started: list[subprocess.Popen[bytes]] = []
        (folder / "greetings.py").write_text(WORKFLOW)

    def dev(self, *args: str, **env: str) -> subprocess.Popen[bytes]:
        """Start `wf dev`."""
        with self.log.open("wb") as output:
            argv = [sys.executable, "-m", "wf", "dev", *args]
            process = spawn(argv, cwd=self.folder, env={**self.env, **env}, stdout=output, stderr=output)
        self.started.append(process)
        return process

    def ready(self, workers: int) -> None:
        """Wait until the workers work."""
        line = re.compile(r"^worker\S* +\| .* ready\.$", re.MULTILINE)
        wait_until(lambda: len(line.findall(self.text())) == workers, 60, f"{workers} workers are ready")

    def wf(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run another command to its end."""
        argv = [sys.executable, "-m", "wf", *args]
        return subprocess.run(
            argv, cwd=self.folder, env={**self.env, **env}, capture_output=True, text=True, timeout=60, check=False
        )

    def text(self) -> str:
        """What `wf dev` has printed."""
        return self.log.read_text(errors="replace")


def urls(database_url: str, settings: Settings) -> dict[str, str]:
    """Variables with which `wf dev` starts no servers."""
    return {
        "WF_DATABASE_URL": database_url,
        "WF_REDIS_URL": settings.redis_url,
        "WF_QUEUE": settings.queue,
        "WF_KEY_PREFIX": settings.key_prefix,
    }


@pytest.fixture
def terminal(servers_folder: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """Not in pytest's own folder, whose parents are closed to the account of Postgres."""
    folder = servers_folder / re.sub(r"\W", "-", request.node.name)
    folder.mkdir()
    made = Terminal(folder)
    yield made
    for process in made.started:
        kill_group(process)  # takes its children along


def test_dev_runs_everything_and_stops_it(terminal: Terminal) -> None:
    """Without any setting, `wf dev` runs workflows, other commands find it, and Ctrl-C leaves no process behind."""
    port = free_port()
    dev = terminal.dev("greetings", "--workers", "2", "--no-flower", WF_API_PORT=str(port))
    terminal.ready(2)
    wait_until(lambda: "beat: Starting..." in terminal.text(), 30, "beat has started")
    wait_until(lambda: f"wf api listens on http://127.0.0.1:{port}\n" in terminal.text(), 30, "the API has started")
    assert status_of(f"http://127.0.0.1:{port}/readyz") == 200
    assert re.search(r"^export WF_DATABASE_URL=.*\nexport WF_REDIS_URL=", terminal.text(), re.MULTILINE)
    assert (terminal.folder / ".wf/env").stat().st_mode & 0o777 == 0o600
    assert terminal.wf("trigger", "greet", '"you"', "--id", "g-1").returncode == 0
    watched = terminal.wf("instances", "describe", "greet", "--watch")
    assert 'Output:                "hello you"' in watched.stdout, watched
    family = psutil.Process(dev.pid).children(recursive=True)
    assert len(family) >= 6  # two workers, beat, API, two servers
    assert not re.search(r"^(flower |Flower)", terminal.text(), re.MULTILINE)
    dev.send_signal(signal.SIGINT)
    assert dev.wait(40) == 0, terminal.text()
    assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert not (terminal.folder / ".wf/env").exists()
    assert "WF_DATABASE_URL is not set. Set it, or start `wf dev` in this folder." in terminal.wf("list").stderr


def test_dev_uses_the_servers_that_are_set(terminal: Terminal, empty_database_url: str, settings: Settings) -> None:
    """It migrates the given database. Flower has a login of its own, told once, and kept; each side knows the other."""
    ports = {"WF_API_PORT": str(free_port()), "FLOWER_PORT": str(free_port())}
    dev = terminal.dev("greetings", **urls(empty_database_url, settings), **ports)
    url = f"http://127.0.0.1:{ports['FLOWER_PORT']}"
    wait_until(lambda: status_of(f"{url}/workers"), 60, "Flower answers")
    (password,) = re.findall(rf"^Flower:    {url} \(user wf, password (\S+)\)$", terminal.text(), re.MULTILINE)
    assert f"\nDashboard: http://127.0.0.1:{ports['WF_API_PORT']}\n" in terminal.text().partition(" | ")[0]
    login = f"wf:{password}"
    assert [status_of(f"{url}/workers", given) for given in ("", "wf:wrong", login)] == [401, 401, 200]
    kept = terminal.folder / ".wf/flower"
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (f"{login}\n", 0o600)
    assert terminal.text().count(password) == 1
    family = {" ".join(one.cmdline()): one.environ() for one in psutil.Process(dev.pid).children()}
    assert not any(password in line for line in family)
    for line, variables in family.items():
        assert variables["WF_FLOWER_URL"] == url
        assert variables["WF_DASHBOARD_URL"] == f"http://127.0.0.1:{ports['WF_API_PORT']}"
        assert ("FLOWER_BASIC_AUTH" in variables) == line.endswith(" flower")
    terminal.ready(1)
    assert {path.name for path in (terminal.folder / ".wf").iterdir()} == {"env", "flower"}  # no server
    names = terminal.wf("list", "--json", WF_DATABASE_URL=empty_database_url)
    assert '"name": "greet"' in names.stdout
    dev.send_signal(signal.SIGTERM)
    assert dev.wait(40) == 0, terminal.text()


def test_dev_starts_what_is_wanted() -> None:
    """Neither the API nor Flower without it, and no page of theirs is told of."""
    for wanted in product((False, True), repeat=2):
        flower, api = wanted
        children = _children({}, ["greetings"], 1, flower=flower, api=api, login="")
        assert [child.name for child in children] == ["worker", "beat", *(["api"] * api), *(["flower"] * flower)]
        told = page_urls({}, flower=flower, api=api)
        assert ("WF_FLOWER_URL" in told, "WF_DASHBOARD_URL" in told) == wanted


def test_a_session_that_was_killed_is_named(terminal: Terminal) -> None:
    """If the servers of `wf dev` have gone without a word, other commands say what to do."""
    note = terminal.folder / ".wf/env"
    note.parent.mkdir()
    note.write_text("export WF_DATABASE_URL=postgresql://127.0.0.1:1/x\nexport WF_REDIS_URL=redis://127.0.0.1:1/0\n")
    done = terminal.wf("list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("wf: The Postgres of `wf dev` does not answer")
    assert "Start `wf dev` again" in done.stderr


def test_other_servers_are_not_mixed_with_those_of_dev(terminal: Terminal) -> None:
    """Whoever names another database than that of `wf dev` does not get its Redis."""
    note = terminal.folder / ".wf/env"
    note.parent.mkdir()
    note.write_text("export WF_DATABASE_URL=postgresql://127.0.0.1:1/x\nexport WF_REDIS_URL=redis://127.0.0.1:1/0\n")
    done = terminal.wf("trigger", "greet", WF_DATABASE_URL="postgresql://127.0.0.1:1/other")
    assert "WF_REDIS_URL is not set" in done.stderr


def test_help_is_there_without_any_setting(terminal: Terminal) -> None:
    """`wf --help` names every command."""
    said = terminal.wf("--help").stdout
    for name in ("dev", "worker", "beat", "flower", "api", "migrate", "list", "tokens", "instances"):
        assert re.search(rf"^  {name} +\w", said, re.MULTILINE), said
