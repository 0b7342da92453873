"""What the doctor finds wrong with Redis and the queues in it, each thing provoked for real."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support import Rig
from tests.support.doctor import Examined, staff
from tests.support.errands import Errand
from wf.dispatch import Nudge
from wf.doctor.broker import TICKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.settings import Settings


@pytest.fixture
def examined(rig: Rig) -> Iterator[Examined]:
    """All is well, until the test comes."""
    rig.workers[0].catalog.register(Errand)
    staff(rig)
    made = Examined(rig)
    yield made
    made.close()


@pytest.fixture
def own(own_redis_settings: Settings) -> Iterator[Rig]:
    """The same, with a Redis of its own."""
    with Rig(own_redis_settings) as rig:
        rig.workers[0].catalog.register(Errand)
        staff(rig)
        yield rig


def test_a_redis_that_forgets_is_wrong(own: Rig) -> None:
    """One that throws keys away, that is nearly full, that takes no writes; one without a log is a note."""
    examined = Examined(own)
    own.redis.config_set("maxmemory-policy", "allkeys-lru")
    assert examined.wrong()["redis memory"].facts["policy"] == "allkeys-lru"
    own.redis.config_set("maxmemory-policy", "noeviction")
    own.redis.config_set("maxmemory", 1_000_000)
    assert "maxmemory" in examined.wrong()["redis memory"].what
    own.redis.config_set("maxmemory", 0)
    assert examined.wrong() == {}
    own.redis.config_set("appendonly", "no")
    assert "WF_RENUDGE" in examined.notes()["redis writes"].what
    own.redis.replicaof("127.0.0.1", "1")
    assert "replica" in examined.wrong()["redis writes"].what
    examined.close()


def test_a_queue_that_others_use_is_wrong(rig: Rig, examined: Examined) -> None:
    """A key of another kind, a task of another application, what nobody can read; ours are no trouble."""
    key = rig.settings.broker_prefix + rig.settings.queue
    rig.create(Errand)
    assert examined.wrong() == {}
    for message, told in ((b'{"headers": {"task": "shop.mail"}}', "shop.mail"), (b"\xff", "what nobody can read")):
        rig.redis.rpush(key, message)
        assert told in examined.wrong()["redis keys"].what
    rig.redis.delete(key)
    rig.redis.set(key, "1")
    assert "string" in examined.wrong()["redis keys"].what


def test_ticks_that_nobody_takes_are_wrong(rig: Rig, examined: Examined) -> None:
    """Too many of them, or one that is too old."""
    for _ in range(TICKS):
        rig.client.dispatcher.publish_task("wf.jobs")
    assert examined.wrong()["redis keys"].facts["length"] == TICKS
    key = f"{rig.settings.broker_prefix}{rig.settings.queue}.alarm"
    rig.redis.delete(key)
    rig.redis.rpush(key, '{"headers": {"task": "wf.alarm", "expires": "2020-01-01T00:00:00+00:00"}}')
    assert examined.wrong()["redis keys"].facts["seconds"] > 1e8


def test_messages_that_were_taken_are_told_of(rig: Rig, examined: Examined) -> None:
    """As the transport of a team's own app notes them."""
    prefix = rig.settings.broker_prefix
    rig.redis.hset(f"{prefix}unacked", "tag", "message")
    rig.redis.zadd(f"{prefix}unacked_index", {"tag": time.time() - 90})
    assert examined.notes()["redis keys"].facts["number"] == 1
    assert 90 <= examined.notes()["redis keys"].facts["seconds"] < 120


def test_nudges_of_another_journal_are_wrong(rig: Rig, examined: Examined) -> None:
    """Two deployments share a queue; nudges of instances that were removed are no trouble."""
    rig.create(Errand)
    rig.sql("delete from wf.instance")
    assert examined.wrong() == {}
    rig.client.dispatcher.publish([Nudge(10_000, 1, 0)])
    assert examined.wrong()["redis keys"].facts["keys"] == [10_000]
