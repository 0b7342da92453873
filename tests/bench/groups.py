"""Two kinds of workers with the same questions: how long do so many chains, so many tasks, one start take."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import psutil
from celery import chain, group

from tests.bench.bare import make_app
from wf.codec import decode

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import psycopg

    from wf import Client, Settings

LIMIT = 120.0
"""Seconds for one measurement; much more than any should take."""

_POLL = 0.01  # seconds between two looks at what is done, the same for both kinds


class BenchError(RuntimeError):
    """Something broke, or an answer was wrong: the figures mean nothing."""


@dataclass(frozen=True)
class Worker:
    """A process that we started."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Of the worker's main process."""
        return self.process.pid

    def rss(self) -> int:
        """Resident memory in bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)


def wait_for(done: Callable[[], object], limit: float, what: str, workers: Sequence[Worker] = ()) -> None:
    """Ask again and again until the answer is yes.

    Raises:
        BenchError: It did not happen in time, or a worker died; the message holds the ends of the logs.
    """
    deadline = time.monotonic() + limit
    while not done():
        dead = [worker.name for worker in workers if worker.process.poll() is not None]
        if dead or time.monotonic() > deadline:
            why = f"{', '.join(dead)} died" if dead else f"not within {limit:g} s"
            logs = "\n".join(
                f"--- {worker.name}\n{worker.log.read_text(errors='replace')[-3000:]}" for worker in workers
            )
            raise BenchError(f"{what}: {why}\n{logs}")
        time.sleep(_POLL)


class Bare:
    """Workers of bare Celery."""

    def __init__(self, workers: list[Worker], url: str, redis: Any) -> None:
        self.workers, self.url = workers, url
        self._app, self._redis, self._runs = make_app(url), redis, count()

    def chains(self, number: int, length: int) -> float:
        """Seconds for so many chains of so many no-op tasks; the last task of each counts itself."""
        key = f"done-{next(self._runs)}"
        noop, last = self._app.tasks["bare.noop"], self._app.tasks["bare.count"]
        began = time.perf_counter()
        for _ in range(number):
            chain(*[noop.si() for _ in range(length - 1)], last.si(key), app=self._app).apply_async()
        return self._done(key, number, began)

    def tasks(self, number: int) -> float:
        """Seconds for so many tasks without order, published one by one."""
        key = f"done-{next(self._runs)}"
        task = self._app.tasks["bare.count"]
        began = time.perf_counter()
        for _ in range(number):
            task.delay(key)
        return self._done(key, number, began)

    def group(self, number: int) -> float:
        """Seconds for a group of so many tasks."""
        key = f"done-{next(self._runs)}"
        task = self._app.tasks["bare.count"]
        began = time.perf_counter()
        group([task.si(key) for _ in range(number)], app=self._app).apply_async()
        return self._done(key, number, began)

    def start(self) -> float:
        """Seconds from publishing a task to its first line."""
        key = f"stamp-{next(self._runs)}"
        began = time.time()
        self._app.tasks["bare.stamp"].delay(key)
        return _stamped(self._redis, key, self.workers) - began

    def _done(self, key: str, number: int, began: float) -> float:
        wait_for(lambda: int(self._redis.get(key) or 0) >= number, LIMIT, f"{number} bare Celery results", self.workers)
        return time.perf_counter() - began


class Ours:
    """Workers of ours, with a client and a view of the journal."""

    def __init__(
        self, workers: list[Worker], settings: Settings, client: Client, journal: psycopg.Connection[Any], redis: Any
    ) -> None:
        self.workers, self.settings = workers, settings
        self.client, self._journal, self._redis, self._runs = client, journal, redis, count()
        self.beat: Worker | None = None
        self._last = 0  # key of the newest instance of the measurements before

    def run(self, workflow: str, number: int, payload: Any, steps: int, *, threads: int = 1) -> float:
        """Seconds from the first create to the end of the last of so many instances; then the journal is checked.

        Args:
            workflow: Its name.
            number: Instances.
            payload: Of each.
            steps: Callbacks that each must have run, once.
            threads: That create them.
        """
        handle = self.client.workflow(workflow)
        began = time.perf_counter()
        if threads == 1:
            for _ in range(number):
                handle.create(params=payload)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda _: handle.create(params=payload), range(number)))
        wait_for(self._all_ended, LIMIT, f"{number} instances of {workflow!r} end", self.workers)
        took = time.perf_counter() - began
        self._check(number, steps)
        return took

    def skip(self) -> None:
        """Measure nothing that is there already."""
        self._last = self._query("select max(key) from wf.instance where key > %s", self._last)[0][0]

    def start(self) -> tuple[float, float]:
        """Seconds from `create()` to the first line of the first step, and those that `create()` took."""
        key = f"{self.settings.key_prefix}stamp-{next(self._runs)}"
        handle = self.client.workflow("stamp")
        began = time.time()
        instance = handle.create(params=key)
        created = time.time()
        stamped = _stamped(self._redis, key, self.workers)
        instance.result(timeout=LIMIT)
        return stamped - began, created - began

    def ends(self, steps: int) -> list[float]:
        """When each step of a chain of so many ended, by the journal, after running one."""
        since = self._last
        self.run("chain", 1, steps, steps)
        return [at for (at,) in self._query(
            "select extract(epoch from ended_at)::float8 from wf.step where instance > %s order by seq", since
        )]  # fmt: skip

    def lags(self, seconds: list[float]) -> list[float]:
        """Seconds from the end of each sleep to the first line of the step after it."""
        since, handle = self._last, self.client.workflow("sleeper")
        for length in seconds:
            handle.create(params=length)
        wait_for(self._all_ended, LIMIT, f"{len(seconds)} sleeping instances end", self.workers)
        self._check(len(seconds), 1)
        rows = self._query(
            "select extract(epoch from s.wake_at)::float8, p.output from wf.step s join wf.payload p using (instance)"
            " where s.kind = 'sleep' and s.instance > %s",
            since,
        )
        return [decode(bytes(output)) - wake_at for wake_at, output in rows]

    def put_to_sleep(self, number: int, seconds: float) -> None:
        """Create sleeping instances and wait until all of them sleep."""
        handle = self.client.workflow("sleeper")
        for _ in range(number):
            handle.create(params=seconds)
        asleep = "select count(*) from wf.instance where key > %s and status = 'waiting'"
        wait_for(lambda: self._query(asleep, self._last)[0][0] == number, LIMIT, f"{number} sleep", self.workers)

    def queued(self) -> int:
        """Messages in Redis: in the queue, and taken but not acknowledged."""
        prefix, queue = self.settings.key_prefix, self.settings.queue
        return int(self._redis.llen(prefix + queue)) + int(self._redis.hlen(f"{prefix}unacked"))

    def rss(self) -> float:
        """Resident memory of the largest worker in MB."""
        return max(worker.rss() for worker in self.workers) / 1e6

    def alarm_has_run(self) -> bool:
        """Whether it has, ever."""
        return bool(self._query("select 1 from wf.tick where ticked_at is not null and %s = 0", 0))

    def _all_ended(self) -> bool:
        return not self._query("select 1 from wf.instance where due_at is not null and key > %s limit 1", self._last)

    def _check(self, number: int, steps: int) -> None:
        """Every instance is complete, with as many steps as it should have, each run once."""
        since, self._last = self._last, self._query("select max(key) from wf.instance where key > %s", self._last)[0][0]
        complete = self._query("select count(*) from wf.instance where status = 'complete' and key > %s", since)[0][0]
        done = self._query(
            "select count(*) from wf.step where kind = 'do' and status = 'complete' and attempt = 1 and instance > %s",
            since,
        )[0][0]
        if (complete, done) != (number, number * steps):
            raise BenchError(
                f"{complete} of {number} instances are complete, and {done} of {number * steps} steps at first try: "
                "look into the logs of the workers for what failed."
            )

    def _query(self, sql: str, parameter: int) -> list[tuple[Any, ...]]:
        return self._journal.execute(sql.encode(), [parameter]).fetchall()


def _stamped(redis: Any, key: str, workers: Sequence[Worker]) -> float:
    found = redis.blpop([key], timeout=30)
    if found is None:
        dead = [worker.name for worker in workers if worker.process.poll() is not None]
        raise BenchError(f"Nothing ran within 30 s. Dead workers: {', '.join(dead) or 'none'}")
    return float(found[1])
