"""`wf worker`, `wf beat`, `wf flower`, and Celery's own commands, each in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support import Processes, wait_until
from tests.support.processes import environment
from tests.support.web import free_port, status_of
from wf.client import Client
from wf.dev.process import end, spawn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wf.settings import Settings

WORKFLOW = """
from wf import WorkflowEntrypoint

class Greet(WorkflowEntrypoint, name="greet"):
    async def run(self, event, step):
        return await step.do("greet", lambda: f"hello {event.payload}")
"""


class Spawned:
    """A process whose log a test reads."""

    def __init__(self, argv: list[str], settings: Settings, folder: Path, **env: str) -> None:
        self.log = folder / "process.log"
        with self.log.open("wb") as output:
            self.process = spawn(
                [sys.executable, *argv], env=environment(settings, env), cwd=folder, stdout=output, stderr=output
            )

    def says(self, text: str) -> None:
        """Wait until the log holds a text."""
        wait_until(lambda: self.process.poll() is not None or text in self.text(), 30, f"{text!r} in the log")
        assert text in self.text(), self.text()

    def text(self) -> str:
        return self.log.read_text(errors="replace")


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[type]:
    """Starts one process in a folder with a module `greetings`."""
    (tmp_path / "greetings.py").write_text(WORKFLOW)
    started: list[Spawned] = []

    class Started(Spawned):
        def __init__(self, *argv: str, **env: str) -> None:
            super().__init__(list(argv), settings, tmp_path, **env)
            started.append(self)

    yield Started
    for one in started:
        end(one.process)


def run_one(settings: Settings) -> object:
    with Client(settings=settings) as client:
        wait_until(lambda: "greet" in client.catalog.workflows(), 20, "the worker has registered its workflow")
        return client.workflow("greet").create(params="you").result(timeout=20)


@pytest.mark.parametrize("pool", ["threads", "prefork", "solo"])
def test_a_worker_runs_the_workflows_of_the_current_folder(
    settings: Settings, processes: Processes, tmp_path: Path, pool: str
) -> None:
    """`wf worker MODULE` imports the module from the current folder and runs its workflows, on every pool."""
    (tmp_path / "greetings.py").write_text(WORKFLOW)
    worker = processes.worker("greetings", args=("--pool", pool))
    assert run_one(settings) == "hello you"
    assert bool(psutil.Process(worker.pid).children()) == (pool == "prefork")
    worker.stop()
    assert "Warm shutdown" in worker.log()


def test_a_worker_takes_modules_and_queue_from_options(settings: Settings, start: type) -> None:
    """WF_WORKFLOWS takes the place of MODULE, and --queue that of WF_QUEUE."""
    queue = settings.queue
    worker = start("-m", "wf", "worker", "--queue", queue, WF_WORKFLOWS="greetings", WF_QUEUE="elsewhere")
    worker.says(" ready.")
    assert run_one(settings) == "hello you"


def test_a_celery_broker_of_another_app_is_not_ours(settings: Settings, start: type) -> None:
    """CELERY_BROKER_URL, set for the user's own app, does not lead the worker to another broker."""
    start("-m", "wf", "worker", "greetings", CELERY_BROKER_URL="redis://127.0.0.1:1/0").says(" ready.")
    assert run_one(settings) == "hello you"


