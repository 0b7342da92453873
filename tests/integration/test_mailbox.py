"""The mailbox: it delivers events, and may vanish, lie or repeat itself at any moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig
from tests.support.errands import Errand
from wf import WorkflowEntrypoint
from wf.journal import Journal
from wf.mailbox import KEPT, Mailbox, _dump

if TYPE_CHECKING:
    from wf.dev.servers import Valkey
    from wf.instance import Instance
    from wf.settings import Settings


class Counting(WorkflowEntrypoint, name="mailbox-counting"):
    """Takes as many events as its payload says, one after the other."""

    async def run(self, event: Any, step: Any) -> list[Any]:
        return [(await step.wait_for_event("permit", "go", timeout="1 hour")).payload for _ in range(event.payload)]


@pytest.fixture
def waiting(rig: Rig) -> Instance:
    """An instance that waits for two events."""
    instance = rig.create(Counting, params=2)
    rig.settle()
    return instance


def box(rig: Rig) -> str:
    """The name of the only instance's list in Redis."""
    return f"{rig.settings.key_prefix}mailbox:{rig.sql('select key from wf.instance')[0][0]}"


def entries(rig: Rig) -> list[Any]:
    found: Any = rig.redis.lrange(box(rig), 0, -1)
    return list(found)


def test_an_event_is_in_postgres_and_in_the_mailbox_when_send_event_returns(rig: Rig, waiting: Instance) -> None:
    """One row, one entry that Redis will forget some day, and one message that carries no payload."""
    waiting.send_event("go", {"secret": 4711})
    assert rig.sql("select count(*) from wf.event") == [(1,)]
    assert len(entries(rig)) == 1
    ttl: Any = rig.redis.ttl(box(rig))
    assert 0 < ttl <= KEPT
    messages: Any = rig.redis.lrange(rig.settings.key_prefix + rig.settings.queue, 0, -1)
    assert not any(b"4711" in message for message in messages)


def test_a_consumed_event_leaves_the_mailbox(rig: Rig, waiting: Instance) -> None:
    """What a wait has taken is in the journal, and nowhere else."""
    waiting.send_event("go", 1)
    rig.settle()
    assert entries(rig) == []
    assert rig.sql("select consumed_by from wf.event") == [(1,)]
    assert rig.sql("select inbox from wf.instance") == [(0,)]


def test_events_are_read_from_the_mailbox_while_it_is_right(rig: Rig, waiting: Instance) -> None:
    """A mailbox that holds as many events as the instance counts is believed: Postgres is not asked."""
    waiting.send_event("other", 1)
    key = rig.sql("select key from wf.instance")[0][0]
    rig.sql("update wf.event set payload = '\\x0137'")
    (event,) = rig.workers[0].mailbox.read(key, 1)
    assert (event.type, event.payload) == ("other", b"\x011")


def test_a_lost_mailbox_is_refilled(rig: Rig, waiting: Instance) -> None:
    """With the list deleted, the events come from Postgres, in order; an instance that has ended has no list."""
    for n in range(3):
        waiting.send_event("other" if n == 1 else "go", n)
    rig.redis.delete(box(rig))
    rig.settle()
    assert waiting.result(timeout=1) == [0, 2]
    assert entries(rig) == []


def test_a_mailbox_that_lacks_some_events_is_refilled(rig: Rig, waiting: Instance) -> None:
    """One entry of two is gone, as when Redis was away for a while: none is overlooked."""
    waiting.send_event("go", 1)
    waiting.send_event("go", 2)
    rig.redis.lpop(box(rig))
    rig.settle()
    assert waiting.result(timeout=1) == [1, 2]


def test_a_repeated_entry_counts_once(rig: Rig, waiting: Instance) -> None:
    """An event that stands twice in the list is taken by one wait, and the other wait goes on."""
    waiting.send_event("go", 1)
    rig.redis.rpush(box(rig), *entries(rig))
    rig.settle()
    assert waiting.status().status == "waiting"
    waiting.send_event("go", 2)
    rig.settle()
    assert waiting.result(timeout=1) == [1, 2]


def test_a_stale_entry_is_not_taken_again(rig: Rig, waiting: Instance) -> None:
    """An event that was consumed, but whose entry came back, makes nobody believe that it is there."""
    waiting.send_event("go", 1)
    stale = entries(rig)
    rig.settle()
    waiting.send_event("other", 0)
    rig.redis.delete(box(rig))
    rig.redis.rpush(box(rig), *stale)
    rig.settle()
    assert waiting.status().status == "waiting"
    waiting.send_event("go", 2)
    rig.settle()
    assert waiting.result(timeout=1) == [1, 2]


def test_entries_out_of_order_are_put_in_order(rig: Rig, waiting: Instance) -> None:
    """The order of events is that of Postgres, whichever came first into the list."""
    waiting.send_event("go", 1)
    waiting.send_event("go", 2)
    swapped = list(reversed(entries(rig)))
    rig.redis.delete(box(rig))
    rig.redis.rpush(box(rig), *swapped)
    rig.settle()
    assert waiting.result(timeout=1) == [1, 2]


@pytest.mark.parametrize("rubbish", [b"rubbish", b"[1]", b"{}", b'["x", "go", "!", 0]'])
def test_an_entry_that_nobody_can_read_is_replaced(rig: Rig, waiting: Instance, rubbish: bytes) -> None:
    """A damaged list costs a refill, not the instance."""
    waiting.send_event("go", 1)
    rig.redis.delete(box(rig))
    rig.redis.rpush(box(rig), rubbish)
    rig.settle()
    waiting.send_event("go", 2)
    rig.settle()
    assert waiting.result(timeout=1) == [1, 2]


def test_without_redis_the_events_come_from_postgres(own_redis_settings: Settings, own_redis: Valkey) -> None:
    """With Redis down, reading, sending, removing and refilling go on, and every event arrives."""
    with Rig(own_redis_settings) as rig:
        instance = rig.create(Counting, params=2)
        (nudge,) = rig.take()
        rig.advance(nudge)
        own_redis.stop()
        instance.send_event("go", 1)
        instance.send_event("go", 2)
        rig.advance(nudge)
        assert instance.result(timeout=1) == [1, 2]
        own_redis.start()


def test_two_instances_do_not_read_each_others_mail(rig: Rig) -> None:
    """Each instance has a list of its own."""
    one, other = rig.create(Errand, "one", {"do": "wait"}), rig.create(Errand, "other", {"do": "wait"})
    rig.settle()
    one.send_event("go", "for one")
    rig.settle()
    assert (one.result(timeout=1), other.status().status) == ("for one", "waiting")


def test_a_refill_makes_the_mailbox_what_postgres_says(rig: Rig, waiting: Instance) -> None:
    """Entries that do not belong there are gone, those that do are there once."""
    waiting.send_event("other", 1)
    rig.redis.rpush(box(rig), b"rubbish", *entries(rig))
    mailbox = Mailbox(rig.settings, Journal(rig.workers[0].database, rig.clock))
    key = rig.sql("select key from wf.instance")[0][0]
    events = mailbox.refill(key)
    mailbox.close()
    assert [event.type for event in events] == ["other"]
    assert entries(rig) == [_dump(events[0])]
