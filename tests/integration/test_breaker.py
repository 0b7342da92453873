"""Breakers: a workflow whose instances fail too often pauses, and goes on when one has ended well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import START, Rig
from tests.support.breaking import (
    Free,
    Narrow,
    audited,
    begin,
    breakers,
    doors,
    fail,
    fresh,
    opened,
    opened_by,
    ran,
    state,
    statuses,
    tend,
    world,
)
from tests.support.standing import LIMIT, Door
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf import WorkflowEntrypoint

BOTH = pytest.mark.parametrize("cls", [Free, Narrow], ids=["free", "narrow"])
"""Without a limit of concurrency, and with one."""


@pytest.fixture(autouse=True)
def all_well(rig: Rig) -> Iterator[None]:
    """All goes well at first."""
    with fresh(rig):
        yield


@BOTH
def test_it_opens_at_the_threshold_and_not_before(rig: Rig, cls: type[WorkflowEntrypoint]) -> None:
    """Two failures of three leave it closed, the third opens it; others workflows' do not count."""
    other = Narrow if cls is Free else Free
    fail(rig, other, 2)
    fail(rig, cls, 2)
    assert tend(rig) == 0
    rig.create(cls, "good", {})
    rig.settle()
    assert (tend(rig), state(rig, cls), ran) == (0, "closed", ["good"])
    fail(rig, cls, 1, begin=2)
    assert (tend(rig), state(rig, cls), state(rig, other)) == (1, "open", "closed")
    found = rig.client.breakers.get(cls.workflow_name)
    assert (found.since.timestamp(), found.until.timestamp()) == (START, START + 120)
    assert (found.failures, found.times) == (3, 1)
    assert audited(rig) == [("reaper", "breaker_open")]


def test_failures_outside_the_window_do_not_count(rig: Rig) -> None:
    """It is a minute, and up to one more, because they are counted by the minute."""
    fail(rig, Free, 2)
    rig.clock.advance(121)
    fail(rig, Free, 2, begin=2)
    assert (tend(rig), state(rig, Free)) == (0, "closed")
    rig.clock.advance(30)
    fail(rig, Free, 1, begin=4)
    assert (tend(rig), state(rig, Free)) == (1, "open")


def test_failures_count_whatever_has_become_of_the_instances(rig: Rig) -> None:
    """Restarted or deleted, they have failed."""
    fail(rig, Free, 3)
    rig.client.workflow(Free).get("bad-0").delete()
    rig.client.workflow(Free).get("bad-1").restart()
    rig.settle()
    assert (tend(rig), state(rig, Free)) == (1, "open")


@BOTH
def test_an_open_one_holds_what_is_new_and_what_comes_back(rig: Rig, cls: type[WorkflowEntrypoint]) -> None:
    """New ones are queued, so are those that an event or a sleep has woken, and those that end without a step."""
    rig.create(cls, "back", {"wait": True})
    rig.create(cls, "ends", {"wait": True, "raise": True})
    rig.settle()
    opened(rig, cls)
    rig.create(cls, "new", {})
    rig.create(cls, "fails", {"raise": True})
    for id in ("back", "ends"):
        rig.client.workflow(cls).get(id).send_event("go")
    rig.settle()
    rig.pass_time(30)
    assert statuses(rig, cls) == dict.fromkeys(("back", "ends", "new", "fails"), "queued")
    assert ran == []
    assert rig.client.breakers.get(cls.workflow_name).queued == 4


@BOTH
def test_what_runs_goes_on_to_its_end(rig: Rig, cls: type[WorkflowEntrypoint]) -> None:
    """An instance that runs while it opens ends its step, and is held when it comes back from its next sleep."""
    running = begin(rig, cls, "running", again=True)
    opened_by(rig, cls)
    doors.pop("running").open()
    running.result(LIMIT)
    rig.settle()
    assert statuses(rig, cls)["running"] == "waiting"
    ran.clear()
    rig.pass_time(2)
    assert (statuses(rig, cls)["running"], ran) == ("queued", [])


@BOTH
def test_a_probe_lets_exactly_one_through(rig: Rig, cls: type[WorkflowEntrypoint]) -> None:
    """The one that has waited longest; nobody else begins until it has ended, and then all go on in their order."""
    opened(rig, cls)
    for id in ("a", "b", "c"):
        rig.create(cls, id, {})
        rig.settle()
        rig.clock.advance(1)
    assert tend(rig) == 0
    rig.clock.advance(116)
    assert (tend(rig), state(rig, cls)) == (0, "open")
    rig.clock.advance(1)
    doors["a"] = Door()
    assert (tend(rig), state(rig, cls)) == (1, "probing")
    (nudge,) = rig.take()
    running = rig.in_thread(rig.advance, nudge)
    doors["a"].wait_for()
    rig.create(cls, "d", {})
    rig.settle()
    rig.pass_time(2)
    assert (tend(rig), state(rig, cls), ran) == (0, "probing", ["a"])
    rig.settle()
    assert statuses(rig, cls) == {"a": "running", "b": "queued", "c": "queued", "d": "queued"}
    doors["a"].open()
    running.result(LIMIT)
    assert (tend(rig), state(rig, cls)) == (1, "closed")
    rig.settle()
    assert set(statuses(rig, cls).values()) == {"complete"}
    assert ran == ["a", "b", "c", "d"]
    assert audited(rig) == [("reaper", action) for action in ("breaker_open", "breaker_probe", "breaker_close")]
    assert rig.sql("select count(*) from wf.instance where queued_at is not null") == [(0,)]


