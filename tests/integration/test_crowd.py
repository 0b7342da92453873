"""A crowd of sleepers that are due at one moment, beside new work, on a real worker. No beat: the worker stands in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from redis import Redis

from tests.support.crowds import multiply
from wf import Client
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from wf import Settings
    from wf.testing.processes import Processes

MODULE = "tests.support.crowd_flows"
CROWD = 2_000


@pytest.mark.timeout(400)  # thousands of commits; the rest is one look after another
def test_new_work_passes_a_crowd_by(settings: Settings, wf_processes: Processes) -> None:
    """The queue never holds more than a batch and a half, new work ends while most still sleep, and all wake once."""
    queue = settings.broker_prefix + settings.queue
    with (
        Client(settings=settings) as client,
        psycopg.connect(settings.database_url, autocommit=True) as journal,
        Redis.from_url(settings.redis_url) as redis,
    ):
        wf_processes.worker(MODULE, settings=settings, concurrency=10)
        first = client.workflow("crowd-sleeper").create("first")
        wait_until(lambda: first.status().status == "waiting", what="the first one sleeps")
        (key,) = journal.execute("select key from wf.instance where id = 'first'").fetchall()[0]
        multiply(journal, key, CROWD, time.time() - 1)
        longest, left = 0, 0

        def look() -> Any:
            nonlocal longest, left
            longest = max(longest, int(redis.llen(queue)))
            asleep = "select count(*) from wf.instance where workflow = 'crowd-sleeper' and status = 'waiting'"
            (left,) = journal.execute(asleep).fetchall()[0]
            return left

        wait_until(lambda: look() <= CROWD - settings.alarm_batch, 30, "the crowd begins to wake")
        newcomer = client.workflow("crowd-newcomer").create("new")
        wait_until(lambda: look() is not None and newcomer.status().status == "complete", 60, "new work ends")
        assert left > CROWD // 4, f"only {left} of {CROWD} still slept when new work had ended"
        wait_until(lambda: look() == 1, 300, "all but the first one are awake")
        done = "select count(*) from wf.step where name = 'wake' and status = 'complete' and attempt = 1"
        wait_until(lambda: journal.execute(done).fetchall() == [(CROWD,)], 60, "each has woken once")
        # While the queue is not full, a tick and the feeder may each add a fourth of a batch; new work adds one.
        assert 0 < longest <= settings.alarm_batch * 1.5 + 1
