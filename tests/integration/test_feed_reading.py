"""How a feed reads: in pages of few facts and few bytes, nothing twice, and values whatever they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from tests.support import Rig
from tests.support.feeds import drained, names, told, words
from wf import WorkflowEntrypoint, feed
from wf.database import Database
from wf.feed import Feed
from wf.plain import plain
from wf.sql import statements

if TYPE_CHECKING:
    from wf.settings import Settings

NUMBER = 30


class Long(WorkflowEntrypoint, name="feed-long"):
    """Many steps, one of them open all the time, and some of them at once."""

    async def run(self, event: Any, step: Any) -> None:
        permit = step.wait_for_event("permit", "go")
        for n in range(NUMBER):
            await asyncio.gather(*[step.do(f"part {n}", lambda: "x" * 1000) for _ in range(2)])
        await permit


def pages_of(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each page had that is read from now on."""
    pages: list[int] = []
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        found = rows(self, sql, params)
        if sql == statements()["feed_page"]:
            pages.append(len(found))
        return found

    monkeypatch.setattr(Database, "rows", listen)
    return pages


@pytest.mark.parametrize(("facts", "size"), [(1, 10**9), (2, 10**9), (7, 10**9), (500, 1), (500, 2500)])
def test_pages_of_any_size_give_the_same_events(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, facts: int, size: int
) -> None:
    """However few facts or bytes a page may have, the events and their order are the same, also after a restart."""
    instance = rig.create(Long)
    rig.settle()
    whole = told(instance)
    monkeypatch.setattr(feed, "FACTS", facts)
    monkeypatch.setattr(feed, "BYTES", size)
    pages = pages_of(monkeypatch)
    assert told(instance) == whole
    assert len(pages) > NUMBER / 2
    assert max(pages) <= 2 * facts + 3
    instance.restart()
    rig.settle()
    instance.send_event("go")
    rig.settle()
    again = told(instance)
    assert names(again)[0] == "workflow_queued"
    assert again[0].event_id > whole[-1].event_id
    assert len(again) == len(whole) + 2
    assert told(instance, cursor=again[40].event_id) == again[41:]


def test_a_listener_reads_each_row_a_few_times_only(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks after every step of a long instance reads what is new, not what has been told."""
    instance = rig.create(Long)
    live, pages = instance.subscribe(), pages_of(monkeypatch)
    seen = []
    while nudges := rig.take():
        for nudge in nudges:
            rig.advance(nudge)
            seen += drained(live)
    monkeypatch.undo()
    assert seen == told(instance)
    assert len(pages) > NUMBER
    assert max(pages) <= 8, "a page is about one step"


def test_outputs_that_nobody_wants_are_not_read(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter without completed steps leaves their results in the journal."""
    instance = rig.create(Long)
    rig.settle()
    seen: list[str] = []
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        found = rows(self, sql, params)
        seen.append(str(found))
        return found

    monkeypatch.setattr(Database, "rows", listen)
    assert len(told(instance, filter=["attempt_completed"])) == 2 * NUMBER
    assert not any("xxx" in text for text in seen)
    assert len(told(instance, filter=["step_completed"])) == 2 * NUMBER
    assert any("xxx" in text for text in seen)


def test_values_are_read_as_the_reader_wants_and_never_fail(rig: Rig) -> None:
    """REST reads them as JSON; what cannot be read at all is told of in a text, and the feed goes on."""

    class Odd(WorkflowEntrypoint, name="feed-odd"):
        async def run(self, event: Any, step: Any) -> Any:
            return await step.do("set", lambda: {1})

    instance = rig.create(Odd, params={"pair": (1, 2)})
    rig.settle()
    as_json = Feed(
        rig.client.catalog, "feed-odd", instance.id, filter=["workflow_started", "step_completed"], read=plain
    )
    first, second = as_json.take(), as_json.take()
    assert first is not None
    assert second is not None
    assert (first.params, second.output) == ({"pair": [1, 2]}, [1])
    assert told(instance, filter=["workflow_started"])[0].params == {"pair": (1, 2)}
    rig.sql("update wf.step set output = '\\x00'")
    damaged = told(instance)
    assert "[UNREADABLE" in damaged[-2].output
    assert damaged[-1].output == {1}


def test_a_rollback_is_told_between_failure_and_end(rig: Rig) -> None:
    """Each handler has a beginning, attempts and an end of its own, under the name of its step."""
    tries: list[bool] = []

    class Undone(WorkflowEntrypoint, name="feed-undone"):
        async def run(self, event: Any, step: Any) -> None:
            def undo(_info: Any) -> None:
                tries.append(event.payload["bad"])
                if event.payload["bad"] or len(tries) == 1:
                    raise ConnectionError("not yet")

            def fail() -> None:
                raise ValueError("no")

            once = {"retries": {"limit": 0}}
            await step.do("first", lambda: 1, rollback=lambda _info: None)
            retried = {"retries": {"limit": 1, "delay": 3}}
            await step.do("second", lambda: 2, rollback=undo, rollback_config=retried)
            await step.do("third", fail, config=once)

    for bad, end in ((False, "rollback_completed"), (True, "rollback_errored")):
        instance = rig.create(Undone, f"bad-{bad}", {"bad": bad})
        live = instance.subscribe()
        rig.settle()
        rig.pass_time(3)
        events = told(instance)
        assert drained(live) == events
        found = words(events)
        begin = found.index("rollback_started")
        assert found[begin - 2 : begin] == ["attempt_errored third-1 1", "step_errored third-1"]
        second = [
            "rollback_step_started second-1", "rollback_attempt_started second-1 1",
            "rollback_attempt_errored second-1 1", "rollback_attempt_started second-1 2",
        ]  # fmt: skip
        rest = found[begin + 1 :]
        assert rest[:4] == second
        assert rest[-2:] == [end, "workflow_errored"]
        if bad:
            assert rest[4:-2] == ["rollback_attempt_errored second-1 2", "rollback_step_errored second-1"]
            assert events[-3].error == {"name": "ConnectionError", "message": "not yet"}
        else:
            assert rest[4:-2] == [
                "rollback_attempt_completed second-1 2", "rollback_step_completed second-1",
                "rollback_step_started first-1", "rollback_attempt_started first-1 1",
                "rollback_attempt_completed first-1 1", "rollback_step_completed first-1",
            ]  # fmt: skip
        assert told(instance, filter=["rollback_attempt_errored"])[0]["retryDelayMs"] == 3000


def test_encrypted_values_are_told_in_the_clear(settings: Settings) -> None:
    """With keys at hand the feed opens what the journal holds sealed."""
    with Rig(settings.model_copy(update={"encryption_keys": Fernet.generate_key().decode()})) as rig:
        instance = rig.create(Long)
        rig.settle()
        assert rig.sql("select output from wf.step where status = 'complete' limit 1")[0][0].find(b"xxx") < 0
        assert told(instance, filter=["step_completed"])[0].output == "x" * 1000
