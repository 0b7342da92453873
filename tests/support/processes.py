"""Real workers and beats, each a process with a group of its own, to be stopped or killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.waiting import wait_until
from wf.dev.process import end, kill_group, spawn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wf.settings import Settings

_ROOT = Path(__file__).parents[2]
_SOURCES = [_ROOT, *(_ROOT / name for name in ("tasks", "reaper", "api"))]
_READY_LIMIT = 30.0  # seconds


def environment(settings: Settings, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables with which a process has these settings and finds our sources, those of PYTHONPATH first."""
    variables = {f"WF_{name.upper()}": str(value) for name, value in settings.model_dump(exclude_none=True).items()}
    merged = {**os.environ, "PYTHONUNBUFFERED": "1", **variables, **(extra or {})}
    merged["PYTHONPATH"] = os.pathsep.join([*filter(None, [merged.get("PYTHONPATH")]), *map(str, _SOURCES)])
    return merged


class Process:
    """`python -m wf ...` with its log in a file.

    Attributes:
        module: What stands for `wf`.
        name: For messages and the log's name.
        pid: Of the process, and of its group.
    """

    module = "wf"
    ready_line = ""  # part of the log line after which the process does its work

    def __init__(self, name: str, argv: Sequence[str], settings: Settings, folder: Path, **extra: str) -> None:
        """Start it and wait until it is ready.

        Args:
            name: For messages and the log's name.
            argv: What follows `python -m` and the module.
            settings: Handed over as `WF_...` variables.
            folder: The working directory and the place of the log.
            **extra: Variables on top.
        """
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as output:
            self._process = spawn(
                [sys.executable, "-m", self.module, *argv],
                env=environment(settings, extra),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.pid = self._process.pid
        try:
            wait_until(self._is_ready, _READY_LIMIT, f"{name} logs {self.ready_line!r}")
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

    def kill(self) -> None:
        """SIGKILL it and its children, and wait until it is gone."""
        kill_group(self._process)

    def stop(self, grace: float = 20.0) -> None:
        """SIGTERM it and wait until it is gone; SIGKILL after the grace, in seconds."""
        end(self._process, grace=grace)

    def _is_ready(self) -> bool:
        assert self.is_running(), f"{self.name} ended with {self._process.returncode} before it was ready"
        return self.ready_line in self.log()


class WorkerProcess(Process):
    """`wf worker MODULE`."""

    ready_line = " ready."

    def __init__(
        self,
        module: str,
        settings: Settings,
        folder: Path,
        *,
        concurrency: int = 1,
        args: Sequence[str] = (),
        name: str = "worker",
        **extra: str,
    ) -> None:
        """Start it and wait until it takes tasks.

        Args:
            module: Where the workflows are; importable from the root of the repository or from PYTHONPATH in `extra`.
            settings: Handed over as `WF_...` variables.
            folder: The working directory and the place of the log.
            concurrency: Child processes.
            args: More arguments of `wf worker`.
            name: For messages and the log's name.
            **extra: Variables on top.
        """
        argv = ["worker", module, "--concurrency", str(concurrency), *args]
        super().__init__(name, argv, settings, folder, **extra)


class BeatProcess(Process):
    """`wf beat`."""

    ready_line = "beat: Starting..."

    def __init__(
        self, settings: Settings, folder: Path, *, args: Sequence[str] = (), name: str = "beat", **extra: str
    ) -> None:
        """Start it and wait until it sends alarms.

        Args:
            settings: Handed over as `WF_...` variables.
            folder: The working directory, the place of the log and of its schedule.
            args: More arguments of `wf beat`.
            name: For messages and the log's name.
            **extra: Variables on top.
        """
        super().__init__(name, ["beat", *args], settings, folder, **extra)


class CeleryWorkerProcess(Process):
    """`celery -A APP worker`."""

    module = "celery"
    ready_line = " ready."


class CeleryBeatProcess(Process):
    """`celery -A APP beat`."""

    module = "celery"
    ready_line = "beat: Starting..."


class Processes:
    """Starts the workers and beats of one test; all are gone when it ends."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Start none yet.

        Args:
            settings: For those that get no others.
            folder: For their logs.
        """
        self._settings = settings
        self._folder = folder
        self._started: list[Process] = []

    def worker(
        self,
        module: str,
        *,
        settings: Settings | None = None,
        concurrency: int = 1,
        args: Sequence[str] = (),
        **env: str,
    ) -> WorkerProcess:
        """Start a worker and wait until it takes tasks; see `WorkerProcess`."""
        name = f"worker-{len(self._started) + 1}"
        worker = WorkerProcess(
            module, settings or self._settings, self._folder, concurrency=concurrency, args=args, name=name, **env
        )
        self._started.append(worker)
        return worker

    def beat(self, *, settings: Settings | None = None, args: Sequence[str] = (), **env: str) -> BeatProcess:
        """Start a beat and wait until it sends alarms; see `BeatProcess`."""
        name = f"beat-{len(self._started) + 1}"
        beat = BeatProcess(settings or self._settings, self._folder, args=args, name=name, **env)
        self._started.append(beat)
        return beat

    def celery_worker(self, app: str, *args: str, settings: Settings, **env: str) -> CeleryWorkerProcess:
        """Start a worker of a team's own app and wait until it takes tasks."""
        name = f"worker-{len(self._started) + 1}"
        argv = ["-A", app, "worker", "--loglevel", "info", "--hostname", f"{name}@%h", *args]
        worker = CeleryWorkerProcess(name, argv, settings, self._folder, **env)
        self._started.append(worker)
        return worker

    def celery_beat(self, app: str, *, settings: Settings, **env: str) -> CeleryBeatProcess:
        """Start the beat of a team's own app and wait until it runs."""
        name = f"beat-{len(self._started) + 1}"
        beat = CeleryBeatProcess(name, ["-A", app, "beat", "--loglevel", "info"], settings, self._folder, **env)
        self._started.append(beat)
        return beat

    def logs(self) -> dict[str, str]:
        """What each has printed."""
        return {process.name: process.log() for process in self._started}

    def kill(self) -> None:
        """SIGKILL all."""
        for process in self._started:
            process.kill()
