"""An engine without Celery: real Postgres and Redis, nudges delivered by hand, time moved by hand."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import psycopg

from tests.support.waiting import wait_until
from wf.client import Client
from wf.clock import ManualClock
from wf.dispatch import Nudge, connect
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from wf.engine import Progress
    from wf.instance import Instance
    from wf.settings import Settings
    from wf.workflow import WorkflowEntrypoint

START = 1_800_000_000.0
"""When the rig's clock starts, in seconds since the epoch."""


class Rig:
    """Workers in this process, whose messages a test takes out of Redis and hands over.

    Args:
        settings: Of the test.
        workers: How many runtimes; each has a cache of passes and threads of its own.
    """

    def __init__(self, settings: Settings, workers: int = 1) -> None:
        self.settings = settings
        self.clock = ManualClock(START)
        self.client = Client(settings=settings, clock=self.clock)
        self.workers = [Runtime(settings, self.clock) for _ in range(workers)]
        self.redis = connect(settings)
        self._delayed: list[tuple[float, Nudge]] = []
        self._threads = ThreadPoolExecutor(8)
        self._looks: dict[int, psycopg.Connection[Any]] = {}

    def create(self, cls: type[WorkflowEntrypoint], id: str = "i-1", params: Any = None) -> Instance:
        """A new instance, its first nudge in the queue."""
        return self.client.workflow(cls).create(id, params)

    def take(self) -> list[Nudge]:
        """All messages out of the queue; those with a countdown are put aside until their time."""
        ready = []
        while (message := self.redis.rpop(self.settings.broker_prefix + self.settings.queue)) is not None:
            envelope = json.loads(message)  # type: ignore[arg-type]  # redis types sync and async alike
            nudge = Nudge(*json.loads(envelope["body"])[0])
            eta = envelope["headers"].get("eta")
            if eta is None:
                ready.append(nudge)
            else:
                delay = datetime.fromisoformat(eta).timestamp() - datetime.now().astimezone().timestamp()
                self._delayed.append((self.clock.now() + delay, nudge))
        return ready

    def advance(self, nudge: Nudge, worker: int = 0) -> Progress:
        """Hand a nudge to a worker."""
        return self.workers[worker].engine.advance(nudge)

    def in_thread(self, call: Callable[..., Any], *args: Any) -> Future[Any]:
        """Do something beside the test."""
        return self._threads.submit(call, *args)

    def settle(self, worker: int = 0) -> int:
        """Hand over messages until there are none left but those with a countdown; how many it were."""
        handled = 0
        while nudges := self.take():
            for nudge in nudges:
                self.advance(nudge, worker)
                handled += 1
        return handled

    def pass_time(self, seconds: float) -> None:
        """Move the clock, deliver what has a countdown up to then, run the alarm, and settle."""
        self.clock.advance(seconds)
        due = [nudge for at, nudge in self._delayed if at <= self.clock.now() + 0.5]
        self._delayed = [(at, nudge) for at, nudge in self._delayed if at > self.clock.now() + 0.5]
        for nudge in due:
            self.advance(nudge)
        self.workers[0].alarm.run_once()
        self.settle()

    def lose_messages(self) -> None:
        """FLUSHALL, as far as this test's keys go."""
        self._delayed.clear()
        for key in self.redis.scan_iter(f"{self.settings.key_prefix}*"):
            self.redis.delete(key)

    def queued(self) -> int:
        """Messages in the queue."""
        return int(self.redis.llen(self.settings.broker_prefix + self.settings.queue))

    def sql(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """Look into the database, each thread by a connection of its own."""
        connection = self._looks.get(threading.get_ident())
        if connection is None or connection.closed:
            connection = psycopg.connect(self.settings.database_url, autocommit=True)
            self._looks[threading.get_ident()] = connection
        cursor = connection.execute(query, params)
        return list(cursor.fetchall()) if cursor.description else []

    def close(self) -> None:
        """Stop everything."""
        for connection in self._looks.values():
            connection.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self.workers:
            worker.close()
        self.client.close()
        self.redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RowLock:
    """Holds the row of every instance, so that commits queue up behind it in the order in which they come."""

    def __init__(self, database_url: str) -> None:
        self._holder = psycopg.connect(database_url)
        self._watcher = psycopg.connect(database_url, autocommit=True)

    def __enter__(self) -> Self:
        self._holder.execute("select 1 from wf.instance for update")
        return self

    def wait_for(self, number: int) -> None:
        """Wait until so many statements stand behind the lock."""
        query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"

        def waiting() -> bool:
            row = self._watcher.execute(query).fetchone()
            return row is not None and row[0] >= number

        wait_until(waiting, what=f"{number} statements wait for the row")

    def release(self) -> None:
        """Let them go, first come first served."""
        self._holder.rollback()

    def __exit__(self, *_: object) -> None:
        self.release()
        self._holder.close()
        self._watcher.close()
