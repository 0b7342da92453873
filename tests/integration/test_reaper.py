"""The reaper: errored instances start again as their workflow's policy says."""

from __future__ import annotations

from threading import Event as Signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import START, RowLock
from tests.support.errands import Errand, RefusedError, hold
from wf import NonRetryableError, WorkflowEntrypoint
from wf_reaper.restarts import BATCH, Restarts

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.dispatch import Nudge

calls: list[str] = []
"""Steps whose callback ran, since the test began."""


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


def note(name: str) -> Any:
    """A callback that notes that it ran, and how often, and gives that number."""

    def callback() -> int:
        calls.append(name)
        return calls.count(name)

    return callback


def refuse() -> None:
    note("fail")()
    raise RefusedError(7)


async def pipeline(event: Any, step: Any) -> list[int]:
    """Two steps that succeed, one that fails as often as the payload says, one more."""
    done = [await step.do("one", note("one")), await step.do("two", note("two"))]
    if calls.count("fail") < event.payload["failures"]:
        await step.do("three", refuse, config={"retries": {"limit": 0}})
    return [*done, await step.do("four", note("four"))]


class FromFailed(WorkflowEntrypoint, name="reaper-failed", restart={"limit": 2, "delay": 10}):
    async def run(self, event: Any, step: Any) -> list[int]:
        return await pipeline(event, step)


class FromStart(WorkflowEntrypoint, name="reaper-start", restart={"limit": 2, "delay": 10, "from": "start"}):
    async def run(self, event: Any, step: Any) -> list[int]:
        return await pipeline(event, step)


def sweep(rig: Rig) -> int:
    return Restarts(rig.workers[0]).run_once()


def errored(rig: Rig, cls: type[WorkflowEntrypoint], failures: int = 1, id: str = "i-1") -> Any:
    """An instance that has ended in error."""
    instance = rig.create(cls, id, {"failures": failures})
    rig.settle()
    assert instance.status().status == "errored"
    return instance


def test_a_failed_instance_goes_on_from_what_failed(rig: Rig) -> None:
    """Completed steps keep their results and are not run again; only the failed one and what follows run."""
    instance = errored(rig, FromFailed)
    shown = instance.describe()
    assert shown.restart_at.timestamp() == shown.next_wake.timestamp() == START + 10
    assert sweep(rig) == 0
    rig.clock.advance(10)
    assert sweep(rig) == 1
    assert instance.status() == {"status": "queued", "output": None, "error": None, "rollback": None}
    rig.settle()
    assert instance.result(timeout=1) == [1, 1, 1]
    assert calls == ["one", "two", "fail", "four"]
    shown = instance.describe()
    assert (shown.generation, shown.restarts, shown.restart_at) == (2, 1, None)


def test_a_failed_instance_begins_anew_if_its_policy_says_so(rig: Rig) -> None:
    """From the start, nothing of the former generation is left, and every step runs again."""
    instance = errored(rig, FromStart)
    rig.clock.advance(10)
    sweep(rig)
    rig.settle()
    assert instance.result(timeout=1) == [2, 2, 1]
    assert calls == ["one", "two", "fail", "one", "two", "four"]
    assert rig.sql("select distinct generation from wf.step") == [(2,)]
    assert rig.sql("select count(*) from wf.attempt") == [(0,)]


def test_restarts_wait_longer_each_time_and_end_at_the_limit(rig: Rig) -> None:
    """The second restart waits twice as long as the first; after the last the instance stays errored for good."""
    instance = errored(rig, FromFailed, failures=99)
    for wait in (10, 20):
        rig.clock.advance(wait - 1)
        assert sweep(rig) == 0
        rig.clock.advance(1)
        assert sweep(rig) == 1
        rig.settle()
    shown = instance.describe()
    assert (shown.status, shown.restarts, shown.generation, shown.restart_at) == ("errored", 2, 3, None)
    assert sweep(rig) == 0
    with pytest.raises(RefusedError):
        instance.result(timeout=1)
    assert calls == ["one", "two", "fail", "fail", "fail"]


def test_only_errors_that_the_policy_names_are_restarted(rig: Rig) -> None:
    """With `on`, other errors leave the instance errored; so does a workflow without a policy."""

    class Picky(WorkflowEntrypoint, name="reaper-picky", restart={"on": [RefusedError], "delay": 1}):
        async def run(self, event: Any, step: Any) -> None:
            raise RefusedError(1) if event.payload else KeyError("x")

    rig.create(Picky, "other", {})
    rig.create(Picky, "named", {"x": 1})
    rig.create(Errand, "without", {"do": "fail"})
    rig.settle()
    rig.clock.advance(1_000)
    assert sweep(rig) == 1
    assert rig.sql("select id, status from wf.instance order by id") == [
        ("named", "queued"),
        ("other", "errored"),
        ("without", "errored"),
    ]


def test_every_restart_is_in_the_audit(rig: Rig) -> None:
    """Who did what, to which instance, how, and when it was counted."""
    errored(rig, FromStart)
    rig.clock.advance(10)
    sweep(rig)
    assert rig.sql("select actor, action, workflow, instance, detail from wf.audit") == [
        ("reaper", "restart", "reaper-start", "i-1", {"from": "start", "restart": 1})
    ]


def test_a_restarted_instance_is_found_by_the_alarm_if_its_nudge_is_lost(rig: Rig) -> None:
    """A restart leaves a due_at like every other commit."""
    instance = errored(rig, FromFailed)
    rig.clock.advance(10)
    sweep(rig)
    rig.lose_messages()
    rig.pass_time(rig.settings.renudge)
    assert instance.status().status == "complete"


