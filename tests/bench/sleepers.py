"""Sleepers: a hundred thousand that are due at once, beside new work, and a million that are not due for long."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from tests.bench.figures import Figure, Goal, percentile
from tests.bench.groups import BenchError, wait_for
from tests.support.crowds import multiply
from wf.codec import decode
from wf.dispatch import connect
from wf.sql import statements
from wf_tasks.alarm import AHEAD
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.groups import Ours
    from tests.bench.stage import Stage

CROWD, MILLION = 100_000, 1_000_000

ALONE = 200
"""New instances that are timed while nothing else is to be done."""

PACE = 0.05
"""Seconds between two new instances."""

TICKS = 200
"""Alarms that are timed."""

BY_ALARM = b", -1)"
"""In a nudge of the alarm, which names no step."""

YEAR = 365 * 86_400.0

ENDS = 1_800.0
"""Seconds in which the crowd must have ended; much more than it should take."""


def crowd(stage: Stage) -> list[Figure]:
    """A crowd that is due at one moment is woken in small batches, and new work goes on meanwhile."""
    number = stage.plan.size(CROWD)
    with stage.ours(beat=True) as ours, psycopg.connect(ours.settings.database_url, autocommit=True) as journal:
        with _new_work(ours) as ids:
            wait_for(lambda: len(ids) >= ALONE, ENDS, f"{ALONE} new instances", ours.workers)
        alone = _starts(ours, journal, ids)
        moment = time.time() + 5 + number / 2_000
        fill(ours, journal, number, moment)
        if (late := time.time() - moment) > 0:
            raise BenchError(f"The crowd was there {late:.1f} s after it was due: give the filling more time.")
        while time.time() < moment:
            time.sleep(0.01)
        with _watched(ours) as seen:
            wait_for(lambda: not _asleep(journal), ENDS, f"{number:,} sleepers end", ours.workers)
            took = time.time() - moment
        _check(journal, number)
        starts, lags = _starts(ours, journal, seen.created), _lags(journal, seen.naps)
    what, batch = f"{number:,} due at once", ours.settings.alarm_batch
    figures = [
        Figure("sleepers", f"{what}: until all have ended", took, "s", detail={"per_second": number / took}),
        Figure(
            "sleepers", f"{what}: its nudges in the queue at most", seen.queued, "", goal=Goal(2 * batch, at_most=True),
            detail={"alarm_batch": batch, "empty": seen.empty / seen.looks},
        ),
    ]  # fmt: skip
    goals = {0.5: None, 0.95: Goal(1000, at_most=True), 1: None}
    for share, goal in goals.items():
        name = "max" if share == 1 else f"p{share * 100:.0f}"
        now, before = (percentile(times, share) * 1000 for times in (starts, alone))
        count = {"of": len(starts), "baseline_of": len(alone)}
        figures.append(
            Figure("sleepers", f"new work meanwhile, create() to first line, {name}", now, "ms", before, goal, count)
        )
    figures.append(
        Figure(
            "sleepers", "sleepers that come to be due meanwhile, lag p95", percentile(lags, 0.95) * 1000, "ms",
            goal=Goal(5000, at_most=True),
            detail={"of": len(lags), "p50_ms": percentile(lags, 0.5) * 1000, "max_ms": max(lags) * 1000},
        )
    )  # fmt: skip
    return figures


def million(stage: Stage) -> list[Figure]:
    """What a million sleepers cost while they sleep: ticks of the alarm, memory of workers, room in Postgres."""
    number, passing = stage.plan.size(MILLION), stage.plan.size(10_000)
    with stage.ours(beat=True) as ours, psycopg.connect(ours.settings.database_url, autocommit=True) as journal:
        ours.run("chain", 1_000, 1, 1)
        few = _ticks(ours, journal, due=0)
        before = ours.rss()
        fill(ours, journal, number, time.time() + YEAR)
        journal.execute("vacuum analyze wf.instance, wf.payload, wf.step, wf.transition")
        idle = _ticks(ours, journal, due=0)
        busy = _ticks(ours, journal, due=100)
        holding = ours.rss()
        plan = _plan(journal, ours.settings.alarm_tick * AHEAD, ours.settings.alarm_batch)
        sizes = {name: int(size) for name, size in journal.execute(_SIZES).fetchall()}
        journal.execute(_WAKE, {"number": passing, "at": 0})
        wait_for(lambda: not _due_soon(journal), ENDS, f"{passing:,} of them end", ours.workers)
        after = ours.rss()
    name = f"{number:,} asleep"
    return [
        Figure(
            "million", f"{name}: a tick of the alarm, none due, p95", percentile(idle, 0.95) * 1000, "ms",
            percentile(few, 0.95) * 1000, Goal(5, at_most=True), {"p50_ms": percentile(idle, 0.5) * 1000, "plan": plan},
        ),
        Figure(
            "million", f"{name}: a tick of the alarm, 100 due, p95", percentile(busy, 0.95) * 1000, "ms",
            detail={"p50_ms": percentile(busy, 0.5) * 1000},
        ),
        Figure(
            "million", f"{name}: growth of the largest worker", holding - before, "MB", goal=Goal(5, at_most=True),
            detail={"before_mb": before},
        ),
        Figure(
            "million", f"the same while {passing:,} of them pass", after - holding, "MB", goal=Goal(5, at_most=True),
            detail={"after_mb": after},
        ),
        Figure("million", f"{name}: wf.instance on disk, all indexes", sizes["instance"] / 1e6, "MB", detail=sizes),
        Figure("million", f"{name}: the index of the alarm", sizes["instance_due"] / 1e6, "MB"),
    ]  # fmt: skip


def fill(ours: Ours, journal: psycopg.Connection[Any], number: int, wake_at: float) -> None:
    """Sleepers: one that the engine has written, which sleeps for a year, and so many copies that wake at a moment."""
    ours.put_to_sleep(1, YEAR)
    multiply(journal, _one(journal, "select max(key) from wf.instance where status = 'waiting'"), number, wake_at)


_SIZES = """
select 'instance', pg_total_relation_size('wf.instance')
union all
select relname, pg_relation_size(oid) from pg_class where relname in ('instance_due', 'instance_id', 'instance_status')
union all
select relname, pg_total_relation_size(oid) from pg_class
where relname in ('step', 'payload', 'transition') and relnamespace = 'wf'::regnamespace
"""
_WAKE = """
with few as (
  select key from wf.instance
  where due_at is not null and status = 'waiting'
  order by due_at desc  -- those that nobody has woken before
  limit %(number)s
  for update
),
woken as (
  update wf.step set wake_at = to_timestamp(%(at)s) where instance in (select key from few)
)
update wf.instance set due_at = greatest(to_timestamp(%(at)s), now()) where key in (select key from few)
"""


@dataclass
class _Seen:
    """What was seen while the crowd was woken.

    Attributes:
        queued: Most nudges of the alarm in the queue.
        looks: How often it was looked at.
        empty: How often nothing was in it.
        created: Ids of new instances.
        naps: Ids of those that were put to a short sleep.
    """

    queued: int = 0
    looks: int = 0
    empty: int = 0
    created: list[str] = field(default_factory=list)
    naps: list[str] = field(default_factory=list)


@contextmanager
def _watched(ours: Ours) -> Iterator[_Seen]:
    """Look at the queue, create new instances, and put some to a short sleep, all the while."""
    seen = _Seen()

    def look() -> None:
        queued = queue.lrange(ours.settings.broker_prefix + ours.settings.queue, 0, -1)
        woken = sum(BY_ALARM in message for message in queued)
        seen.queued, seen.looks, seen.empty = max(seen.queued, woken), seen.looks + 1, seen.empty + (not queued)

    def nap() -> None:
        seen.naps.append(ours.client.workflow("sleeper").create(params=3.0).id)  # too long for a message to wait

    with connect(ours.settings) as queue, _new_work(ours) as seen.created, _again(0.02, look), _again(0.25, nap):
        yield seen


@contextmanager
def _new_work(ours: Ours) -> Iterator[list[str]]:
    """Create instances at a steady pace, however soon they begin; gives their ids."""
    ids: list[str] = []
    with _again(PACE, lambda: ids.append(ours.client.workflow("chain").create(params=1).id)):
        yield ids


@contextmanager
def _again(seconds: float, call: Callable[[], object]) -> Iterator[None]:
    """Call again and again, in a thread."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(seconds):
            call()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _starts(ours: Ours, journal: psycopg.Connection[Any], ids: list[str]) -> list[float]:
    """Seconds from the creation of each to the begin of its first step, by the database's clock."""
    ended = "select count(*) from wf.instance where id = any(%s) and status = 'complete'"
    wait_for(lambda: journal.execute(ended, [ids]).fetchall() == [(len(ids),)], ENDS, "new work ends", ours.workers)
    return [seconds for (seconds,) in journal.execute(
        "select extract(epoch from s.attempt_at - i.created_at)::float8 from wf.instance i"
        " join wf.step s on s.instance = i.key where i.id = any(%s) and s.seq = 1", [ids],
    )]  # fmt: skip


