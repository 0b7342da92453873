"""Subscriptions: where they begin, what they leave out, how they wait and how they end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.feeds import drained, names, told
from wf import AsyncClient, InstanceNotFound, WorkflowEntrypoint
from wf.database import Database
from wf.errors import InvalidSubscription
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support import Rig

ONE_STEP = [
    "workflow_queued", "workflow_started", "workflow_running", "step_started", "attempt_started", "attempt_completed",
    "step_completed", "workflow_completed",
]  # fmt: skip


class OneStep(WorkflowEntrypoint, name="feed-one-step-more"):
    """The smallest workflow that does something."""

    async def run(self, event: Any, step: Any) -> Any:
        return await step.do("add", lambda: event.payload["n"] + 1)


def test_every_cursor_gives_what_comes_after_it(rig: Rig) -> None:
    """Wherever a subscription begins, it gives the rest; behind the last event it ends at once."""
    instance = rig.create(OneStep, params={"n": 1})
    rig.settle()
    events = told(instance)
    for n, event in enumerate(events):
        assert told(instance, cursor=event.event_id) == events[n + 1 :]
        assert told(instance, cursor=event.event_id - 1) == events[n:]
    assert told(instance, cursor=2**80) == []


def test_a_filter_chooses_types_and_the_feed_ends_nevertheless(rig: Rig) -> None:
    """The last event ends the iteration even if nobody wanted to see it."""
    instance = rig.create(OneStep, params={"n": 1})
    rig.settle()
    assert names(told(instance, filter=["step_completed"])) == ["step_completed"]
    assert names(told(instance, filter=("workflow_started", "attempt_started"))) == [
        "workflow_started", "attempt_started",
    ]  # fmt: skip
    assert told(instance, filter=[]) == []


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"cursor": -1}, "cursor must be the eventId of an event, or 0 for all, not -1"),
        ({"cursor": True}, "not True"),
        ({"cursor": "7"}, "not '7'"),
        ({"cursor": 1.0}, "not 1.0"),
        ({"filter": ["step_done"]}, "no events of type 'step_done'. Types: workflow_queued, "),
        ({"filter": [["step_completed"]]}, "no events of type "),
        ({"filter": "step_completed"}, "filter must be a list of types of events, not 'step_completed'"),
        ({"filter": 7}, "not 7"),
    ],
)
def test_a_subscription_that_makes_no_sense_is_refused(rig: Rig, asked: dict[str, Any], problem: str) -> None:
    """A bad cursor and an unknown type are errors at once, which say what would do."""
    instance = rig.create(OneStep)
    with pytest.raises(InvalidSubscription) as raised:
        instance.subscribe(**asked)
    assert problem in str(raised.value)
    assert raised.value.code == "subscription.invalid"


def test_an_instance_that_is_not_there_cannot_be_subscribed_to(rig: Rig) -> None:
    """Neither one that never was, nor one that was deleted while somebody waited for its events."""
    instance = rig.create(OneStep)
    never = type(instance)(rig.client, "feed-one-step-more", "never")
    with pytest.raises(InstanceNotFound, match="no instance 'never'"):
        never.subscribe()
    live = instance.subscribe()
    assert names(drained(live)) == ["workflow_queued"]
    instance.delete()
    with pytest.raises(InstanceNotFound, match="no instance 'i-1'"):
        next(live)


def test_waiting_ends_by_its_timeout_and_may_begin_again(rig: Rig) -> None:
    """A late event is a TimeoutError, and no event is lost by it."""
    instance = rig.create(OneStep, params={"n": 1})
    live = instance.subscribe(timeout=0.02)
    assert next(live).type == "workflow_queued"
    with pytest.raises(TimeoutError, match=r"No event came within 0\.02 s"):
        next(live)
    rig.settle()
    assert names(list(live)) == ONE_STEP[1:]


def test_closing_ends_the_wait_of_another_thread_and_every_later_one(rig: Rig) -> None:
    """`close()` wakes whoever waits for an event; `next()` says done from then on."""
    instance = rig.create(OneStep)
    with instance.subscribe() as live:
        assert live.next() == {"done": False, "value": told(instance, timeout=0)[0]}
        waiting = rig.in_thread(live.next)
    assert waiting.result(timeout=5) == {"done": True, "value": None}
    assert live.next().done
    assert list(live) == []


def test_threads_that_share_a_subscription_are_served_one_after_another(rig: Rig) -> None:
    """Each event goes to exactly one of them."""
    instance = rig.create(OneStep, params={"n": 1})
    live = instance.subscribe()
    waiting = [rig.in_thread(list, live) for _ in range(4)]
    rig.settle()
    got = [event for one in waiting for event in one.result(timeout=10)]
    assert sorted(event.event_id for event in got) == [event.event_id for event in told(instance)]


def test_a_subscriber_that_waits_reads_one_hot_row_and_no_history(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the row of the instance is looked at until something has happened."""
    instance = rig.create(OneStep, params={"n": 1})
    live = instance.subscribe(timeout=0)
    assert next(live).type == "workflow_queued"
    asked: list[str] = []
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        asked.append(sql)
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", listen)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            next(live)
    assert set(asked) == {statements()["feed_look"]}
    assert "wf.instance" in asked[0]
    assert "wf.step" not in asked[0]


