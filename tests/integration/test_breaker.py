"""Breakers: a workflow whose instances fail too often pauses, and goes on when one has ended well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import START, Rig
from tests.support.plans import plan_of, scans
from tests.support.standing import LIMIT, Door
from tests.support.web import free_port
from wf import NonRetryableError, WorkflowEntrypoint, WorkflowNotFound
from wf.breakers import REAPER, Breakers, NoBreaker
from wf.errors import JournalUnavailable
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES = {"failures": 3, "within": "1 minute", "pause": "2 minutes"}

world = {"well": True}
"""Whether steps succeed."""

ran: list[str] = []
"""Instances whose step began, in their order."""

doors: dict[str, Door] = {}
"""Where the steps of some instances stand."""


def work(id: str) -> str:
    ran.append(id)
    if id in doors:
        doors[id].stand()
    if not world["well"]:
        raise NonRetryableError("the mail server is away")
    return id


def declare(name: str, version: str = "1", **keywords: Any) -> type[WorkflowEntrypoint]:
    """A workflow that may wait for an event, does a step, and may wait again."""

    class Fragile(WorkflowEntrypoint, name=name, version=version, **keywords):
        async def run(self, event: Any, step: Any) -> None:
            if event.payload.get("wait"):
                await step.wait_for_event("permit", "go")
            if event.payload.get("raise"):
                raise NonRetryableError("before any step")
            await step.do("work", lambda: work(event.instance_id))
            if event.payload.get("again"):
                await step.sleep("nap", 1)
                await step.do("more", lambda: work(event.instance_id))

    return Fragile


Free = declare("breaker-free", breaker=RULES)
Narrow = declare("breaker-narrow", breaker=RULES, concurrency=2)


@pytest.fixture(autouse=True)
def fresh(rig: Rig) -> Iterator[None]:
    """All goes well, and the workflows are known."""
    world["well"] = True
    ran.clear()
    doors.clear()
    for cls in (Free, Narrow):
        rig.workers[0].catalog.register(cls)
    yield
    for door in doors.values():
        door.open()


def breakers(rig: Rig) -> Breakers:
    """Those of a reaper."""
    owner = rig.workers[0]
    return Breakers(owner.catalog, owner.dispatcher, REAPER, due_in=owner.settings.renudge)


def tend(rig: Rig) -> int:
    """What the workers have counted is written, and the reaper looks."""
    for worker in rig.workers:
        worker.meter.flush()
    return breakers(rig).tend()


def fail(rig: Rig, cls: type[WorkflowEntrypoint], number: int, begin: int = 0) -> None:
    """So many instances that have errored."""
    world["well"] = False
    for n in range(begin, begin + number):
        rig.create(cls, f"bad-{n}", {})
    rig.settle()
    world["well"] = True
    ran.clear()


def opened(rig: Rig, cls: type[WorkflowEntrypoint]) -> None:
    """Enough have failed, and the breaker is open."""
    fail(rig, cls, 3)
    assert tend(rig) == 1
    assert state(rig, cls) == "open"


def state(rig: Rig, cls: type[WorkflowEntrypoint]) -> str:
    return str(rig.client.breakers.get(cls.workflow_name).state)


def statuses(rig: Rig, cls: type[WorkflowEntrypoint]) -> dict[str, str]:
    """Of those that are not meant to fail."""
    listed = rig.client.workflow(cls).list(limit=100)
    return {entry.id: entry.status for entry in listed if not entry.id.startswith("bad")}


def audited(rig: Rig) -> list[tuple[str, str]]:
    query = "select actor, action from wf.audit where starts_with(action, 'breaker') order by id"
    return [(row[0], row[1]) for row in rig.sql(query)]


def begin(rig: Rig, cls: type[WorkflowEntrypoint], id: str, **params: Any) -> Any:
    """An instance that stands in its step; the future of the worker that runs it."""
    doors[id] = Door()
    rig.create(cls, id, params)
    running = rig.in_thread(rig.advance, rig.take()[-1])
    doors[id].wait_for()
    return running


BOTH = pytest.mark.parametrize("cls", [Free, Narrow], ids=["free", "narrow"])
"""Without a limit of concurrency, and with one."""


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


def opened_by(rig: Rig, cls: type[WorkflowEntrypoint]) -> None:
    """Somebody has opened it by hand."""
    rig.client.breakers.open(cls.workflow_name)


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


@BOTH
def test_a_registration_meanwhile_changes_nothing(rig: Rig, cls: type[WorkflowEntrypoint]) -> None:
    """Workers start, in the same or a newer version, with another limit, while it is open: it stays open."""
    opened(rig, cls)
    rig.workers[0].catalog.register(cls)
    newer = declare(cls.workflow_name, "2", breaker=RULES, concurrency=3)
    rig.workers[0].catalog.register(newer)
    for n in range(4):
        rig.client.workflow(cls.workflow_name).create(f"held-{n}", {})
    rig.settle()
    rig.pass_time(2)
    assert (ran, state(rig, cls)) == ([], "open")
    rig.clock.advance(120)
    tend(rig)
    rig.settle()
    assert tend(rig) == 1
    rig.settle()
    assert len(ran) == 4
    assert rig.sql("select count(*) from wf.slot where workflow = %s", cls.workflow_name) == [(3,)]


def test_settings_meanwhile_count_when_it_closes(rig: Rig) -> None:
    """An operator sets another limit while it is open: nobody begins, and later it is that limit."""
    opened(rig, Narrow)
    rig.client.catalog.configure(
        "breaker-narrow", {"concurrency": 5}, module=Narrow.__module__, class_name=Narrow.__name__, actor="op"
    )
    rig.create(Narrow, "held", {})
    rig.settle()
    assert (ran, rig.sql("select count(*) from wf.slot where instance is null")) == ([], [(0,)])
    rig.client.breakers.close("breaker-narrow")
    rig.settle()
    assert (ran, rig.sql("select count(*) from wf.slot where workflow = 'breaker-narrow'")) == (["held"], [(5,)])


def test_a_version_without_a_breaker_closes_it(rig: Rig) -> None:
    """Whoever takes the keyword away gets the workflow back, and it leaves nothing behind."""
    cls = declare("breaker-dropped", breaker=RULES)
    rig.workers[0].catalog.register(cls)
    opened(rig, cls)
    rig.create(cls, "held", {})
    rig.settle()
    rig.workers[0].catalog.register(declare("breaker-dropped", "2"))
    assert tend(rig) == 1
    rig.settle()
    assert ran == ["held"]
    assert tend(rig) == 0
    assert rig.sql("select breaker from wf.workflow where name = 'breaker-dropped'") == [(None,)]
    with pytest.raises(NoBreaker, match="Declare one on its class"):
        rig.client.breakers.open("breaker-dropped")


def test_instances_of_an_older_version_without_one_are_held_too(rig: Rig) -> None:
    """As soon as the newest version has a breaker it is the workflow's."""
    older = declare("breaker-added", "1")
    rig.workers[0].catalog.register(older)
    rig.create(older, "old", {"wait": True})
    rig.settle()
    newer = declare("breaker-added", "2", breaker=RULES)
    rig.workers[0].catalog.register(newer)
    opened(rig, newer)
    rig.client.workflow(older).get("old").send_event("go")
    rig.settle()
    assert (statuses(rig, newer)["old"], ran) == ("queued", [])