def _ticks(ours: Ours, journal: psycopg.Connection[Any], *, due: int) -> list[float]:
    """Seconds of ticks, each of which finds so many sleepers due. Its nudges go where nobody takes them."""
    settings = ours.settings.model_copy(update={"queue": f"{ours.settings.queue}-nobody"})
    queue = connect(settings)
    owner, times, woken = Runtime(settings), [], 0
    try:
        for tick in range(TICKS + 5):
            if due:
                journal.execute(_WAKE, {"number": due, "at": time.time() - 1})
            began = time.perf_counter()
            woken += owner.alarm.run_once()
            if tick >= 5:  # the first ones open connections
                times.append(time.perf_counter() - began)
            queue.delete(settings.broker_prefix + settings.queue)
    finally:
        owner.close()
        queue.close()
    if woken < due * TICKS * 0.9:  # beat's alarm may have been quicker now and then
        raise BenchError(f"The ticks have woken {woken} of {due * TICKS}.")
    return times


def _plan(journal: psycopg.Connection[Any], ahead: float, limit: int) -> list[str]:
    values = {"ahead": ahead, "oldest": limit - limit // 2, "latest": limit // 2, "renudge": 30.0, "now": None}
    with journal.transaction(force_rollback=True):
        rows = journal.execute(("explain (analyze, buffers) " + statements()["alarm_due"]).encode(), values).fetchall()
    return [row[0] for row in rows]


def _asleep(journal: psycopg.Connection[Any]) -> bool:
    return bool(
        journal.execute("select 1 from wf.instance where id like 'crowd-%' and due_at is not null limit 1").fetchall()
    )


def _due_soon(journal: psycopg.Connection[Any]) -> bool:
    return bool(journal.execute("select 1 from wf.instance where due_at < now() + interval '1 day' limit 1").fetchall())


def _check(journal: psycopg.Connection[Any], number: int) -> None:
    """All of the crowd are complete, each having run its step once."""
    complete = _one(journal, "select count(*) from wf.instance where id like 'crowd-%' and status = 'complete'")
    once = _one(
        journal,
        "select count(*) from wf.step join wf.instance on key = instance"
        " where id like 'crowd-%' and kind = 'do' and step.status = 'complete' and attempt = 1",
    )
    if (complete, once) != (number, number):
        raise BenchError(f"{complete} of {number} sleepers are complete, {once} of their steps at first try.")


def _lags(journal: psycopg.Connection[Any], ids: list[str]) -> list[float]:
    """Seconds from the end of each nap to the first line of the step after it, of those that have ended."""
    rows = journal.execute(
        "select extract(epoch from s.wake_at)::float8, p.output from wf.instance i"
        " join wf.step s on s.instance = i.key join wf.payload p on p.instance = i.key"
        " where i.id = any(%s) and s.kind = 'sleep' and p.output is not null",
        [ids],
    ).fetchall()
    return [decode(bytes(output)) - wake_at for wake_at, output in rows]


def _one(journal: psycopg.Connection[Any], sql: str) -> Any:
    (row,) = journal.execute(sql.encode()).fetchall()
    return row[0]
