"""Forks: a new instance that begins as a copy of another one, with edited params, which stays as it is."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.support import Rig, RowLock
from tests.support.errands import Errand, by_name
from tests.support.feeds import told
from tests.support.forks import LIMIT, RAN, Line, complete, journal, work
from wf import WorkflowEntrypoint
from wf.audit import Audit


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    """Each test begins with an empty list."""
    RAN.clear()


STEPS = [
    ("a",), ("part 0",), ("part 2", 1), ("flaky", 1, "do"), ("quick",), ("nap", 1, "sleep"),
    ("permit", 1, "waitForEvent"), ("together",), ("b",),
]  # fmt: skip


@pytest.mark.parametrize("from_step", STEPS, ids=str)
def test_a_fork_from_a_step_has_what_a_restart_from_it_keeps(rig: Rig, from_step: Any) -> None:
    """Row by row: the journal of the fork is that of the original after the restart; and both end alike."""
    instance = complete(rig)
    before = journal(rig, "i-1")
    fork = instance.fork("i-2", from_step=from_step)
    assert journal(rig, "i-1") == before
    instance.restart(from_step=from_step)
    forked, restarted = journal(rig, "i-2"), journal(rig, "i-1")
    assert forked == restarted
    assert len(forked["steps"]) < len(before["steps"])
    rig.settle()
    for seconds in (2, 31, 51):
        rig.pass_time(seconds)
    for one in (fork, instance):
        if one.status().status == "waiting":
            one.send_event("go", {"by": "ada"})
    rig.settle()
    ended = [one.status() for one in (fork, instance)]
    assert [end.status for end in ended] == ["complete", "complete"]
    assert [output[:4] for output in (ended[0].output, ended[1].output)] == [before_output(before)] * 2


def before_output(before: dict[str, list[tuple[Any, ...]]]) -> list[Any]:
    """The params, and the values that the seed and the start of an instance determine."""
    from wf.codec import decode  # noqa: PLC0415

    found: list[Any] = decode(before["instance"][0][-1])[:4]
    return found


def test_a_fork_from_a_step_runs_nothing_again_that_it_keeps(rig: Rig) -> None:
    """Only the step and what comes after it run, with the edited params; warnings there are none."""
    instance = complete(rig)
    before = instance.status().output
    RAN.clear()
    fork = instance.fork("i-2", from_step="b", params={"n": 2})
    assert (fork.id, fork.version, fork.status().status) == ("i-2", "1", "queued")
    rig.settle()
    assert RAN == ["b"]
    assert fork.status().output == [2, *before[1:-1], "b 1"]
    shown = fork.describe()
    assert (shown.trigger, shown.warnings, shown.params) == ({"source": "fork"}, [], {"n": 2})
    assert instance.describe().params == {"n": 1}
    assert [step.attempt for step in shown.steps if step.name == "flaky-1"] == [2]
    assert shown.retries == 1


def test_a_fork_without_a_step_begins_from_the_start(rig: Rig) -> None:
    """A new random id, the same params, and nothing of the history; chance comes out otherwise."""
    instance = complete(rig)
    RAN.clear()
    fork = instance.fork()
    assert fork.id != instance.id
    rig.settle()
    for seconds in (2, 31, 51):
        rig.pass_time(seconds)
    fork.send_event("go", "second")
    rig.settle()
    assert RAN == ["a", "part 0", "part 1", "part 2", "flaky", "flaky", "quick", "together", "b"]
    ours, theirs = fork.status().output, instance.status().output
    assert ours[0] == theirs[0] == 1
    assert ours[1] != theirs[1]
    assert ours[-3] == "second"


def test_the_feed_of_a_fork_tells_what_it_was_given_and_what_it_does(rig: Rig) -> None:
    """From its start on as the original's, then that it was queued, and what it does itself."""
    instance = complete(rig)
    fork = instance.fork("i-2", from_step="b")
    rig.settle()
    theirs, ours = told(instance), told(fork)
    kinds = [event["type"] for event in ours]
    assert (kinds[0], kinds[-1]) == ("workflow_queued", "workflow_completed")
    assert kinds.count("workflow_queued") == 2
    done = [[event.get("stepName") for event in feed if event["type"] == "step_completed"] for feed in (theirs, ours)]
    assert done[0] == done[1]
    assert [event["eventId"] for event in ours] == sorted({event["eventId"] for event in ours})
    assert fork.status().status == "complete"


