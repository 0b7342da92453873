"""The supervisor of `wf dev`, with real processes."""

from __future__ import annotations

import signal
import sys
import textwrap
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support import wait_until
from wf.dev.process import kill_group, spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_SUPERVISE = """
import pathlib, sys
from wf.dev.supervisor import Child, Supervisor
programs = [pathlib.Path(name) for name in sys.argv[2:]]
children = [Child(program.stem, [sys.executable, str(program)], {"GREETING": "up"}) for program in programs]
Supervisor(children, grace=float(sys.argv[1])).run()
print("all gone", flush=True)
"""

_OBEYS = """
    import os, signal, time
    def stop(*_):
        print("bye", flush=True)
        raise SystemExit
    signal.signal(signal.SIGTERM, stop)
    print(os.environ["GREETING"], flush=True)
    time.sleep(600)
"""
_REFUSES = """
    import signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("grandchild", grandchild.pid, flush=True)
    time.sleep(600)
"""
_DIES_ONCE = """
    import pathlib, sys, time
    marker = pathlib.Path(__file__).with_suffix(".marker")
    if not marker.exists():
        marker.touch()
        print("no newline at the end", end="", flush=True)
        sys.exit(3)
    print("second life", flush=True)
    time.sleep(600)
"""


class Supervised:
    """A supervisor in a process of its own, as `wf dev` is."""

    def __init__(self, folder: Path, grace: float, children: dict[str, str]) -> None:
        self._output = folder / "output"
        programs = [folder / f"{name}.py" for name in children]
        for program, code in zip(programs, children.values(), strict=True):
            program.write_text(textwrap.dedent(code))
        with self._output.open("wb") as output:
            argv = [sys.executable, "-c", _SUPERVISE, str(grace), *map(str, programs)]
            self.process = spawn(argv, stdout=output, stderr=output)

    def lines(self) -> list[str]:
        return self._output.read_text().splitlines()

    def wait_for(self, text: str) -> str:
        """Wait for a line that holds this text, and give what follows it."""
        wait_until(lambda: text in self._output.read_text(), what=f"the supervisor prints {text!r}")
        return next(line.partition(text)[2] for line in self.lines() if text in line)


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    started: list[Supervised] = []

    def start(grace: float = 30, **children: str) -> Supervised:
        started.append(Supervised(tmp_path, grace, children))
        return started[-1]

    yield start
    for supervised in started:
        kill_group(supervised.process)


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_children_in_order(supervise: Callable[..., Supervised], number: signal.Signals) -> None:
    """Ctrl-C or SIGTERM: the first child has said goodbye before the second is asked to stop; then `run` comes back."""
    supervised = supervise(first=_OBEYS, second=_OBEYS)
    supervised.wait_for("first  | up")
    supervised.wait_for("second | up")

    supervised.process.send_signal(number)

    assert supervised.process.wait(20) == 0
    assert supervised.lines()[-5:] == [
        "first  | stopping",
        "first  | bye",
        "second | stopping",
        "second | bye",
        "all gone",
    ]


def test_a_child_that_refuses_is_killed_with_its_own_children(supervise: Callable[..., Supervised]) -> None:
    """When the grace is over, SIGKILL ends the whole process group, so that no pool process is left behind."""
    supervised = supervise(grace=0.2, stubborn=_REFUSES)
    grandchild = int(supervised.wait_for("grandchild "))

    supervised.process.terminate()

    assert supervised.process.wait(20) == 0
    assert "stubborn | killed: it did not stop in time" in supervised.lines()
    wait_until(lambda: _is_gone(grandchild), what="the grandchild is gone")


def test_a_second_signal_ends_the_grace(supervise: Callable[..., Supervised]) -> None:
    """Who presses Ctrl-C twice does not wait for the grace."""
    supervised = supervise(grace=600, stubborn=_REFUSES)
    supervised.wait_for("grandchild ")

    supervised.process.send_signal(signal.SIGINT)
    supervised.wait_for("stubborn | stopping")
    supervised.process.send_signal(signal.SIGINT)

    assert supervised.process.wait(20) == 0


def test_a_child_that_dies_is_started_again(supervise: Callable[..., Supervised]) -> None:
    """An unexpected end is reported with its exit code, the last words are shown, and the child comes back."""
    supervised = supervise(fragile=_DIES_ONCE)

    supervised.wait_for("fragile | second life")

    assert supervised.lines() == [
        "fragile | no newline at the end",
        "fragile | ended with exit code 3; starting it again in 0.5 s",
        "fragile | second life",
    ]


def test_a_killed_child_is_named_with_its_signal(supervise: Callable[..., Supervised]) -> None:
    """A child that was killed is reported with the name of the signal."""
    supervised = supervise(victim=_REFUSES)
    grandchild = int(supervised.wait_for("grandchild "))

    victim = psutil.Process(grandchild).parent()
    assert victim is not None
    victim.kill()

    supervised.wait_for("victim | was killed by SIGKILL; starting it again")
    wait_until(lambda: _is_gone(grandchild), what="the grandchild is gone")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_children_do_not_outlive_a_killed_supervisor(supervise: Callable[..., Supervised]) -> None:
    """SIGKILL of the supervisor ends its children too."""
    supervised = supervise(orphan=_OBEYS)
    supervised.wait_for("orphan | up")
    (child,) = psutil.Process(supervised.process.pid).children()

    supervised.process.kill()

    wait_until(lambda: _is_gone(child.pid), what="the child is gone")
