"""The fixtures that isolate tests from one another."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
import redis

from tests.support import Databases, wait_until
from tests.support.nursery import can_fork, fork
from tests.support.processes import environment
from wf.testing.processes import launch

if TYPE_CHECKING:
    from wf.settings import Settings

ROOT = Path(__file__).parents[2]

ASKS = """
import os, sys, time
from pathlib import Path
from tests.support.nursery import fork
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    child = fork(["-c", "import time; time.sleep(600)"], env=os.environ, cwd=folder, log=folder / "child.log")
    (folder / "new").write_text(str(child.pid))
    (folder / "new").rename(folder / "child")
    time.sleep(600)
"""

TELLS = """
import os, sys
print(__name__, sys.argv, os.getcwd(), sys.path, sorted(os.environ.items()), os.getpgid(0) == os.getpid())
print("said", file=sys.stderr)
sys.exit(3)
"""


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_database_of_its_own(empty_database_url: str, turn: int) -> None:
    """What one test writes is not there in the next."""
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("create table public.mine ()")
        assert connection.execute("select count(*) from public.mine").fetchone() == (0,), turn


def test_a_clone_holds_what_its_template_holds(databases: Databases) -> None:
    """A clone starts with the tables and rows of the template, and leaves the template as it was."""
    template = databases.create()
    with psycopg.connect(databases.url(template)) as connection:
        connection.execute("create table public.rows as select 7 as n")
    with databases.clone(template) as url, psycopg.connect(url) as connection:
        assert connection.execute("delete from public.rows returning n").fetchall() == [(7,)]
    with psycopg.connect(databases.url(template)) as connection:
        assert connection.execute("select n from public.rows").fetchall() == [(7,)]
    databases.drop(template)


def test_dropped_databases_are_gone(databases: Databases) -> None:
    """No test leaves its database behind for longer than the next test takes."""
    with databases.clone("template1") as url, psycopg.connect(url):
        pass
    databases.drop()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_the_shared_redis_answers(redis_url: str) -> None:
    """The Redis of the session is there for every test."""
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_waiting_in_vain_names_what_did_not_happen() -> None:
    """`wait_until` fails with the name of the state and what it saw last."""
    with pytest.raises(AssertionError, match=r"Did not happen in 0\.05 s: the moon is cheese. Last seen: 0"):
        wait_until(lambda: 0, 0.05, "the moon is cheese")


@pytest.mark.parametrize("kind", ["module", "code", "script"])
def test_a_fork_is_what_an_interpreter_would_be(settings: Settings, tmp_path: Path, kind: str) -> None:
    """A process that is forked for a test has the arguments, folder, path, variables, group and exit code of others."""
    (tmp_path / "tells.py").write_text(TELLS)
    first = {"module": ["-m", "tells"], "code": ["-c", TELLS], "script": [str(tmp_path / "tells.py")]}[kind]
    env, told = environment(settings, {"TOLD": "this"}), {}
    assert can_fork(first, env)
    for begin in launch, fork:
        log = tmp_path / f"{begin.__name__}.log"
        child = begin([*first, "and", "more"], env=env, cwd=tmp_path, log=log)
        assert (child.wait(20), child.poll(), child.returncode) == (3, 3, 3)
        told[begin] = log.read_text()
    assert "('TOLD', 'this')" in told[fork]
    assert told[fork] == told[launch]


def test_a_fork_does_not_outlive_the_tests(settings: Settings, tmp_path: Path) -> None:
    """If whoever has asked for it dies by SIGKILL, it gets SIGTERM."""
    log, folder = tmp_path / "log", str(tmp_path)
    (tmp_path / "asks.py").write_text(ASKS)
    asks = launch([str(tmp_path / "asks.py"), folder], env=environment(settings), cwd=ROOT, log=log)
    wait_until(lambda: (tmp_path / "child").exists() or asks.poll() is not None, 30, "the child runs")
    child = psutil.Process(int((tmp_path / "child").read_text()))
    asks.send_signal(signal.SIGKILL)
    asks.wait(20)
    wait_until(lambda: not child.is_running(), 20, "the child is gone")


def test_a_fork_is_killed_like_others(settings: Settings, tmp_path: Path) -> None:
    """Its exit code tells of the signal; and what an interpreter must read at its start, it cannot have."""
    child = fork(["-c", "input('?')"], env=environment(settings), cwd=tmp_path, log=tmp_path / "log")
    assert child.wait(20) == 1, "it has no input"
    child = fork(["-c", "import time; time.sleep(60)"], env=environment(settings), cwd=tmp_path, log=tmp_path / "log")
    assert child.poll() is None
    child.send_signal(signal.SIGKILL)
    assert child.wait(20) == -signal.SIGKILL
    assert not can_fork(["-c", "pass"], environment(settings, {"PYTHONHASHSEED": "1"}))
    assert not can_fork(["-W", "error", "-c", "pass"], environment(settings))
