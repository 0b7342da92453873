"""Events that an instance has received: those that a wait has taken, and those that still wait for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support.errands import Errand, moment
from tests.support.parcels import Parcel
from tests.support.plans import plan_of, scans
from wf import InstanceNotFound, WorkflowEntrypoint
from wf.descriptions import TRUNCATED, to_show
from wf.listing import LOOK, InvalidQuery
from wf.sql import statements

if TYPE_CHECKING:
    from tests.support import Rig


class Takes(WorkflowEntrypoint, name="takes"):
    """Takes two of the events that come."""

    async def run(self, event: Any, step: Any) -> Any:
        for _ in range(2):
            await step.wait_for_event("approval", "go")
        await step.wait_for_event("end", "stop")


def send(rig: Rig, *types: str) -> None:
    """One event after the other, each a second later."""
    instance = rig.client.workflow(Takes).get("t-1")
    for number, type in enumerate(types):
        instance.send_event(type, {"number": number}, event_id=f"e-{number}")
        rig.clock.advance(1)


def test_events_tell_who_took_them(rig: Rig) -> None:
    """In the order in which they came: the wait with its counter, or nobody yet."""
    rig.create(Takes, "t-1")
    rig.settle()
    send(rig, "go", "other", "go")
    rig.settle()
    first, other, second = rig.client.catalog.events("takes", "t-1")
    assert (first.type, first.payload, first.event_id, first.accepted_at, first.consumed_by) == (
        "go", {"number": 0}, "e-0", moment(0), "approval-1",
    )  # fmt: skip
    assert (other.type, other.accepted_at, other.consumed_by) == ("other", moment(1), None)
    assert second.consumed_by == "approval-2"
    assert first.id < other.id < second.id


def test_events_can_be_filtered_by_whether_they_wait(rig: Rig) -> None:
    """Those that wait are there before any worker has seen them, and with Redis emptied."""
    rig.create(Takes, "t-1")
    rig.settle()
    send(rig, "go", "other", "go", "other")
    events = rig.client.catalog.events
    assert len(events("takes", "t-1", waiting=True)) == 4
    rig.settle()
    rig.lose_messages()
    assert [event.event_id for event in events("takes", "t-1", waiting=True)] == ["e-1", "e-3"]
    assert [event.event_id for event in events("takes", "t-1", waiting=False)] == ["e-0", "e-2"]
    assert len(events("takes", "t-1")) == 4


def test_pages_of_events_give_each_once(rig: Rig) -> None:
    """Whatever their size, filtered or not."""
    rig.create(Takes, "t-1")
    rig.settle()
    send(rig, *["go", "other"] * 4)
    rig.settle()
    for waiting, number in ((None, 8), (True, 6), (False, 2)):
        found, cursor = [], None
        while True:
            page = rig.client.catalog.events("takes", "t-1", cursor=cursor, limit=3, waiting=waiting)
            found += [event.id for event in page]
            if (cursor := page.cursor) is None:
                break
        assert len(found) == number
        assert found == sorted(set(found))


def test_waiting_events_behind_many_that_were_taken_are_looked_for_a_piece_at_a_time(rig: Rig) -> None:
    """A page ends after so many events, and its cursor leads on to the one that waits."""
    rig.create(Takes, "t-1")
    rig.settle()
    send(rig, "go")
    rig.settle()
    fill(rig, LOOK)
    send(rig, "other")
    rig.sql("update wf.event set type = 'late' where id = (select max(id) from wf.event)")
    page = rig.client.catalog.events("takes", "t-1", waiting=True)
    assert page == []
    (last,) = rig.client.catalog.events("takes", "t-1", waiting=True, cursor=page.cursor)
    assert last.type == "late"


def fill(rig: Rig, number: int) -> None:
    """Let the one event have so many followers like it, and another one behind them."""
    rig.sql(
        "insert into wf.event (instance, type, payload, consumed_by) select instance, type, payload, consumed_by"
        f" from wf.event, generate_series(1, {number})"
    )
    rig.sql(
        "insert into wf.event (instance, type, payload)"
        " select instance, type, payload from wf.event order by id limit 1"
    )
    rig.sql("analyze wf.event")


def test_payloads_are_shown_without_their_classes_and_bounded(rig: Rig) -> None:
    """What is too long is not read, nor what is too much with the others."""
    instance = rig.create(Takes, "t-1")
    for payload in (b"bytes", *["x" * 900_000] * 20):
        instance.send_event("other", payload)
    events = rig.client.catalog.events("takes", "t-1")
    assert [event.payload for event in events] == ["Ynl0ZXM=", *[TRUNCATED] * 20]
    events = rig.client.catalog.events("takes", "t-1", extent=to_show(1_000_000))
    assert [len(event.payload) for event in events[1:]] == [900_000] * 18 + [len(TRUNCATED)] * 2


def test_a_restart_gives_events_back_or_forgets_them(rig: Rig) -> None:
    """From the start they are gone; nobody has taken what is waited for again."""
    instance = rig.create(Takes, "t-1")
    rig.settle()
    send(rig, "go", "other")
    rig.settle()
    instance.restart(from_step={"name": "approval", "count": 2, "type": "waitForEvent"})
    assert [event.consumed_by for event in rig.client.catalog.events("takes", "t-1")] == ["approval-1"]
    instance.restart()
    assert rig.client.catalog.events("takes", "t-1") == []


def test_events_are_found_by_the_index(rig: Rig) -> None:
    """Among thousands of others, the plans read no table from end to end."""
    rig.create(Takes, "t-1")
    rig.settle()
    send(rig, "go")
    fill(rig, 5000)
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        for name in ("events_page", "events_looked"):
            assert list(scans(plan_of(connection, statements()[name]))) == [], name


def test_what_cannot_be_asked_for_is_refused(rig: Rig) -> None:
    """An instance that is not there, a cursor that no list gave, a page that is too long."""
    rig.create(Errand, "i-1", {"do": "wait"})
    rig.workers[0].catalog.register(Parcel)
    events = rig.client.catalog.events
    with pytest.raises(InstanceNotFound):
        events("errand", "nope")
    for wrong in ({"cursor": "x"}, {"limit": 0}, {"limit": 101}):
        with pytest.raises(InvalidQuery):
            events("errand", "i-1", **wrong)
    assert events("errand", "i-1", cursor="9" * 60) == []
