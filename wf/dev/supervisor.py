"""Runs the processes of `wf dev` side by side, with one stream of log lines.

A child that ends although nobody asked it to is started again: after half a second, then after twice as long each
time, ten seconds at most; a child that ran for half a minute starts afresh. So a mistake in a workflow's module leaves
the other processes running, and the worker comes back when it is mended.

Ctrl-C or SIGTERM stops the children one after another in the order given: the worker may still use what comes after
it. Each gets SIGTERM, and SIGKILL with its whole process group when its grace is over; a second Ctrl-C ends all graces.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from wf.dev.process import kill_group, spawn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red")
_FIRST_PAUSE = 0.5  # seconds before the first restart
_LONGEST_PAUSE = 10.0  # seconds
_HEALTHY = 30.0  # seconds of running after which a death counts as the first again
_TICK = 0.05  # seconds between two looks at the children
_BLOCK = 65536  # bytes read at once


@dataclass(frozen=True)
class Child:
    """A process to run.

    Attributes:
        name: What its log lines start with.
        argv: The program and its arguments.
        env: Variables on top of ours.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None


class Supervisor:
    """Keeps children running until Ctrl-C or SIGTERM."""

    def __init__(self, children: Sequence[Child], *, grace: float = 10.0, console: Console | None = None) -> None:
        """Prepare; `run` starts the children.

        Args:
            children: In the order in which they start, and in which they stop.
            grace: Seconds from SIGTERM to SIGKILL, for each child.
            console: Where the lines go; standard output if absent, coloured only if that is a terminal.
        """
        self._console = console or Console(highlight=False, soft_wrap=True)
        width = max((len(child.name) for child in children), default=0)
        self._grace = grace
        self._signals = 0
        self._selector = selectors.DefaultSelector()
        self._running = [
            _Running(child, self._console, Text(f"{child.name:<{width}} | ", style=_COLOURS[i % len(_COLOURS)]))
            for i, child in enumerate(children)
        ]

    def run(self) -> None:
        """Run the children; comes back when all of them are gone. Call it in the main thread."""
        with self._handled_signals():
            try:
                while not self._signals:
                    for running in self._running:
                        running.keep_up(self._selector)
                    self._show()
            finally:
                for running in self._running:
                    self._stop(running)
                self._selector.close()

    def _stop(self, running: _Running) -> None:
        """Stop one child, showing what all of them say meanwhile."""
        if running.process is None:
            return
        running.say("stopping")
        if running.process.poll() is None:
            running.process.terminate()
        deadline = time.monotonic() + self._grace
        while running.process.poll() is None and time.monotonic() < deadline and self._signals < 2:
            self._show()
        if running.process.poll() is None:
            running.say("killed: it did not stop in time")
        running.gone(self._selector)

    def _show(self) -> None:
        """Show what the children said, waiting a tick for it at most."""
        for key, _ in self._selector.select(_TICK):
            running: _Running = key.data
            if not running.read():
                self._selector.unregister(key.fileobj)

    @contextmanager
    def _handled_signals(self) -> Iterator[None]:
        def count(*_: object) -> None:
            self._signals += 1

        before = {number: signal.signal(number, count) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Running:
    """A child's process, what it says, and when to start it again."""

    def __init__(self, child: Child, console: Console, prefix: Text) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._child = child
        self._console = console
        self._prefix = prefix
        self._rest = b""
        self._pause = _FIRST_PAUSE
        self._started_at = 0.0
        self._start_at = 0.0

    def keep_up(self, selector: selectors.BaseSelector) -> None:
        """Start the process if its time has come; if it has died, say so and plan the next start."""
        now = time.monotonic()
        if self.process is None:
            if now >= self._start_at:
                self._start(selector, now)
        elif self.process.poll() is not None:
            if now - self._started_at > _HEALTHY:
                self._pause = _FIRST_PAUSE
            code = self.process.returncode
            how = f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
            self.gone(selector)
            self.say(f"{how}; starting it again in {self._pause:g} s")
            self._start_at = now + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def gone(self, selector: selectors.BaseSelector) -> None:
        """End what is left of the process and its group, and show its last words."""
        assert self.process is not None
        assert self.process.stdout is not None
        kill_group(self.process)
        while self.read():
            pass
        if self._rest:
            self._repeat(self._rest)
            self._rest = b""
        if self.process.stdout in selector.get_map():
            selector.unregister(self.process.stdout)
        self.process.stdout.close()
        self.process = None

    def read(self) -> bool:
        """Show the lines that have come; False if there is nothing to read now or ever."""
        assert self.process is not None
        assert self.process.stdout is not None
        try:
            block = os.read(self.process.stdout.fileno(), _BLOCK)
        except BlockingIOError:  # somebody outside the process group holds the other end
            return False
        lines = (self._rest + block).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._repeat(line)
        return bool(block)

    def say(self, what: str) -> None:
        """Show a line of our own about the child."""
        self._print(Text(what, style="bold"))

    def _start(self, selector: selectors.BaseSelector, now: float) -> None:
        self._started_at = now
        env = {**os.environ, "PYTHONUNBUFFERED": "1", **(self._child.env or {})}
        try:
            self.process = spawn(
                self._child.argv,
                env=env,
                stdin=subprocess.DEVNULL,  # in a session of its own it cannot read the terminal
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            self.say(f"cannot be started: {error}; trying again in {self._pause:g} s")
            self._start_at = now + self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            return
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        selector.register(self.process.stdout, selectors.EVENT_READ, self)

    def _repeat(self, line: bytes) -> None:
        self._print(Text.from_ansi(line.decode(errors="replace")))

    def _print(self, line: Text) -> None:
        self._console.print(Text.assemble(self._prefix, line))
