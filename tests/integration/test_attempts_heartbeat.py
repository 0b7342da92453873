"""Heartbeats: what they tell reaches the journal, its readers, and the next attempt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Rig, wait_until
from tests.support.attempts import LIMIT, Held, attempts_of, one_step
from wf import PayloadTooLarge, SerializationError

if TYPE_CHECKING:
    from wf import StepContext


@dataclass
class Place:
    """How far an export has come, as an author may keep it."""

    page: int
    seen: frozenset[str]


def test_details_reach_the_description_and_the_next_attempt(rig: Rig) -> None:
    """The last details are written with the beat, and with a failure; each attempt gets those of the ones before."""
    held, seen = Held(), []

    def work(ctx: StepContext) -> str:
        seen.append(ctx.details)
        if ctx.attempt == 1:
            ctx.heartbeat(Place(0, frozenset()))
            ctx.heartbeat(Place(1, frozenset({"a"})))
            ctx.heartbeat()
            held.stand()
            ctx.heartbeat(Place(2, frozenset({"a", "b"})))
            raise ConnectionError("lost the line")
        if ctx.attempt == 2:
            raise ConnectionError("lost it again")
        return "done"

    instance = rig.create(one_step(work, "details", retries={"limit": 2, "delay": 5, "backoff": "constant"}))
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert held.begun.wait(LIMIT)
    assert instance.describe().steps[0].heartbeat is None
    attempts_of(rig).beat()
    assert instance.describe().steps[0].heartbeat == Place(1, frozenset({"a"}))
    held.gate.set()
    running.result(LIMIT)
    rig.take()
    assert instance.describe().steps[0].heartbeat.page == 2
    rig.pass_time(5)
    rig.pass_time(5)
    assert instance.status().output == "done"
    last = Place(2, frozenset({"a", "b"}))
    assert seen == [None, last, last]


def test_details_of_a_timeout_are_kept(rig: Rig) -> None:
    """What a sync callback told before its time was over is there for the next attempt."""
    held, seen = Held(), []

    def work(ctx: StepContext) -> str:
        seen.append(ctx.details)
        if ctx.attempt == 1:
            ctx.heartbeat("halfway")
            held.stand()
        return "done"

    instance = rig.create(one_step(work, "timeout", retries={"limit": 1, "delay": 5}, timeout=0.1))
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert held.begun.wait(LIMIT)
    wait_until(rig.queued, what="the timeout is recorded and announced")
    rig.settle()
    assert instance.describe().steps[0].heartbeat == "halfway"
    rig.pass_time(5)
    held.gate.set()
    running.result(LIMIT)
    assert instance.status().output == "done"
    assert seen == [None, "halfway"]


def test_details_are_hidden_if_the_output_is(rig: Rig) -> None:
    """A step whose output is sensitive shows neither."""

    def work(ctx: StepContext) -> str:
        ctx.heartbeat({"card": "4111"})
        raise ConnectionError

    instance = rig.create(one_step(work, "sensitive", sensitive="output"))
    rig.settle()
    assert instance.describe().steps[0].heartbeat == "[REDACTED]"
    assert "4111" not in str(instance.describe())


@pytest.mark.parametrize(
    ("details", "error"), [(object(), SerializationError), ("x" * 2_000_000, PayloadTooLarge)], ids=["kind", "size"]
)
def test_details_that_cannot_be_stored_are_refused_where_they_are_told(
    rig: Rig, details: Any, error: type[Exception]
) -> None:
    """The caller gets the error, which names the step; what was told before stays, and the attempt goes on."""

    def work(ctx: StepContext) -> str:
        ctx.heartbeat("good")
        with pytest.raises(error):
            ctx.heartbeat(details)
        raise ConnectionError("so that the details are written")

    instance = rig.create(one_step(work, f"refused-{error.__name__}"))
    rig.settle()
    step = instance.describe().steps[0]
    assert (step.heartbeat, step.error.name) == ("good", "ConnectionError")


def test_details_wait_while_their_row_is_locked(rig: Rig) -> None:
    """A heartbeat does not stand in line behind a writer; the details are written by the next one."""
    held = Held()

    def work(ctx: StepContext) -> None:
        ctx.heartbeat("told")
        held.stand()

    instance = rig.create(one_step(work, "locked"))
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert held.begun.wait(LIMIT)
    with rig.workers[0].database._connect() as writer, writer.transaction():
        writer.execute("select 1 from wf.step for update")
        attempts_of(rig).beat()
        (attempt,) = attempts_of(rig)._running.values()
        assert [attempt.has_news] == [True]
    attempts_of(rig).beat()
    assert [attempt.has_news] == [False]
    assert instance.describe().steps[0].heartbeat == "told"
    held.gate.set()
    running.result(LIMIT)