def test_old_messages_of_the_former_generation_run_nothing_twice(rig: Rig) -> None:
    """A message from before the restart is only a nudge: it finds what is to do now, or nothing."""
    instance = rig.create(FromFailed, params={"failures": 1})
    messages: list[Nudge] = []
    while taken := rig.take():
        messages += taken
        for nudge in taken:
            rig.advance(nudge)
    rig.clock.advance(10)
    sweep(rig)
    rig.settle()
    before = rig.sql("select generation, rev, status from wf.instance")
    for old in messages:
        rig.advance(old)
    assert rig.sql("select generation, rev, status from wf.instance") == before
    assert rig.queued() == 0
    assert calls == ["one", "two", "fail", "four"]
    assert instance.describe().step_count == 3


def test_an_old_message_that_comes_first_does_the_new_generations_work(rig: Rig) -> None:
    """Even when the old message overtakes the new one, each step of the new generation runs once."""
    instance = rig.create(FromStart, params={"failures": 1})
    (old,) = rig.take()
    rig.advance(old)
    rig.settle()
    rig.clock.advance(10)
    sweep(rig)
    rig.advance(old)
    rig.settle()
    assert instance.result(timeout=1) == [2, 2, 1]
    assert calls == ["one", "two", "fail", "one", "two", "four"]


def test_the_late_result_of_an_old_attempt_is_dropped(rig: Rig) -> None:
    """An attempt that still runs when its instance fails and is restarted cannot write into the new generation."""
    began, finish = Signal(), Signal()
    again: list[int] = []

    class Racing(WorkflowEntrypoint, name="reaper-racing", restart={"delay": 1, "from": "start"}):
        async def run(self, event: Any, step: Any) -> Any:
            slow = step.do("slow", lambda: 2 if again else hold(began, finish))
            if not again:
                await step.do("bad", refuse_for_good)
            return await slow

    instance = rig.create(Racing)
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert began.wait(10)
    rig.settle()
    assert instance.status().status == "errored"
    again.append(1)
    rig.clock.advance(1)
    sweep(rig)
    (nudge,) = rig.take()
    finish.set()
    running.result(timeout=10)
    assert rig.sql("select generation, status, output from wf.step") == [(2, "ready", None)]
    rig.advance(nudge)
    assert instance.result(timeout=1) == 2


def refuse_for_good() -> None:
    raise NonRetryableError("no")


def test_an_event_that_nobody_took_is_there_after_a_restart(rig: Rig) -> None:
    """Buffered events outlive a generation; taken ones are taken."""

    class Listening(WorkflowEntrypoint, name="reaper-listening", restart={"delay": 1}):
        async def run(self, event: Any, step: Any) -> list[Any]:
            first = await step.wait_for_event("first", "go")
            if "fail" not in calls:
                await step.do("bad", refuse, config={"retries": {"limit": 0}})
            return [first.payload, (await step.wait_for_event("second", "go")).payload]

    instance = rig.create(Listening)
    instance.send_event("go", 1)
    instance.send_event("go", 2)
    rig.settle()
    assert instance.status().status == "errored"
    rig.clock.advance(1)
    sweep(rig)
    rig.settle()
    assert instance.result(timeout=1) == [1, 2]


def test_two_sweeps_at_once_restart_once(rig: Rig) -> None:
    """Both find the instance; the generation lets one of them through."""
    instance = errored(rig, FromFailed)
    rig.clock.advance(10)
    with RowLock(rig.settings.database_url) as lock:
        sweeps = [rig.in_thread(sweep, rig) for _ in range(2)]
        lock.wait_for(2)
        lock.release()
        assert sorted(one.result(timeout=10) for one in sweeps) == [0, 1]
    assert rig.sql("select count(*) from wf.audit") == [(1,)]
    rig.settle()
    assert instance.result(timeout=1) == [1, 1, 1]


def poison(rig: Rig) -> None:
    """Make Postgres refuse whatever is done to instances whose id says so."""
    rig.sql(
        "create function public.poison() returns trigger language plpgsql as $$ begin raise 'poisoned'; end $$;"
        "create trigger poison before insert on wf.audit for each row when (starts_with(new.instance, 'poisoned'))"
        " execute function public.poison()"
    )


def test_a_poisoned_row_does_not_stop_the_sweep(rig: Rig) -> None:
    """One instance that Postgres refuses to restart leaves the others alone, and is tried again next time."""
    for id in ("a", "poisoned", "z"):
        errored(rig, FromFailed, id=id)
        calls.clear()
    poison(rig)
    rig.clock.advance(10)
    assert sweep(rig) == 2
    assert rig.sql("select id, status from wf.instance order by id") == [
        ("a", "queued"),
        ("poisoned", "errored"),
        ("z", "queued"),
    ]
    rig.sql("drop trigger poison on wf.audit")
    assert sweep(rig) == 1


def test_a_sweep_goes_on_behind_a_full_batch_of_poisoned_rows(rig: Rig) -> None:
    """However many rows cannot be restarted, those behind them are."""
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, restart_at, ended_at) select 'reaper-failed',"
        " case when n <= %s then 'poisoned-' else 'good-' end || n, '1', 'errored', to_timestamp(n), now()"
        " from generate_series(1, %s) n",
        BATCH + 1,
        2 * BATCH + 10,
    )
    poison(rig)
    assert sweep(rig) == BATCH + 9
    assert rig.sql("select status, count(*) from wf.instance group by 1 order by 1") == [
        ("errored", BATCH + 1),
        ("queued", BATCH + 9),
    ]
