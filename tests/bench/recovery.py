"""Recovery with the default settings: how soon work goes on after a worker, all of Redis, or beat has died."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
import redis

from tests.bench.figures import Figure, Goal
from tests.bench.groups import LIMIT, BenchError, wait_for
from wf.codec import decode
from wf.dev.process import kill_group

if TYPE_CHECKING:
    from tests.bench.groups import Ours, Worker
    from tests.bench.stage import Stage

ROUNDS = 3
"""How often each is done; the slowest counts."""

IN_FLIGHT = 200

NOW = "select extract(epoch from clock_timestamp())::float8"

NAPS = [2.5 + n / 4 for n in range(23)]
"""Seconds that sleepers sleep while beat dies: longer than a message waits, and some end in each moment of silence."""


def recovery(stage: Stage) -> list[Figure]:
    """Seconds from each death until work goes on."""
    rounds = 1 if stage.plan.quick else ROUNDS
    killed = [_after_sigkill(stage) for _ in range(rounds)]
    flushed = [_after_flushall(stage) for _ in range(rounds)]
    late = [_without_beat(stage) for _ in range(rounds)]
    return [
        _figure("SIGKILL of a worker, until another has claimed its step", killed, 32),
        _figure(f"FLUSHALL with {IN_FLIGHT} in flight, until all have moved on", flushed, 35),
        _figure("beat dead, a sleeper is late by", late, 5),
    ]


def _figure(what: str, seconds: list[float], most: float) -> Figure:
    what = f"{what}, worst of {len(seconds)}"
    return Figure("recovery", what, max(seconds), "s", goal=Goal(most, at_most=True), detail={"seconds": seconds})


def _after_sigkill(stage: Stage) -> float:
    """A worker dies in the middle of a step; another one begins it again."""
    with stage.ours(beat=True) as ours, _journal(ours) as journal:
        instance = ours.client.workflow("stuck").create(params=600.0)
        wait_for(lambda: _attempt(journal)[0] == 1, LIMIT, "the step begins", ours.workers)
        time.sleep(ours.settings.lease / 3 + 2)  # the lease has been extended once, as in most of a long step
        victim = _whose(ours, journal)
        died = _value(journal, NOW)
        kill_group(victim.process)
        others = [worker for worker in ours.workers if worker is not victim]
        wait_for(lambda: _attempt(journal)[0] == 2, LIMIT, "another worker claims it", others)
        _, began = _attempt(journal)
        instance.result(timeout=LIMIT)
        return float(began - died)


def _after_flushall(stage: Stage) -> float:
    """Redis loses everything that is in it; the alarm nudges again whoever had a nudge there."""
    with stage.ours(beat=True) as ours, _journal(ours) as journal:
        handle = ours.client.workflow("brisk")
        since = _value(journal, "select max(key) from wf.instance")
        for _ in range(IN_FLIGHT):
            handle.create(params=30)
        begun = "select count(distinct instance) from wf.step where instance > %(since)s"
        wait_for(lambda: _value(journal, begun, since=since) == IN_FLIGHT, LIMIT, "all have begun", ours.workers)
        with redis.Redis.from_url(ours.settings.redis_url) as connection:
            connection.flushall()
        at: float = _value(journal, NOW)
        left = "select count(*) from wf.instance where key > %(since)s and due_at is not null"
        wait_for(lambda: _value(journal, left, since=since) == 0, LIMIT, "all have ended", ours.workers)
        _check(journal, since)
        moved = (
            "select extract(epoch from max(moved))::float8 from ("
            "select least(i.ended_at, min(s.attempt_at)) as moved from wf.instance i"
            " left join wf.step s on s.instance = i.key and s.attempt_at > to_timestamp(%(at)s)"
            " where i.key > %(since)s and i.ended_at > to_timestamp(%(at)s) group by i.key) as each"
        )
        last: float = _value(journal, moved, since=since, at=at)
        return last - at


def _without_beat(stage: Stage) -> float:
    """Beat dies while instances sleep; workers notice, and stand in."""
    with stage.ours(beat=True) as ours, _journal(ours) as journal:
        tick = ours.settings.alarm_tick
        wait_for(lambda: _ticks(journal, 5 * tick) <= 6, LIMIT, "beat is the only one that ticks", ours.workers)
        since, handle = _value(journal, "select max(key) from wf.instance"), ours.client.workflow("sleeper")
        for seconds in NAPS:
            handle.create(params=seconds)
        asleep = "select count(*) from wf.instance where key > %(since)s and status = 'waiting'"
        wait_for(lambda: _value(journal, asleep, since=since) == len(NAPS), LIMIT, "all sleep", ours.workers)
        if ours.beat is None:
            raise BenchError("There is no beat.")
        kill_group(ours.beat.process)
        left = "select count(*) from wf.instance where key > %(since)s and due_at is not null"
        wait_for(lambda: _value(journal, left, since=since) == 0, LIMIT, "all have ended", ours.workers)
        rows = journal.execute(
            "select extract(epoch from s.wake_at)::float8, p.output from wf.step s join wf.payload p using (instance)"
            " where s.kind = 'sleep' and s.instance > %s",
            [since],
        ).fetchall()
        return float(max(decode(bytes(output)) - wake_at for wake_at, output in rows))


def _ticks(journal: psycopg.Connection[Any], seconds: float) -> int:
    """How often the alarm runs in so many seconds: more than once a tick if a worker stands in, as before beat."""
    seen, until = set(), time.monotonic() + seconds
    while time.monotonic() < until:
        seen.add(_value(journal, "select max(ticked_at) from wf.tick where name = 'alarm'"))
        time.sleep(0.02)
    return len(seen)


def _journal(ours: Ours) -> psycopg.Connection[Any]:
    return psycopg.connect(ours.settings.database_url, autocommit=True)


def _attempt(journal: psycopg.Connection[Any]) -> tuple[int, float]:
    """Number and begin of the last attempt of the step that is stuck; 0 if it has not begun."""
    rows = journal.execute(
        "select s.attempt, extract(epoch from s.attempt_at)::float8 from wf.step s"
        " join wf.instance i on i.key = s.instance where i.workflow = 'stuck'"
    ).fetchall()
    return rows[0] if rows else (0, 0.0)


def _whose(ours: Ours, journal: psycopg.Connection[Any]) -> Worker:
    """The worker that runs the step that is stuck."""
    name = _value(journal, "select s.worker from wf.step s join wf.instance i on i.key = s.instance"
                           " where i.workflow = 'stuck'")  # fmt: skip
    (found,) = (worker for worker in ours.workers if name.endswith(f":{worker.pid}"))
    return found


def _check(journal: psycopg.Connection[Any], since: int) -> None:
    """All are complete, and no step ran twice."""
    ended = journal.execute(
        "select status, count(*) from wf.instance where key > %s group by status", [since]
    ).fetchall()
    again = _value(journal, "select count(*) from wf.step where instance > %(since)s and attempt > 1", since=since)
    if ended != [("complete", IN_FLIGHT)] or again:
        raise BenchError(f"After FLUSHALL: {dict(ended)}, and {again} steps were begun again.")


def _value(journal: psycopg.Connection[Any], sql: str, **values: Any) -> Any:
    return journal.execute(sql.encode(), values).fetchall()[0][0]