def test_a_rollback_is_not_held(rig: Rig) -> None:
    """What has to be undone does not wait until things go well again."""
    undone: list[str] = []

    class Booked(WorkflowEntrypoint, name="breaker-rollback", breaker=RULES):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("book", lambda: "seat", rollback=lambda: undone.append("seat"))
            await step.sleep("long", "3 days")

    rig.workers[0].catalog.register(Booked)
    instance = rig.create(Booked, "booked")
    rig.settle()
    opened_by(rig, Booked)
    instance.terminate(rollback=True)
    rig.settle()
    assert (instance.status().status, undone) == ("terminated", ["seat"])


def test_parallel_steps_that_are_retried_go_on_when_it_closes(rig: Rig) -> None:
    """Held while both wait for their second attempt: each is done, once, and nothing is asked for again and again."""
    tried: list[str] = []

    class Pair(WorkflowEntrypoint, name="breaker-pair", breaker=RULES):
        async def run(self, event: Any, step: Any) -> Any:
            def flaky(name: str) -> str:
                tried.append(name)
                if tried.count(name) == 1:
                    raise ValueError("again")
                return name

            config = {"retries": {"limit": 2, "delay": 5}}
            return await asyncio.gather(*(step.do(name, lambda name=name: flaky(name), config=config) for name in "ab"))

    rig.workers[0].catalog.register(Pair)
    pair = rig.create(Pair, "pair")
    rig.settle()
    opened_by(rig, Pair)
    rig.pass_time(6)
    assert (pair.status().status, sorted(tried)) == ("queued", ["a", "b"])
    rig.client.breakers.close("breaker-pair")
    rig.settle()
    rig.pass_time(1)  # one nudge for an instance; the alarm sees what else is due in it
    assert (pair.status().status, sorted(tried)) == ("complete", ["a", "a", "b", "b"])


def test_a_limit_holds_whatever_the_breaker_does(rig: Rig) -> None:
    """Opened and closed by hand while as many run as may: nobody gets more than the limit says."""
    first, second = (begin(rig, Narrow, id) for id in ("a", "b"))
    rig.client.breakers.open("breaker-narrow")
    for id in ("c", "d"):
        rig.create(Narrow, id, {})
    rig.settle()
    rig.client.breakers.close("breaker-narrow")
    rig.settle()
    rig.pass_time(2)
    assert ran == ["a", "b"]
    doors["a"].open()
    first.result(LIMIT)
    doors["b"].open()
    second.result(LIMIT)
    rig.settle()
    assert ran == ["a", "b", "c", "d"]