@BOTH
def test_a_probe_that_fails_doubles_the_pause(rig: Rig, cls: type[WorkflowEntrypoint]) -> None:
    """Up to eight times its length; after one that went well it begins anew."""
    opened(rig, cls)
    for n, factor in enumerate((2, 4, 8, 8)):
        rig.create(cls, f"probe-{n}", {})
        rig.clock.advance(120 * 8)
        assert tend(rig) == 1
        world["well"] = False
        rig.settle()
        assert (tend(rig), state(rig, cls)) == (1, "open")
        found = rig.client.breakers.get(cls.workflow_name)
        assert (found.until - found.since).total_seconds() == 120 * factor
        assert (found.failures, found.times) == (1, n + 2)
    world["well"] = True
    rig.create(cls, "good", {})
    rig.clock.advance(120 * 8)
    tend(rig)
    rig.settle()
    assert (tend(rig), state(rig, cls)) == (1, "closed")
    fail(rig, cls, 3, begin=10)
    assert (tend(rig), rig.client.breakers.get(cls.workflow_name).times) == (1, 1)


def test_a_probe_in_which_nothing_ends_goes_on(rig: Rig) -> None:
    """There is nobody to try, or it takes its time: it neither opens nor closes, and the next one is let through."""
    opened(rig, Free)
    rig.clock.advance(120)
    assert tend(rig) == 1
    rig.clock.advance(86_400)
    assert (tend(rig), state(rig, Free)) == (0, "probing")
    rig.create(Free, "late", {})
    rig.settle()
    assert (ran, tend(rig), state(rig, Free)) == (["late"], 1, "closed")


def test_failures_of_before_do_not_open_it_again(rig: Rig) -> None:
    """Whatever is still in the window when it closes has been counted once; new failures count at once."""
    opened(rig, Free)
    rig.client.breakers.close("breaker-free")
    assert (tend(rig), state(rig, Free)) == (0, "closed")
    fail(rig, Free, 2, begin=10)
    assert (tend(rig), state(rig, Free)) == (0, "closed")
    fail(rig, Free, 1, begin=20)
    assert (tend(rig), state(rig, Free)) == (1, "open")


def test_one_that_is_closed_for_long_leaves_nothing_behind(rig: Rig) -> None:
    """The last change is forgotten as soon as nothing depends on it, and nobody is told."""
    opened(rig, Free)
    rig.client.breakers.close("breaker-free")
    rig.clock.advance(119)
    tend(rig)
    assert rig.sql("select breaker is null from wf.workflow where name = 'breaker-free'") == [(False,)]
    rig.clock.advance(1)
    assert tend(rig) == 0
    assert rig.sql("select breaker is null from wf.workflow where name = 'breaker-free'") == [(True,)]
    assert len(audited(rig)) == 2


def test_two_reapers_at_once_change_it_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have seen the same; the second one's change finds the first one's, and writes nothing."""
    fail(rig, Free, 3)
    rig.workers[0].meter.flush()
    first, second = breakers(rig), breakers(rig)
    seen = second._look()
    assert first.tend() == 1
    monkeypatch.setattr(second, "_look", lambda: seen)
    assert second.tend() == 0
    assert audited(rig) == [("reaper", "breaker_open")]


@BOTH
@pytest.mark.parametrize("dies", ["slot_release", "slot_sync", "slot_grant"])
def test_a_reaper_that_dies_in_between_leaves_nobody_behind(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, cls: type[WorkflowEntrypoint], dies: str
) -> None:
    """The change is written and the slots are not: the next look makes them what they should be."""
    opened(rig, cls)
    for n in range(4):
        rig.create(cls, f"held-{n}", {})
    rig.settle()
    rig.clock.advance(120)
    for _ in ("probe", "close"):
        tend_and_die(rig, monkeypatch, dies)
        tend(rig)
        rig.settle()
    tend_and_die(rig, monkeypatch, dies)
    tend(rig)
    rig.settle()
    assert (state(rig, cls), ran) == ("closed", [f"held-{n}" for n in range(4)])


def tend_and_die(rig: Rig, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """A reaper that is killed before a statement."""
    rig.workers[0].meter.flush()
    reaper = breakers(rig)

    class Killed(BaseException):
        pass

    rows, text = rig.workers[0].database.rows, statements()[at]

    def deadly(sql: Any, params: Any = None) -> Any:
        if sql == text:
            raise Killed
        return rows(sql, params)

    with monkeypatch.context() as patch:
        patch.setattr(rig.workers[0].database, "rows", deadly)
        try:
            reaper.tend()
        except Killed:
            return


def test_more_than_one_statement_lets_go_are_let_go(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """After it has closed nobody is left in the queue, however many have waited."""
    monkeypatch.setattr("wf.slots.RELEASED", 2)
    opened_by(rig, Free)
    for n in range(5):
        rig.create(Free, f"held-{n}", {})
        rig.settle()
        rig.clock.advance(1)
    assert rig.client.breakers.close("breaker-free").queued == 0
    rig.settle()
    assert ran == [f"held-{n}" for n in range(5)]


def test_lost_nudges_delay_those_who_were_held_and_no_more(rig: Rig) -> None:
    """Redis loses everything at the moment of closing: the alarm finds them."""
    opened_by(rig, Free)
    rig.create(Free, "held", {})
    rig.settle()
    rig.client.breakers.close("breaker-free")
    rig.lose_messages()
    rig.pass_time(rig.settings.renudge)
    assert ran == ["held"]
