"""What the monkey breaks: Postgres, Valkey, workers and a beat, all of them real, and the ways to them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg

from tests.chaos.proxy import Proxy
from wf.dev.servers import Postgres, Valkey
from wf.migrations import migrate
from wf.settings import Settings
from wf.testing.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.testing.processes import Process

WORKERS = 3
LEASE = 2.0

SKEWED = """import time
_real = time.time
time.time = lambda: _real() + 7_200
"""
"""Runs at the start of one worker, whose clock is two hours fast from then on."""

_ROOT = Path(__file__).parents[2]


class Deployment:
    """Everything, started.

    Args:
        folder: For data, logs and the ledger.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ledger = folder / "ledger.jsonl"
        self.postgres, self.valkey = Postgres(folder, {"max_connections": "200"}), Valkey(folder)
        self.workers: list[Process] = []
        self.beat: Process | None = None

    def __enter__(self) -> Self:
        self.postgres.start()
        self.valkey.start()
        self.direct_url = self.postgres.url
        migrate(self.direct_url)
        with psycopg.connect(self.direct_url) as connection:
            connection.execute("create table public.charge (instance text)")
        self.to_postgres = Proxy(str(self._folder / "postgres" / ".s.PGSQL.5432"))
        self.to_valkey = Proxy(self.valkey.port)
        self.settings = Settings(
            database_url=f"postgresql://postgres@127.0.0.1:{self.to_postgres.port}/postgres",
            redis_url=f"redis://127.0.0.1:{self.to_valkey.port}/0",
            lease=LEASE, renudge=2.0, alarm_tick=0.5, max_lost=50,
        )  # fmt: skip
        (self._folder / "skewed").mkdir()
        (self._folder / "skewed" / "sitecustomize.py").write_text(SKEWED)
        sources = [_ROOT, *(_ROOT / name for name in ("tasks", "reaper", "api"))]
        self._processes = Processes(self.settings, self._folder, paths=sources)
        self.workers = [self._worker(number) for number in range(WORKERS)]
        self.beat = self._processes.beat()
        return self

    def _worker(self, number: int) -> Process:
        found = [str(self._folder / "skewed")] if number == 0 else []
        path = os.pathsep.join([*found, str(_ROOT)])
        ledger = str(self.ledger)
        return self._processes.worker("tests.chaos.workload", concurrency=4, CHAOS_LEDGER=ledger, PYTHONPATH=path)

    def replace_worker(self, number: int) -> None:
        """SIGKILL one and start another, as a supervisor does."""
        self.workers[number].kill()
        self.workers[number] = self._worker(number)

    def replace_beat(self) -> None:
        """The same with beat."""
        assert self.beat is not None, "it was started"
        self.beat.kill()
        self.beat = self._processes.beat()

    def signal_worker(self, number: int, what: signal.Signals) -> None:
        """Send a signal to a worker and all of its children."""
        os.killpg(self.workers[number].pid, what)

    def restart(self, server: Any, proxy: Proxy) -> None:
        """Stop a server, cut everybody off, and start it again."""
        server.stop()
        proxy.cut()
        server.start()

    def __exit__(self, *_: object) -> None:
        steps: list[Callable[[], None]] = [
            *[lambda number=number: self.signal_worker(number, signal.SIGCONT) for number in range(len(self.workers))],
            self._processes.kill, self.to_postgres.stop, self.to_valkey.stop, self.valkey.stop, self.postgres.stop,
        ]  # fmt: skip
        for step in steps:
            try:
                step()
            except ProcessLookupError:  # it was killed already
                continue
