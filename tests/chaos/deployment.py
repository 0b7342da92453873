"""What the monkey breaks: Postgres, Valkey, workers and a beat, all of them real, and the ways to them."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg

from tests.chaos.evidence import SCHEMA
from tests.chaos.proxy import Proxy
from wf.dev.process import end, kill_group
from wf.dev.servers import Postgres, Valkey
from wf.migrations import migrate
from wf.settings import Settings
from wf.testing.processes import Processes
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from wf.testing.processes import Process

WORKERS = 3

SKEWED = """import time
_real = time.time
time.time = lambda: _real() + 7_200
"""
"""Runs at the start of one worker, whose clock is two hours fast from then on."""

_ROOT = Path(__file__).parents[2]
_READY = " ready."


class UnaskedDeath(AssertionError):
    """A process has ended that nobody killed."""


class Deployment:
    """Everything, started by the thread that enters it and that must do all the rest, too.

    Args:
        folder: For data, logs and ledgers; a short path, because sockets are in it.
        workers: How many; the clock of the first is fast.
        **settings: Beside the URLs.
    """

    def __init__(self, folder: Path, workers: int = WORKERS, **settings: Any) -> None:
        self.folder, self.ledger, self.acks = folder, folder / "ledger.jsonl", folder / "acks.jsonl"
        self.postgres, self.valkey = Postgres(folder, {"max_connections": "200"}), Valkey(folder)
        self._given, self._number = settings, workers
        self._stack = ExitStack()
        self.workers: list[Process] = []
        self.beat: Process | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def _start(self, stack: ExitStack) -> None:
        stack.callback(self.postgres.stop)
        self.postgres.start()
        stack.callback(self.valkey.stop)
        self.valkey.start()
        self.url = self.postgres.url
        migrate(self.url)
        with psycopg.connect(self.url) as connection:
            connection.execute(SCHEMA)
        self.to_postgres = Proxy(str(self.folder / "postgres" / ".s.PGSQL.5432"))
        stack.callback(self.to_postgres.stop)
        self.to_valkey = Proxy(self.valkey.port)
        stack.callback(self.to_valkey.stop)
        self.settings = Settings(
            database_url=f"postgresql://postgres@127.0.0.1:{self.to_postgres.port}/postgres",
            redis_url=f"redis://127.0.0.1:{self.to_valkey.port}/0",
            max_lost=50,  # no step fails only because a monkey sat on it for an hour
            **self._given,
        )
        (self.folder / "skewed").mkdir()
        (self.folder / "skewed" / "sitecustomize.py").write_text(SKEWED)
        sources = [_ROOT, *(_ROOT / name for name in ("tasks", "reaper", "api"))]
        self._processes = stack.enter_context(Processes(self.settings, self.folder, paths=sources))
        self.workers = [self._worker(number) for number in range(self._number)]
        self.start_beat()
        wait_until(self.is_whole, 120, "the workers are ready")

    def _worker(self, number: int) -> Process:
        path = os.pathsep.join([*([str(self.folder / "skewed")] if number == 0 else []), str(_ROOT)])
        argv = ["-m", "wf", "worker", "tests.chaos.workload", "--concurrency", "10"]
        return self._processes.start(
            "worker", *argv, ready=lambda: True, PYTHONPATH=path, CHAOS_LEDGER=str(self.ledger)
        )

    def is_whole(self) -> bool:
        """Whether all workers are at work."""
        return all(map(_is_ready, self.workers))

    def supervise(self) -> None:
        """Start what has ended before it was ready, because a server was away.

        Raises:
            UnaskedDeath: Something has ended that was at work: no outage may do that.
        """
        for number, worker in enumerate(self.workers):
            if worker.is_running():
                continue
            if _is_ready(worker):
                raise UnaskedDeath(f"{worker.name} has ended by itself. Its log:\n{worker.log()[-8_000:]}")
            self.workers[number] = self._worker(number)
        if self.beat is not None and not self.beat.is_running():
            if "beat: Starting..." in self.beat.log():
                raise UnaskedDeath(f"beat has ended by itself. Its log:\n{self.beat.log()[-8_000:]}")
            self.start_beat()

    def replace_worker(self, number: int) -> int:
        """SIGKILL one and start another, as a supervisor does; the pid of the one that is gone."""
        killed = self.workers[number]
        killed.kill()
        self.workers[number] = self._worker(number)
        return killed.pid

    def kill_beat(self) -> None:
        """SIGKILL."""
        if self.beat is not None:
            self.beat.kill()
        self.beat = None

    def start_beat(self) -> None:
        """Start one."""
        self.beat = self._processes.start("beat", "-m", "wf", "beat", ready=lambda: True)

    def freeze(self, number: int) -> Process:
        """SIGSTOP a worker and all of its children."""
        worker = self.workers[number]
        os.killpg(worker.pid, signal.SIGSTOP)
        return worker

    def thaw(self, worker: Process) -> None:
        """Let it go on, if nobody has killed it meanwhile."""
        if worker.is_running():
            os.killpg(worker.pid, signal.SIGCONT)

    def restart_postgres(self, *, hard: bool) -> None:
        """Stop it, or crash it, cut everybody off, and start it again."""
        assert self.postgres._process is not None, "it runs"
        if hard:
            end(self.postgres._process, ask=signal.SIGQUIT)
        self.postgres.stop()
        self.to_postgres.cut()
        self.postgres.start()

    def restart_valkey(self, *, hard: bool) -> None:
        """Stop it, or kill it, cut everybody off, and start it again."""
        assert self.valkey._process is not None, "it runs"
        if hard:
            kill_group(self.valkey._process)
        self.valkey.stop()
        self.to_valkey.cut()
        self.valkey.start()

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _is_ready(worker: Process) -> bool:
    return _READY in worker.log()
