"""Child processes that Ctrl-C does not reach and that do not outlive us."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Child(Protocol):
    """A child process in a session of its own, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Its number, and that of its group."""

    @property
    def returncode(self) -> int | None:
        """Its exit code, once it was seen to have ended."""

    def poll(self) -> int | None:
        """Its exit code if it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, for so many seconds at most."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal."""


def spawn(argv: Sequence[str], *, last_signal: str = "TERM", **options: Any) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own; where Linux's `setpriv` is at hand, it gets a signal when we die.

    Call it from a thread that lives as long as the child should: Linux means the death of that thread.

    Args:
        argv: The program and its arguments.
        last_signal: What the child gets if this process dies without stopping it, even by SIGKILL.
        **options: Passed on to `subprocess.Popen`.
    """
    return subprocess.Popen([*_leash(last_signal), *argv], start_new_session=True, **options)  # noqa: S603


def end(process: Child, *, ask: signal.Signals = signal.SIGTERM, grace: float = 10.0) -> None:
    """Stop a child of `spawn` and whatever it left behind in its process group.

    Args:
        process: The child.
        ask: The signal that asks it to stop.
        grace: Seconds until SIGKILL.
    """
    if process.poll() is None:
        process.send_signal(ask)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    kill_group(process)


def kill_group(process: Child) -> None:
    """SIGKILL the whole process group of a child of `spawn`, and wait until the child is gone."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@cache
def _leash(last_signal: str) -> list[str]:
    """The prefix of a command that dies with its parent; empty on macOS and with BusyBox's `setpriv`."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    usage = subprocess.run([setpriv, "--help"], capture_output=True, text=True, check=False)  # noqa: S603
    return [setpriv, "--pdeathsig", last_signal, "--"] if "--pdeathsig" in usage.stdout else []
