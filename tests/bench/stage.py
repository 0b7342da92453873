"""What is measured: embedded servers, and groups of worker processes, ours and bare Celery's.

Postgres and Valkey run as `wf dev` runs them: every commit is on disk (fsync), Valkey appends every second. Each group
of ours has a database of its own, each bare group a Redis database of its own, so that groups may be alive together.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Self

import httpx
import psutil
import psycopg
import redis

from tests.bench.bare import VARIABLE as BROKER
from tests.bench.groups import Bare, Ours, Worker, wait_for
from tests.bench.ready import VARIABLE as READY
from tests.support import Databases
from tests.support.processes import environment
from tests.support.web import free_port, status_of
from wf import Client, Settings
from wf.dev.process import kill_group, spawn
from wf.dev.servers import embedded
from wf.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


_SUCCEEDED = re.compile(r'flower_events_total\{.*type="task-succeeded"')

WARM_UP = 50
"""Instances, or bare tasks, with which a new group opens its connections; not measured."""


@dataclass(frozen=True)
class Plan:
    """How to measure.

    Attributes:
        workers: Worker processes in each group.
        concurrency: Threads (or, for prefork, child processes) of each.
        quick: Whether a tenth of the numbers will do.
        rounds: How often each measurement is made; the best one counts.
        profiles: Where the profile of a worker goes, if one is wanted.
    """

    workers: int = 2
    concurrency: int = 10
    quick: bool = False
    rounds: int = 2
    profiles: Path | None = None

    def size(self, full: int) -> int:
        """So many, or a tenth of it."""
        return max(full // 10, 1) if self.quick else full


class Stage:
    """Servers, and the groups that are started on them; nothing of it is left when the `with` block ends."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        """Start nothing yet.

        Args:
            plan: How to measure.
            folder: For data and logs; the account of Postgres must be able to reach it.
        """
        self.plan = plan
        self._folder = folder
        self._numbers = count(1)
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            urls = stack.enter_context(embedded(self._folder))
            self._databases = stack.enter_context(Databases(urls.database_url))
            self._redis_url = urls.redis_url
            self._template = self._databases.create()
            migrate(self._databases.url(self._template))
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def commit_time(self) -> float:
        """Seconds that one small durable commit takes here, from one connection; the median of 200."""
        with self._databases.clone("template1") as url, psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table t (n integer)")
            times = []
            for n in range(200):
                began = time.perf_counter()
                connection.execute("insert into t values (%s)", [n])
                times.append(time.perf_counter() - began)
        return sorted(times)[len(times) // 2]

    @contextmanager
    def ours(self, *, steps_per_task: int = 1, beat: bool = False) -> Iterator[Ours]:
        """Workers of ours, as `celery -A wf_tasks worker` starts them.

        Args:
            steps_per_task: As in the settings.
            beat: Whether beat runs; if not, a worker stands in for it.
        """
        number = next(self._numbers)
        with ExitStack() as stack:
            settings = Settings(
                database_url=stack.enter_context(self._databases.clone(self._template)),
                redis_url=self._redis_url,
                key_prefix=f"bench-{number}:",
                queue=f"bench-{number}",
                workflows="tests.bench.workflows",
                steps_per_task=steps_per_task,
            )
            app = [sys.executable, "-m", "celery", "-A", "wf_tasks"]
            workers = self._workers(stack, f"ours-{number}", [*app, "worker", "-P", "threads"], environment(settings))
            journal = stack.enter_context(psycopg.connect(settings.database_url, autocommit=True))
            client = stack.enter_context(Client(settings=settings))
            group = Ours(workers, settings, client, journal, self._redis(stack, self._redis_url))
            if beat:
                group.beat = self._spawn(stack, f"beat-{number}", [*app, "beat"], environment(settings))
                wait_for(group.alarm_has_run, 30, "beat's first alarm")
            group.run("chain", WARM_UP, 1, 1)
            yield group

    @contextmanager
    def deployment(self) -> Iterator[Settings]:
        """A database and a queue of their own, on which nobody works."""
        number = next(self._numbers)
        with self._databases.clone(self._template) as url:
            queue = f"bench-{number}"
            yield Settings(database_url=url, redis_url=self._redis_url, key_prefix=f"{queue}:", queue=queue, api_rate=0)

    @contextmanager
    def api(self, settings: Settings) -> Iterator[str]:
        """`wf api` in a process of its own; gives its URL."""
        port = free_port()
        with ExitStack() as stack:
            argv = [sys.executable, "-m", "wf", "api", "--port", str(port)]
            process = self._spawn(stack, f"api-{port}", argv, environment(settings))
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: status_of(f"{url}/readyz") == 200, 60, "the API is ready", [process])
            yield url

    @contextmanager
    def bare(self, pool: str = "threads") -> Iterator[Bare]:
        """Workers of a Celery app with default settings.

        Args:
            pool: Celery's pool.
        """
        number = next(self._numbers)
        with ExitStack() as stack:
            url = f"{self._redis_url.rpartition('/')[0]}/{1 + number % 15}"
            connection = self._redis(stack, url)
            connection.flushdb()
            argv = [sys.executable, "-m", "celery", "-A", "tests.bench.bare", "worker", "-P", pool]
            env = environment(Settings(), {BROKER: url})
            group = Bare(self._workers(stack, f"bare-{number}", argv, env), url, connection)
            group.tasks(WARM_UP)
            yield group

    @contextmanager
    def flower(self, group: Bare | Ours, once: Callable[[], object]) -> Iterator[None]:
        """Flower, told of every task by all workers of a group.

        Args:
            group: The workers.
            once: Has one of them run something.
        """
        port = free_port()
        if isinstance(group, Ours):
            argv, env = ["-m", "wf", "flower"], environment(group.settings)
        else:
            argv = ["-m", "celery", "-A", "tests.bench.bare", "flower", "--address=127.0.0.1"]
            env = environment(Settings(), {BROKER: group.url, READY: os.devnull})
        with ExitStack() as stack, httpx.Client() as http:
            argv = [sys.executable, *argv, f"--port={port}"]
            process = self._spawn(stack, f"flower-{port}", argv, env)
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: status_of(f"{url}/healthcheck") == 200, 60, "Flower answers", [process])

            def is_told() -> bool:
                once()
                lines = http.get(f"{url}/metrics").text.splitlines()
                told = {line.split('worker="')[1].split('"')[0] for line in lines if _SUCCEEDED.match(line)}
                return len(told) == len(group.workers)

            wait_for(is_told, 60, "workers tell Flower of tasks", [process, *group.workers])
            yield

    def _workers(self, stack: ExitStack, name: str, argv: Sequence[str], env: Mapping[str, str]) -> list[Worker]:
        """Start the worker processes of a group and wait until all take tasks."""
        workers = []
        for n in range(self.plan.workers):
            ready = self._folder / f"{name}-{n}.ready"
            options = ["-c", str(self.plan.concurrency), "-n", f"{name}-{n}@%h", "-l", "WARNING"]
            workers.append(self._spawn(stack, f"{name}-{n}", [*argv, *options], {**env, READY: str(ready)}))
        for n, worker in enumerate(workers):
            wait_for((self._folder / f"{name}-{n}.ready").exists, 60, f"{worker.name} takes tasks", workers)
        return workers

    def _spawn(self, stack: ExitStack, name: str, argv: Sequence[str], env: Mapping[str, str]) -> Worker:
        log = self._folder / f"{name}.log"
        with log.open("ab") as output:
            process = spawn(argv, env=env, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        stack.callback(kill_group, process)  # there is nothing to save: its data go with it
        return Worker(name, process, log)

    def _redis(self, stack: ExitStack, url: str) -> Any:
        return stack.enter_context(redis.Redis.from_url(url))


def machine() -> dict[str, Any]:
    """What this runs on, as far as it explains figures."""
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "memory_mb": psutil.virtual_memory().total >> 20,
        "python": sys.version.split()[0],
    }