@pytest.mark.parametrize(
    ("module", "content", "says"),
    [
        ("nowhere", "", "The module 'nowhere' of workflows cannot be imported: ModuleNotFoundError"),
        ("broken", "1 / 0", "The module 'broken' of workflows cannot be imported: ZeroDivisionError: division by zero"),
        ("celeryconfig", "1 / 0", "celeryconfig.py cannot be imported: ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(
    settings: Settings, tmp_path: Path, module: str, content: str, says: str
) -> None:
    """The worker says on one line which module is broken and why, and ends with exit code 1."""
    if content:
        (tmp_path / f"{module}.py").write_text(content)
    argv = [sys.executable, "-m", "wf", "worker", module]
    done = subprocess.run(
        argv, env=environment(settings), cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"wf: {says}")
    assert done.stderr.count("\n") == 1


def test_beat_ticks_without_a_line_a_second(settings: Settings, processes: Processes) -> None:
    """`wf beat` puts alarms into their queue and does not log each one."""
    beat = processes.beat()
    with Client(settings=settings) as client:
        redis = client.dispatcher._redis
        key = f"{settings.key_prefix}{settings.queue}.alarm"
        wait_until(lambda: redis.llen(key), what="an alarm is in the queue")
    assert "Sending due task" not in beat.log()


@pytest.mark.parametrize("argv", [["wf", "flower"], ["celery", "-A", "wf_tasks", "flower", "--address=127.0.0.1"]])
def test_flower_answers_to_those_who_may_see_it(start: type, argv: list[str]) -> None:
    """Flower listens, and asks for the user and password of FLOWER_BASIC_AUTH; also started by Celery."""
    port = free_port()
    flower = start("-m", *argv, FLOWER_PORT=str(port), FLOWER_BASIC_AUTH="me:secret")
    url = f"http://127.0.0.1:{port}/workers"
    wait_until(lambda: flower.process.poll() is not None or status_of(url), 30, "Flower answers")
    assert (status_of(url), status_of(url, "me:wrong"), status_of(url, "me:secret")) == (401, 401, 200), flower.text()


def test_flower_listens_on_loopback(start: type) -> None:
    """Unless told otherwise, nobody outside this machine can reach Flower."""
    port = free_port()
    flower = start("-m", "wf", "flower", "--port", str(port))
    flower.says(f"Visit me at http://127.0.0.1:{port}")
    listening = [c.laddr for c in psutil.Process(flower.process.pid).net_connections("tcp") if c.status == "LISTEN"]
    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", port)]


def test_flower_says_that_its_port_is_taken(start: type) -> None:
    """In one line, with exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flower = start("-m", "wf", "flower", "--port", str(port))
        flower.says(f"wf: Cannot listen on 127.0.0.1, port {port}: ")
        assert flower.process.wait(20) == 1
    assert "Traceback" not in flower.text()


def test_plain_celery_runs_a_worker(settings: Settings, start: type) -> None:
    """`celery -A wf_tasks worker` runs workflows, with the settings of `celeryconfig.py`."""
    worker = start("-m", "celery", "-A", "wf_tasks", "worker", "--loglevel", "info", WF_WORKFLOWS="greetings")
    worker.says(" ready.")
    assert run_one(settings) == "hello you"


def test_plain_celery_reads_celeryconfig(start: type, tmp_path: Path) -> None:
    """`celeryconfig.py` of the current folder overlays our settings."""
    (tmp_path / "celeryconfig.py").write_text("worker_concurrency = 7\n")
    worker = start("-m", "celery", "-A", "wf_tasks", "worker", "--loglevel", "info", WF_WORKFLOWS="greetings")
    worker.says(" ready.")
    assert "concurrency: 7 " in worker.text()


def test_plain_celery_runs_beat(settings: Settings, start: type) -> None:
    """`celery -A wf_tasks beat` ticks, and leaves no schedule file behind."""
    beat = start("-m", "celery", "-A", "wf_tasks", "beat", "--loglevel", "info")
    beat.says("beat: Starting...")
    with Client(settings=settings) as client:
        key = f"{settings.key_prefix}{settings.queue}.alarm"
        wait_until(lambda: client.dispatcher._redis.llen(key), what="an alarm is in the queue")
    assert not list(beat.log.parent.glob("celerybeat-schedule*"))


def test_the_command_line_starts_without_what_it_does_not_need() -> None:
    """`wf --help` and the import of `wf` load neither Celery nor SQLAlchemy nor pydantic, which take half a second."""
    code = "import sys, wf.cli; print({'celery', 'sqlalchemy', 'pydantic'} & set(sys.modules))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "set()\n"