# Async.


def serve(rig: Rig, body: Callable[[AsyncClient], Awaitable[None]]) -> None:
    """Run async code with a client on the rig's clock."""

    async def main() -> None:
        async with AsyncClient(settings=rig.settings, clock=rig.clock) as client:
            await body(client)

    asyncio.run(main())


def test_async_code_iterates_over_the_same_events(rig: Rig) -> None:
    """Past and coming events, from a cursor and through a filter, as the client gives them."""

    async def body(client: AsyncClient) -> None:
        instance = await client.workflow(OneStep).create(params={"n": 1})
        async with instance.subscribe() as live:
            assert (await anext(live)).type == "workflow_queued"
            working = asyncio.create_task(asyncio.to_thread(rig.settle))
            seen = [event async for event in live]
            await working
        assert names(seen) == ONE_STEP[1:]
        assert [event async for event in instance.subscribe(cursor=seen[2].event_id)] == seen[3:]
        assert names([event async for event in instance.subscribe(filter=["step_started"])]) == ["step_started"]

    serve(rig, body)


def test_async_subscriptions_wait_beside_each_other_and_end_when_they_are_closed(rig: Rig) -> None:
    """Fifty of them wait at once beside an event loop that goes on; closing one ends its wait."""

    async def body(client: AsyncClient) -> None:
        instance = await client.workflow(OneStep).create(params={"n": 1})
        waiting = [instance.subscribe(filter=["workflow_completed"]) for _ in range(50)]
        asked = [asyncio.ensure_future(live.next()) for live in waiting]
        assert await asyncio.to_thread(sum, [1, 1]) == 2
        await waiting[0].close()
        assert await asked[0] == {"done": True, "value": None}
        assert (await waiting[0].next()).done
        await asyncio.to_thread(rig.settle)
        assert {(await one).value.type for one in asked[1:]} == {"workflow_completed"}

    serve(rig, body)


def test_async_errors_are_the_clients(rig: Rig) -> None:
    """A bad filter, an instance that is not there, a late event, and a wait that is cancelled and misses nothing."""

    async def body(client: AsyncClient) -> None:
        instance = await client.workflow(OneStep).create(params={"n": 1})
        with pytest.raises(InvalidSubscription):
            instance.subscribe(filter=["nonsense"])
        live = instance.subscribe(timeout=0.02)
        assert (await anext(live)).type == "workflow_queued"
        with pytest.raises(TimeoutError, match="No event came within"):
            await anext(live)
        patient = instance.subscribe(cursor=live.cursor)
        waiting = asyncio.ensure_future(anext(patient))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.to_thread(rig.settle)
        assert names([event async for event in patient]) == ONE_STEP[1:]
        await instance.delete()
        with pytest.raises(InstanceNotFound):
            await anext(instance.subscribe())

    serve(rig, body)
