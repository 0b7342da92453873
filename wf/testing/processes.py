"""Real workers, beats and other programs, each a process with a group of its own, to be stopped or killed.

They are started as in production, by `python -m wf worker ...`, so that the process of the tests needs no Celery. They
find modules as the tests do: in PYTHONPATH, in pytest's `pythonpath` and in the current folder.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar

from wf.dev.process import Child, end, kill_group, spawn
from wf.testing.crashpoints import CrashPoint
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wf.settings import Settings

READY_LIMIT = 30.0
"""Seconds within which a process must be ready."""

_WORKER_READY = " ready."
_BEAT_READY = "beat: Starting..."


def environment(
    settings: Settings, extra: Mapping[str, str] | None = None, *, paths: Iterable[Path | str] = ()
) -> dict[str, str]:
    """The variables with which a process has these settings, and finds the modules that the tests find.

    Args:
        settings: Handed over as `WF_...` variables.
        extra: More variables; they win.
        paths: Where to look for modules after PYTHONPATH and before the current folder.
    """
    variables = dict(os.environ)
    for field, value in settings.model_dump().items():
        name = f"WF_{field.upper()}"
        if value is None:
            variables.pop(name, None)
        else:
            variables[name] = str(value)
    variables |= {"PYTHONUNBUFFERED": "1", **(extra or {})}
    found = [variables.get("PYTHONPATH", ""), *map(str, paths), str(Path.cwd())]
    return variables | {"PYTHONPATH": os.pathsep.join(filter(None, found))}


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Launcher(Protocol):
    """Begins `python ARGV` in a session of its own, with its output in a log."""

    def __call__(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> Child:
        """Begin it; what it prints is added to the log."""


def launch(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> Child:
    """Begin `python ARGV` as a shell would.

    Args:
        argv: What follows `python`.
        env: All variables.
        cwd: The working directory.
        log: What it prints is added to.
    """
    with log.open("ab") as output:
        return spawn(
            [sys.executable, *argv], env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )


class Process:
    """`python ...` with its log in a file. It does not outlive the tests.

    Attributes:
        name: For messages and the log's name.
        pid: Of the process, and of its group.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        folder: Path,
        ready: str | Callable[[], Any],
        cwd: Path | None = None,
        launcher: Launcher = launch,
    ) -> None:
        """Start it and wait until it is ready.

        Args:
            name: For messages and the log's name.
            argv: What follows `python`.
            env: All variables, see `environment`.
            folder: The place of the log.
            ready: Part of the log line after which the process does its work, or what is true from then on.
            cwd: The working directory; the folder by default.
            launcher: Begins it.

        Raises:
            AssertionError: It has ended, or is not ready within `READY_LIMIT`; the log is in the error's notes.
        """
        self.name, self._ready, self._killed = name, ready, False
        self._log = folder / f"{name}.log"
        self._process = launcher(argv, env=env, cwd=cwd or folder, log=self._log)
        self.pid = self._process.pid
        try:
            wait_until(self._is_ready, READY_LIMIT, f"{name} logs {ready!r}" if isinstance(ready, str) else name)
        except BaseException as error:
            self.kill()
            error.add_note(self.log())
            raise

    def log(self) -> str:
        """Everything it has printed."""
        return self._log.read_text(errors="replace")

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait(self, timeout: float = 20.0) -> int:
        """Wait until it has ended by itself, and give its exit code; -9 after SIGKILL.

        Raises:
            AssertionError: It still runs after so many seconds.
        """
        wait_until(lambda: not self.is_running(), timeout, f"{self.name} ends")
        return self._process.wait()

    def kill(self) -> None:
        """SIGKILL it and its children, once: afterwards its number may be somebody else's."""
        if not self._killed:
            kill_group(self._process)
        self._killed = True

    def stop(self, grace: float = 20.0) -> None:
        """SIGTERM it and wait until it is gone; SIGKILL after the grace, in seconds."""
        end(self._process, grace=grace)

    def _is_ready(self) -> bool:
        assert self.is_running(), f"{self.name} ended with {self._process.returncode} before it was ready"
        return self._ready in self.log() if isinstance(self._ready, str) else bool(self._ready())


class WorkerProcess(Process):
    """A worker."""

    def __init__(self, *given: Any, point: CrashPoint | None = None, **named: Any) -> None:
        """Start it, see `Process`; the point is the one of its WF_CRASH_POINT."""
        self._point = point
        super().__init__(*given, **named)

    @property
    def point(self) -> CrashPoint:
        """Where it dies or is held."""
        assert self._point is not None, f"{self.name} was started without kill_at= and hold_at="
        return self._point


P = TypeVar("P", bound=Process)


