"""The processes of the demonstration: each with a log of its own, none left behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from wf.dev.process import kill_group, spawn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).parent


class FailedError(Exception):
    """The demonstration did not succeed; the text says why."""


class Stage:
    """Starts processes in the folder of the example and stops all of them at the end of a `with` block."""

    def __init__(self, logs: Path, env: Mapping[str, str]) -> None:
        self._logs, self._env = logs, {**os.environ, **env}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.terminate()  # all at once, so that their goodbyes overlap
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            kill_group(process)

    def run(self, name: str, *argv: str) -> None:
        """Run a command to its end.

        Raises:
            FailedError: It ended with an error.
        """
        self.start(name, *argv).wait()
        process = self._running.pop(name)
        if process.returncode:
            raise FailedError(f"{name} ended with exit code {process.returncode}.\n{self.tail(name)}")

    def start(self, name: str, *argv: str) -> subprocess.Popen[bytes]:
        """Start a process that runs until it is stopped."""
        with self.log(name).open("wb") as log:
            process = spawn(argv, cwd=HERE, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._running[name] = process
        return process

    def kill(self, pid: int) -> str:
        """SIGKILL the process that `pid` belongs to, with everything it started; gives its name.

        Raises:
            FailedError: It is none of ours.
        """
        group = os.getpgid(pid)
        for name, process in self._running.items():
            if process.pid == group:
                kill_group(self._running.pop(name))
                return name
        raise FailedError(f"Process {pid} belongs to none of {', '.join(self._running)}.")

    def check(self) -> None:
        """See that everything still runs.

        Raises:
            FailedError: A process has ended.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise FailedError(f"{name} has ended with {process.returncode}.\n{self.tail(name)}")

    def says(self, name: str, words: str) -> bool:
        """Whether these words are in the log of a process."""
        return words in self.log(name).read_text(errors="replace")

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self._logs / f"{name}.log"

    def tail(self, name: str) -> str:
        """The end of a log."""
        lines = self.log(name).read_text(errors="replace").splitlines()[-15:]
        return "\n".join([f"The end of {self.log(name)}:", *lines])


@contextmanager
def emptied(folder: Path) -> Iterator[None]:
    """Make a folder, or empty it if it is one of ours, and keep other demonstrations out of it.

    Raises:
        FailedError: It holds something else, or is in use.
    """
    mark = folder / "demonstration"
    if folder.exists() and any(folder.iterdir()) and not mark.exists():
        raise FailedError(f"{folder} holds something that is not ours, and it would be emptied: choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    with mark.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FailedError(
                f"Another demonstration runs in {folder}: wait for it, or choose another folder."
            ) from None
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path != mark:
                path.unlink()
        yield


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
