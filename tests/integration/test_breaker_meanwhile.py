"""What else happens to a workflow while its breaker holds it, and what a breaker costs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import START, Rig
from tests.support.breaking import (
    RULES,
    Free,
    Narrow,
    audited,
    begin,
    breakers,
    declare,
    doors,
    fail,
    fresh,
    opened,
    opened_by,
    ran,
    state,
    statuses,
    tend,
)
from tests.support.plans import plan_of, scans
from tests.support.standing import LIMIT
from tests.support.web import free_port
from wf import WorkflowEntrypoint, WorkflowNotFound
from wf.breakers import NoBreaker
from wf.errors import JournalUnavailable
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = pytest.mark.parametrize("cls", [Free, Narrow], ids=["free", "narrow"])
"""Without a limit of concurrency, and with one."""


@pytest.fixture(autouse=True)
def all_well(rig: Rig) -> Iterator[None]:
    """All goes well at first."""
    with fresh(rig):
        yield


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