class Processes:
    """Starts the processes of one test; all are gone when the `with` block ends."""

    launcher: ClassVar[Launcher] = staticmethod(launch)

    def __init__(self, settings: Settings, folder: Path, *, paths: Iterable[Path | str] = ()) -> None:
        """Start none yet.

        Args:
            settings: For those that get no others.
            folder: For their logs; and where they run, if nothing else is said.
            paths: Where they look for modules after PYTHONPATH and before the current folder.
        """
        self._settings, self._folder, self._paths = settings, folder, list(paths)
        self._started: list[Process] = []

    def worker(
        self,
        module: str,
        *,
        settings: Settings | None = None,
        concurrency: int = 1,
        args: Sequence[str] = (),
        kill_at: str | None = None,
        hold_at: str | None = None,
        **env: str,
    ) -> WorkerProcess:
        """Start `wf worker MODULE` and wait until it takes tasks.

        Args:
            module: Where the workflows are.
            settings: In place of those of the test.
            concurrency: Steps at a time.
            args: More arguments of `wf worker`.
            kill_at: A point of `wf.testing.crashpoints`: whoever reaches it first dies there by SIGKILL.
            hold_at: The same, but it stops there, until `worker.point.release()`.
            **env: Variables on top.

        Raises:
            ValueError: There is no such point, or there are two.
        """
        if kill_at and hold_at:
            raise ValueError("worker() takes either kill_at= or hold_at=.")
        name, point = self._name("worker"), None
        if at := kill_at or hold_at:
            point = CrashPoint(at, "kill" if kill_at else "hold", self._folder / f"{name}.point")
            env["WF_CRASH_POINT"] = point.variable
        argv = ["-m", "wf", "worker", module, "--concurrency", str(concurrency), *args]
        return self._begin(WorkerProcess, name, argv, env=self._env(settings, env), ready=_WORKER_READY, point=point)

    def beat(self, *, settings: Settings | None = None, args: Sequence[str] = (), **env: str) -> Process:
        """Start `wf beat` and wait until it sends alarms.

        Args:
            settings: In place of those of the test.
            args: More arguments of `wf beat`.
            **env: Variables on top.
        """
        argv = ["-m", "wf", "beat", *args]
        return self._begin(Process, self._name("beat"), argv, env=self._env(settings, env), ready=_BEAT_READY)

    def celery_worker(self, app: str, *args: str, settings: Settings | None = None, **env: str) -> WorkerProcess:
        """Start `celery -A APP worker`, for an app of your own, and wait until it takes tasks."""
        name = self._name("worker")
        argv = ["-m", "celery", "-A", app, "worker", "--loglevel", "info", "--hostname", f"{name}@%h", *args]
        return self._begin(WorkerProcess, name, argv, env=self._env(settings, env), ready=_WORKER_READY)

    def celery_beat(self, app: str, *args: str, settings: Settings | None = None, **env: str) -> Process:
        """Start `celery -A APP beat`, for an app of your own, and wait until it runs."""
        argv = ["-m", "celery", "-A", app, "beat", "--loglevel", "info", *args]
        return self._begin(Process, self._name("beat"), argv, env=self._env(settings, env), ready=_BEAT_READY)

    def start(
        self,
        name: str,
        *argv: str,
        ready: str | Callable[[], Any],
        settings: Settings | None = None,
        cwd: Path | None = None,
        **env: str,
    ) -> Process:
        """Start `python ARGV`, a web server for example, and wait until it is ready.

        Args:
            name: For messages and the log; it gets a number.
            *argv: What follows `python`: a script, or `-m` and a module.
            ready: Part of the log line after which the process does its work, or what is true from then on.
            settings: In place of those of the test.
            cwd: The working directory; that of the logs by default.
            **env: Variables on top.
        """
        return self._begin(Process, self._name(name), argv, env=self._env(settings, env), ready=ready, cwd=cwd)

    def run(
        self,
        *argv: str,
        settings: Settings | None = None,
        cwd: Path | None = None,
        timeout: float = 60.0,
        **env: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run `python ARGV` to its end, whatever its exit code; its output is text.

        Args:
            *argv: What follows `python`: a script, or `-m` and a module.
            settings: In place of those of the test.
            cwd: The working directory; that of the logs by default.
            timeout: Seconds.
            **env: Variables on top.

        Raises:
            TimeoutExpired: It did not end in time.
        """
        return subprocess.run(  # noqa: S603
            [sys.executable, *argv], env=self._env(settings, env), cwd=cwd or self._folder,
            capture_output=True, text=True, errors="replace", timeout=timeout, check=False,
        )  # fmt: skip

    def logs(self) -> dict[str, str]:
        """What each has printed."""
        return {process.name: process.log() for process in self._started}

    def kill(self) -> None:
        """SIGKILL all."""
        for process in self._started:
            process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _name(self, kind: str) -> str:
        return f"{kind}-{len(self._started) + 1}"

    def _begin(self, kind: type[P], name: str, argv: Sequence[str], **how: Any) -> P:
        process = kind(name, argv, folder=self._folder, launcher=self.launcher, **how)
        self._started.append(process)
        return process

    def _env(self, settings: Settings | None, extra: Mapping[str, str]) -> dict[str, str]:
        return environment(settings or self._settings, extra, paths=self._paths)
