"""What goes on now: workers, queues, steps that run, wake-ups to come. Cheap enough to look at every second.

Nothing is counted further than `CAP`: a million sleepers cost what a thousand cost.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from wf.answers import Answer
from wf.dispatch import alarm_queue, connect
from wf.errors import BrokerUnavailable
from wf.sql import statements
from wf.status import TERMINAL, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from redis import Redis

    from wf.clock import Clock
    from wf.database import Database, Rows
    from wf.settings import Settings

CAP = 1_000
"""No further than this is anything counted."""

STEPS = 50
"""Running steps that are told of in full."""

WAKES = 20
"""Wake-ups that are told of one by one."""

GONE = 15.0
"""Seconds without a sign of life after which a worker counts as gone; it gives one every 5."""

SILENCE = 3
"""Ticks without an alarm after which it is late; then a worker stands in for beat."""

_EVER = 1e9  # seconds; further than anything is due
_SPANS = {"late": (-_EVER, 0), "minute": (0, 60), "hour": (60, 3600), "day": (3600, 86_400), "later": (86_400, _EVER)}
_RUNS = sorted({Status.RUNNING, Status.ROLLING_BACK, Status.WAITING_FOR_PAUSE})
_LIVE = sorted(frozenset(Status) - TERMINAL)
_TYPES = {"do": "step", "timer": "sleep"}


class Overview:
    """Looks at everything at once.

    Args:
        database: The journal.
        clock: Whose time.
        settings: Queue, tick, and where Redis is.
    """

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        self._database, self._clock, self._settings = database, clock, settings
        self._sql = statements()
        self._redis: Redis | None = None

    def look(self, only: Collection[str] | None = None) -> Answer:
        """What goes on now.

        Args:
            only: The workflows to tell of, with the workers that know one of them; None means all.

        Returns:
            `at`; `workers`; `queues`; `running` with the `total` and the newest `steps`; `wakeUps` with `counts` of
            what is due (`late`, within a `minute`, `hour` or `day`, and `later`) and the `next` ones; `alarm`;
            `instances` by status, of those that have not ended; and `cap`: a number as high as it means "or more".

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        of = {
            "now": self._clock.override(), "cap": CAP, "only": None if only is None else sorted(only),
        }  # fmt: skip
        vitals = self.vitals(only)
        steps = self._read("overview_steps", of | {"statuses": _RUNS, "limit": STEPS})
        by_worker = _by_worker(steps)
        return Answer(
            vitals, workers=[Answer(worker, running=by_worker.get(worker.name, 0)) for worker in vitals.workers],
            running=Answer(total=sum(by_worker.values()), steps=[_step(row) for row in steps]),
            wakeUps=Answer(counts=self._due(of), next=[_wake(row) for row in self._read("overview_wakes", of | _NEXT)]),
            instances=Answer(self._read("overview_statuses", of | {"statuses": _LIVE})), cap=CAP,
        )  # fmt: skip

    def vitals(self, only: Collection[str] | None = None) -> Answer:
        """`at`, `workers`, `queues` and `alarm`, as `look` tells of them, but not how many steps a worker runs.

        Args:
            only: As `look` takes it.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        of = {"now": self._clock.override()}
        ((at, ticked_at),) = self._read("overview_tick", of)
        known = (_worker(row, only) for row in self._read("worker_list", of | {"silence": GONE}))
        workers = [worker for worker in known if only is None or worker.workflows]
        return Answer(
            at=at, workers=workers, queues=self._queues(worker.queue for worker in workers),
            alarm=Answer(tickedAt=ticked_at, late=self._is_late(at, ticked_at)),
        )  # fmt: skip

    def close(self) -> None:
        """Close the connection to Redis."""
        if self._redis is not None:
            self._redis.close()

    def _read(self, statement: str, params: dict[str, Any]) -> Rows:
        return self._database.read(self._sql[statement], params)

    def _due(self, of: dict[str, Any]) -> Answer:
        spans = {
            "names": list(_SPANS), "froms": [float(since) for since, _ in _SPANS.values()],
            "tos": [float(until) for _, until in _SPANS.values()],
        }  # fmt: skip
        return Answer(self._read("overview_due", of | spans))

    def _is_late(self, at: datetime, ticked_at: datetime | None) -> bool:
        return ticked_at is None or at - ticked_at > timedelta(seconds=self._settings.alarm_tick * SILENCE)

    def _queues(self, used: Iterable[str]) -> list[Answer]:
        """The length of each queue: ours, those of other workers, also of those that are gone, and the alarm's.

        None while Redis is away.
        """
        names = [*dict.fromkeys([self._settings.queue, *used]), alarm_queue(self._settings)]
        lengths: list[Any] = [None] * len(names)
        try:
            self._redis = self._redis or connect(self._settings)
            with self._redis.pipeline(transaction=False) as pipeline:
                for name in names:
                    pipeline.llen(self._settings.broker_prefix + name)
                lengths = pipeline.execute()
        except (RedisError, BrokerUnavailable):
            pass  # that is the answer
        return [Answer(name=name, length=length) for name, length in zip(names, lengths, strict=True)]


_NEXT = {"limit": WAKES}


def _by_worker(steps: Rows) -> dict[str, int]:
    """How many steps each worker runs; a forked child stands for its parent, `host:parent/child`."""
    found: dict[str, int] = {}
    for name, number in (steps[0][-1] if steps else {}).items():
        parent = name.partition("/")[0]
        found[parent] = found.get(parent, 0) + number
    return found


def _worker(row: tuple[Any, ...], only: Collection[str] | None) -> Answer:
    name, queue, pool, concurrency, workflows, release, started_at, seen_at, alive = row
    known = {known: versions for known, versions in workflows.items() if only is None or known in only}
    return Answer(
        name=name, alive=alive, concurrency=concurrency, queue=queue, pool=pool,
        workflows=known, release=release, startedAt=started_at, seenAt=seen_at,
    )  # fmt: skip


def _step(row: tuple[Any, ...]) -> Answer:
    workflow, id, name, count, attempt, worker, since, lease_until, _ = row
    return Answer(
        workflow=workflow, instance=id, step=f"{name}-{count}", attempt=attempt, worker=worker, since=since,
        leaseUntil=lease_until,
    )  # fmt: skip


def _wake(row: tuple[Any, ...]) -> Answer:
    workflow, id, due_at, kind, name, count, wake_at = row
    waits_for = None
    if kind is not None:
        waits_for = Answer(type=_TYPES.get(kind, kind), step=f"{name}-{count}", wakeAt=wake_at)
    return Answer(workflow=workflow, instance=id, dueAt=due_at, waitsFor=waits_for)