def test_an_instance_that_runs_is_forked_without_waiting_for_it(rig: Rig) -> None:
    """The running step is not kept; the original goes on, its attempt counts, and nobody waits for the other."""
    begun, gate = threading.Event(), threading.Event()

    class Busy(WorkflowEntrypoint, name="fork-busy"):
        async def run(self, event: Any, step: Any) -> Any:
            def stand() -> str:
                RAN.append("stand")
                begun.set()
                assert gate.wait(LIMIT)
                return str(event.payload)

            first = await step.do("first", work("first"))
            return [first, *await asyncio.gather(step.do("stand", stand), step.do("beside", work("beside")))]

    instance = rig.create(Busy, params="one")
    running = rig.in_thread(rig.settle)
    assert begun.wait(LIMIT)
    with RowLock(rig.settings.database_url) as lock:
        fork = instance.fork("i-2", from_step="stand", params="two")
        lock.release()
    gate.set()
    running.result(LIMIT)
    rig.settle()
    assert instance.status().output == ["first 1", "one", "beside 1"]
    assert fork.status().output == ["first 1", "two", "beside 2"]
    assert sorted(RAN) == ["beside", "beside", "first", "stand", "stand"]


def test_open_sleeps_and_waits_keep_their_deadlines(rig: Rig) -> None:
    """What sleeps in the original sleeps in the fork, and wakes when that does; a pause that lasts is added."""

    class Sleeper(WorkflowEntrypoint, name="fork-sleeper"):
        async def run(self, event: Any, step: Any) -> Any:
            nap, permit = step.sleep("nap", 600), step.wait_for_event("permit", "go", timeout="1 hour")
            await step.do("beside", work("beside"))
            await nap
            return [event.payload, (await permit).payload]

    instance = rig.create(Sleeper, params=1)
    rig.settle()
    rig.pass_time(100)
    fork = instance.fork("i-2", from_step="beside", params=2)
    instance.pause()
    rig.clock.advance(50)
    late = instance.fork("i-3", from_step="beside", params=3)
    rig.settle()
    for one in (fork, late):
        one.send_event("go", "now")
    rig.settle()
    rig.pass_time(449)
    assert fork.status().status == "waiting"
    rig.pass_time(2)
    assert (fork.status().output, late.status().status) == ([2, "now"], "waiting")
    rig.pass_time(50)
    assert late.status().output == [3, "now"]
    assert instance.status().status == "paused"


def test_events_that_nobody_has_taken_stay_with_the_original(rig: Rig) -> None:
    """They were sent to that one; the fork's inbox is empty."""
    instance = rig.create(Errand, params={"do": "wait"})
    rig.settle()
    instance.send_event("other", "kept")
    fork = instance.fork("i-2", from_step=("permit", 1, "waitForEvent"))
    rig.settle()
    assert rig.sql("select id, inbox from wf.instance order by id") == [("i-1", 1), ("i-2", 0)]
    assert fork.status().status == "waiting"


@pytest.mark.parametrize("status", ["queued", "waiting", "paused", "complete", "errored", "terminated"])
def test_a_fork_is_made_in_every_status(rig: Rig, status: str) -> None:
    """And leaves the original in it, also its rev."""
    doing = {"complete": "", "errored": "fail"}.get(status, "wait")
    instance = rig.create(Errand, params={"do": doing})
    if status != "queued":
        rig.settle()
    if status == "paused":
        instance.pause()
    if status == "terminated":
        instance.terminate()
    before = journal(rig, "i-1")
    fork = instance.fork("i-2", params={"do": ""})
    assert journal(rig, "i-1") == before
    assert instance.status().status == status
    rig.settle()
    assert fork.status().output == {"got": {"do": ""}}


