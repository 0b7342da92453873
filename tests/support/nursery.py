"""Processes that are forked from one that has imported what they need: most of what a worker's start costs is imports.

Whatever else `python ARGV` does at its start, a child does too: with the environment, the folder and the log that it
was given. Python's own `multiprocessing` forks them, from a server that has one thread and no connection.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from io import TextIOWrapper
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from wf.dev.process import kill_group
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.context import ForkServerProcess

PRELOADED = (
    "celery.app.amqp", "celery.app.control", "celery.app.events", "celery.app.log", "celery.app.routes",
    "celery.apps.beat", "celery.apps.worker", "celery.bin.celery", "celery.concurrency.prefork",
    "celery.concurrency.thread", "celery.fixups.django", "celery.worker.autoscale", "celery.worker.components",
    "celery.worker.consumer", "celery.worker.consumer.delayed_delivery", "celery.worker.strategy", "croniter",
    "django.core.management", "django.db.models", "django.forms", "django.http", "django.template",
    "kombu.transport.redis", "pydantic_settings", "rich.console", "rich.table",
    "sqlalchemy.dialects.postgresql.psycopg", "uvicorn", "wf.cli.processes", "wf_api.app", "wf_reaper.tasks",
    "wf_tasks.mounting", "wf_tasks.pool", "wf_tasks.runtime", "wf_tasks.serving", "wf_tasks.transport",
)  # fmt: skip
"""Modules that do not look at the environment when they are imported; with all that they import."""

_READ = {"PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
"""Variables of the interpreter that a child heeds; with others it has to be a new one."""

_PR_SET_PDEATHSIG = 1  # Linux

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, *PRELOADED])
_installed = [path for path in sys.path if path]


class Fork:
    """A child; what tests use of `subprocess.Popen`.

    Attributes:
        pid: Its number, and that of its group.
    """

    def __init__(self, process: ForkServerProcess) -> None:
        assert process.pid is not None, "it was started"
        self._process, self.pid = process, process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code if it has ended; -9 after SIGKILL."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The exit code if it has ended."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended.

        Raises:
            TimeoutExpired: Not within so many seconds.
        """
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)


def can_fork(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a child can be that: no option and no variable is for the start of an interpreter."""
    told = {name for name in env.keys() | os.environ.keys() if name.startswith("PYTHON")} - _READ
    options = argv[0].startswith("-") and argv[0] not in {"-m", "-c"}
    return sys.platform == "linux" and not options and all(env.get(name) == os.environ.get(name) for name in told)


def fork(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, errors: Path | None = None) -> Fork:
    """Begin `python ARGV` in a session of its own; it gets SIGTERM when this process dies.

    Args:
        argv: `-m MODULE`, `-c CODE` or a script, and its arguments.
        env: All variables.
        cwd: The working directory.
        log: What it prints is added to.
        errors: The same for its standard error, if that goes elsewhere.
    """
    given = (list(argv), dict(env), cwd, log, errors or log)
    process = _context.Process(target=_become, args=given, name="MainProcess")
    for told in {log, errors or log}:
        told.touch()
    process.start()
    child = Fork(process)
    wait_until(lambda: child.poll() is not None or _leads(child.pid), what=f"{argv} leads a group, to be killed as one")
    return child


def run(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run `python ARGV` to its end; its output is text.

    Raises:
        TimeoutExpired: It did not end within so many seconds.
    """
    with TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        child = fork(argv, env=env, cwd=cwd, log=out, errors=err)
        try:
            code = child.wait(timeout)
        finally:
            kill_group(child)
        return subprocess.CompletedProcess(
            argv, code, out.read_text(errors="replace"), err.read_text(errors="replace")
        )  # fmt: skip


def _leads(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:  # it has ended
        return True


def _become(argv: list[str], env: dict[str, str], cwd: Path, log: Path, errors: Path) -> None:
    """Be `python ARGV` from here on."""
    gc.freeze()  # a collection would look at, and so copy, all that was imported
    os.setsid()
    _leash()
    _print_to(log, errors)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    importlib.reload(sys.modules["wf.crashpoints"])  # it does look at the environment
    sys.argv = argv[1:] if argv[0] == "-m" else argv
    here = {"-m": str(cwd), "-c": ""}.get(argv[0], str(Path(argv[0]).parent.absolute()))
    given = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = dict.fromkeys([here, *given, *_installed])
    try:
        match argv:
            case ["-m", module, *_]:
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            case ["-c", code, *_]:
                sys.argv = ["-c", *argv[2:]]
                exec(code, {"__name__": "__main__"})
            case _:
                runpy.run_path(str(Path(argv[0]).absolute()), run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves by os._exit


def _leash() -> None:
    """Get SIGTERM when the tests die: the server goes with them, as no child keeps its pipe to them open."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    server: Any = vars(forkserver)["_forkserver"]
    os.close(server._forkserver_alive_fd)


def _print_to(log: Path, errors: Path) -> None:
    for stream, path in (sys.stdout, log), (sys.stderr, errors):
        assert isinstance(stream, TextIOWrapper), "the server has those of an interpreter"
        opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(opened, stream.fileno())
        os.close(opened)
        stream.reconfigure(line_buffering=True)