def test_a_removed_workflow_takes_its_breaker_along(rig: Rig) -> None:
    """Registered anew it is closed, whatever was before; nothing fails for want of it."""
    opened(rig, Free)
    rig.sql("delete from wf.instance where workflow = 'breaker-free'")
    rig.sql("delete from wf.metric where workflow = 'breaker-free'")
    rig.sql("delete from wf.workflow where name = 'breaker-free'")
    assert tend(rig) == 0
    with pytest.raises(WorkflowNotFound):
        rig.client.breakers.get("breaker-gone")
    rig.workers[0].catalog.register(Free)
    assert state(rig, Free) == "closed"


def test_a_workflow_that_nobody_has_registered_runs(rig: Rig) -> None:
    """It was removed while workers run that know it: nobody holds its instances."""
    rig.sql("delete from wf.workflow where name = 'breaker-free'")
    rig.create(Free, "new", {})
    rig.settle()
    assert ran == ["new"]


def test_by_hand_it_opens_and_closes(rig: Rig) -> None:
    """Twice the same is once; opened again, the pause begins anew. The audit names who did it."""
    client = rig.client.acting_as("api:ops")
    assert client.breakers.close("breaker-free").state == "closed"
    first = client.breakers.open("breaker-free")
    assert (first.state, first.failures, first.times, first.until.timestamp()) == ("open", 0, 1, START + 120)
    rig.clock.advance(10)
    assert client.breakers.open("breaker-free").until.timestamp() == START + 130
    assert client.breakers.close("breaker-free").state == "closed"
    assert client.breakers.close("breaker-free").state == "closed"
    assert audited(rig) == [("api:ops", f"breaker_{verb}") for verb in ("open", "open", "close")]


def test_one_poisoned_workflow_does_not_stop_the_others(rig: Rig) -> None:
    """Its breaker cannot be read; those of the others open nevertheless."""
    rig.sql('update wf.workflow set breaker = \'{"state": "ajar", "since": 1}\' where name = \'breaker-free\'')
    fail(rig, Narrow, 3)
    assert (tend(rig), state(rig, Narrow)) == (1, "open")


def test_in_an_outage_the_reaper_says_so_and_goes_on_afterwards(rig: Rig) -> None:
    """Postgres is away: the task fails, nothing has changed, and the next look finds what there is to do."""
    fail(rig, Free, 3)
    nowhere = rig.settings.model_copy(update={"database_url": f"postgresql://127.0.0.1:{free_port()}/none"})
    with Rig(nowhere) as away, pytest.raises(JournalUnavailable):
        breakers(away).tend()
    assert state(rig, Free) == "closed"
    assert (tend(rig), state(rig, Free)) == (1, "open")


def test_a_workflow_with_a_breaker_costs_one_statement_more(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it is closed: the question for a slot, once a run."""
    plain = declare("breaker-none")
    rig.workers[0].catalog.register(plain)
    numbers = []
    for cls in (plain, Free):
        rig.create(cls, "counted", {})
        numbers.append(counted(rig, monkeypatch))
    assert numbers[1] == numbers[0] + 1


def counted(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> int:
    """Statements until everything has come to rest."""
    number, database = [0], rig.workers[0].database
    rows = database.rows

    def count(*args: Any) -> Any:
        number[0] += 1
        return rows(*args)

    with monkeypatch.context() as patch:
        patch.setattr(database, "rows", count)
        rig.settle()
    return number[0]


@pytest.mark.parametrize("name", ["breaker_look", "breaker_change", "breaker_list", "slot_release", "slot_take"])
def test_no_statement_reads_a_big_table_from_end_to_end(rig: Rig, name: str) -> None:
    """Counts are found by their key, and who waits by the queue's index, in its order."""
    rig.sql(
        "insert into wf.instance (workflow, id, version, due_at, queued_at, queue_class)"
        " select 'other', n::text, '1', now(), case when mod(n, 2) = 0 then now() end, 1"
        " from generate_series(1, 6000) n"
    )
    rig.sql(
        "insert into wf.metric (span, workflow, at)"
        " select 60, 'other', to_timestamp(n * 60) from generate_series(1, 6000) n"
    )
    rig.sql("vacuum analyze wf.instance, wf.metric")
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        plan = plan_of(connection, statements()[name])
    assert set(scans(plan)) <= {"workflow", "slot"}
    if name in ("breaker_list", "slot_release", "slot_take"):
        assert "'Index Name': 'instance_queue'" in str(plan)