def test_a_failed_rollback_is_not_copied(rig: Rig) -> None:
    """The fork of what was rolled back keeps the steps, not that they were undone."""

    class Undone(WorkflowEntrypoint, name="fork-undone"):
        async def run(self, event: Any, step: Any) -> Any:
            def last() -> str:
                if event.payload == "bad":
                    raise ValueError("bad")
                return "good"

            await step.do("a", work("a"), rollback=work("undo a"))
            return await step.do("last", last, config={"retries": {"limit": 0}})

    instance = rig.create(Undone, params="bad")
    rig.settle()
    assert (instance.status().status, RAN) == ("errored", ["a", "undo a"])
    fork = instance.fork("i-2", from_step="last", params="fine")
    rig.settle()
    assert (fork.status().output, RAN) == ("good", ["a", "undo a"])


def test_a_fork_that_takes_another_path_is_warned_about(rig: Rig) -> None:
    """Kept steps that the edited params do not lead to are treated as after a change of the code."""

    class Forked(WorkflowEntrypoint, name="fork-path"):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do(event.payload, work("first"))
            return await step.do("last", work("last"))

    instance = rig.create(Forked, params="left")
    rig.settle()
    fork = instance.fork("i-2", from_step="last", params="right")
    rig.settle()
    shown = fork.describe()
    assert shown.status == "complete"
    assert shown.warnings
    assert not instance.describe().warnings


def test_a_fork_of_what_a_schedule_created_knows_its_firing(rig: Rig) -> None:
    """In its first pass as in a later one, which is begun without a cache."""

    class Cron(WorkflowEntrypoint, name="fork-cron", schedules="0 * * * *"):
        async def run(self, event: Any, step: Any) -> Any:
            first = event.schedule.cron
            await step.sleep("nap", 10)
            return [first, event.schedule.cron]

    by_name(rig, Cron)
    rig.pass_time(3601)
    [[id]] = rig.sql("select id from wf.instance")
    fork = rig.client.workflow(Cron).get(id).fork("again")
    rig.settle()
    rig.workers[0].engine.passes.clear()
    rig.pass_time(11)
    assert fork.status().output == ["0 * * * *", "0 * * * *"]


def test_a_fork_of_a_fork(rig: Rig) -> None:
    """It has what that one has, whoever did it."""
    first = complete(rig)
    second = first.fork("i-2", from_step="b")
    rig.settle()
    RAN.clear()
    third = second.fork("i-3", from_step="together", params={"n": 3})
    rig.settle()
    assert RAN == ["together", "b"]
    assert third.status().output[:-2] == [3, *first.status().output[1:-2]]


def test_both_have_an_entry_in_the_audit(rig: Rig) -> None:
    """With the id of the other, the step, and whether the params were edited; never the params."""
    instance = complete(rig)
    rig.client.acting_as("ada").workflow(Line).get("i-1").fork("i-2", from_step="b", params={"n": 2})
    instance.fork("i-3")
    audit = Audit(rig.client.database)
    step = {"name": "b", "count": 1, "type": "do"}
    found = [
        [(entry.actor, entry.action, entry.detail) for entry in audit.list(workflow="fork-line", instance=id)]
        for id in ("i-1", "i-2", "i-3")
    ]
    assert found == [
        [
            ("client", "fork", {"from": "start", "edited": False, "to": "i-3"}),
            ("ada", "fork", {"from": step, "edited": True, "to": "i-2"}),
        ],
        [("ada", "fork", {"from": step, "edited": True, "of": "i-1"})],
        [("client", "fork", {"from": "start", "edited": False, "of": "i-1"})],
    ]
