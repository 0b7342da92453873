"""Every statement that runs while instances run finds its rows by an index, however many there are."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import psycopg
import pytest

from tests.support.errands import Errand, RefusedError
from tests.support.feeds import drained
from tests.support.plans import plan_of, scans
from wf import WorkflowEntrypoint, listed
from wf.attempt import Attempt
from wf.commits import FEW
from wf.core import StepConfig
from wf.database import Database
from wf.leases import Leases
from wf.listing import Listing
from wf.sql import statements
from wf_reaper.restarts import Restarts

if TYPE_CHECKING:
    from tests.support import Rig

BEGINS: tuple[Literal["", "few", "many"], ...] = ("", "few", "many")

SMALL = {"workflow", "version", "tick", "slot", "schedule"}
"""Tables of a few rows, which may be read from end to end."""

HOT = {
    "alarm_due", "attempt_ended", "attempt_held", "attempt_list", "attempt_lose", "attempt_record", "details_keep",
    "details_read", "details_tell", "event_accept", "event_pending", "feed_find", "feed_look", "feed_page",
    "instance_create", "instance_fork", "instance_key", "instance_load", "instance_outcome", "instance_read",
    "instance_restart", "instance_terminate", "lease_extend", "lines_carry", "restart_due", "restart_forget",
    "step_claim", "step_list",
}  # fmt: skip
"""Statements that the scenario must have run for the test to mean anything."""


class Everything(WorkflowEntrypoint, name="plans", restart={"delay": 1}):
    """Uses whatever there is."""

    async def run(self, event: Any, step: Any) -> Any:
        def fail(ctx: Any) -> None:
            if ctx.attempt == 1:
                ctx.heartbeat("halfway")
                raise RefusedError(1)

        await asyncio.gather(*[step.do(f"part {n}", lambda: None) for n in range(FEW + 1)])
        await step.do("flaky", fail, config={"retries": {"limit": 1, "delay": 1}})
        await step.sleep("nap", 1)
        await step.wait_for_event("permit", "go")
        raise RefusedError(2)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The statements that were run."""
    texts: set[str] = set()
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        texts.add(sql)
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", listen)
    return texts


def live_through(rig: Rig) -> None:
    """Run through everything that can happen to an instance."""
    workflow = rig.client.workflow(Everything)
    instance = workflow.create("r-17")
    rig.settle()
    rig.pass_time(1)
    rig.pass_time(2)
    rig.lose_messages()
    instance.send_event("go", 1, event_id="e-1")
    rig.lose_messages()
    rig.pass_time(rig.settings.renudge)
    assert instance.status().status == "errored"
    rig.clock.advance(1)
    assert Restarts(rig.workers[0]).run_once() == 1
    rig.settle()
    instance.describe()
    instance.fork("forked", from_step="flaky")
    stopped = workflow.create("stopped")
    drained(stopped.subscribe())
    stopped.terminate()
    workflow.get("stopped")
    journal = rig.workers[0].journal
    found = journal.load(rig.sql("select min(key) from wf.instance")[0][0])
    assert found is not None
    journal.lose(found.instance, found.rows[0])
    attempt = Attempt(found.instance, replace(found.rows[0], lease=uuid4()), StepConfig(), 0, 0, 1)
    journal.extend([attempt.held], 30)
    leases = Leases(journal.database)
    leases.wanted([attempt])
    leases.tell([(attempt, None)])
    leases.has_ended_well(attempt)


def list_all_ways(rig: Rig) -> None:
    """Lists with every filter, first and later pages."""
    now = rig.client.workflow(Errand).create().describe().queued
    for filters in ({}, {"cursor": "500"}, {"status": "complete"}, {"since": now, "until": now}):
        rig.client.workflow(Errand).list(**filters)
    for listing in (
        Listing(cursor="5", oldest_first=True), Listing(status="errored", page=2, version="1"), Listing(id="i-1"),
        Listing(id="i-", status="waiting"), Listing(error="x"), Listing(search="x", version="1", since=now, page=2),
        Listing(error="x", search="x", id="i-"),
    ):  # fmt: skip
        rig.client.catalog.list("errand", listing)


def fill(rig: Rig, *, analyze: bool = True) -> None:
    """Some thousands of instances, most of which have ended, as in a deployment."""
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, due_at, restart_at) select"
        " case when mod(n, 3) = 0 then 'errand' else 'other' end, 'i-' || n, '1',"
        " case when mod(n, 50) = 0 then 'waiting' when mod(n, 60) = 1 then 'errored' else 'complete' end,"
        " case when mod(n, 50) = 0 then now() + n * interval '1 second' end,"
        " case when mod(n, 60) = 1 then now() + n * interval '1 second' end"
        " from generate_series(1, 6000) n"
    )
    rig.sql("insert into wf.payload (instance, params) select key, '\\x01' from wf.instance on conflict do nothing")
    rig.sql(
        "insert into wf.step (instance, generation, seq, kind, name, count, status, attempt, lost, started_rev, rev)"
        " select key, 1, n, 'do', 's', n, 'complete', 1, 0, n, n from wf.instance, generate_series(1, 5) n"
        " on conflict do nothing"
    )
    rig.sql(
        "insert into wf.attempt (instance, generation, seq, attempt, outcome, rev)"
        " select key, 1, 1, 1, 'errored', 1 from wf.instance on conflict do nothing"
    )
    rig.sql(
        "insert into wf.event (instance, type, payload, event_id, consumed_by)"
        " select key, 'go', '\\x01', 'e', 1 from wf.instance on conflict do nothing"
    )
    rig.sql(
        "insert into wf.transition (instance, rev, status)"
        " select key, 1, 'waiting' from wf.instance on conflict do nothing"
    )
    rig.sql(
        "insert into wf.line (instance, generation, seq, attempt, at, level, logger, message)"
        " select key, 1, 1, 1, now(), 20, 'shop', '' from wf.instance"
    )
    for table in ("instance", "payload", "step", "attempt", "line", "event", "transition") if analyze else ():
        rig.sql(f"analyze wf.{table}")


def test_no_statement_reads_a_big_table_from_end_to_end(rig: Rig, seen: set[str]) -> None:
    """The generic plan of each statement of an instance's whole life, and of every list, uses indexes only."""
    live_through(rig)
    list_all_ways(rig)
    named = {text: name for name, text in statements().items()}
    assert {named.get(text, "") for text in seen} >= HOT
    assert sum("rows (" in text for text in seen) > 2, "no commits were seen"
    assert any("json_to_recordset" in text for text in seen), "no commit of many rows was seen"
    fill(rig)
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        slow = {named.get(text, text): read for text in seen if (read := set(scans(plan_of(connection, text))) - SMALL)}
    assert slow == {}


def test_a_page_deep_in_a_list_costs_what_the_first_one_costs(rig: Rig, seen: set[str]) -> None:
    """A cursor is looked up in the index; nothing before it is read, and nothing is sorted."""
    rig.create(Errand)
    fill(rig)
    seen.clear()
    rig.client.workflow(Errand).list(cursor="3000")
    (text,) = seen
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        page = limited(plan_of(connection, text))
    assert (page["Node Type"], page["Index Name"]) == ("Index Scan", "instance_newest")
    seen.clear()
    rig.client.catalog.list("errand", Listing(cursor="3000", status="errored"))
    (text,) = seen
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        page = limited(plan_of(connection, text))
    assert (page["Node Type"], page["Index Name"]) == ("Index Scan", "instance_status")


def test_a_page_far_behind_is_found_by_the_index_too(rig: Rig, seen: set[str]) -> None:
    """A page that is given by its number costs the index rows that it skips, and no sorting."""
    rig.create(Errand)
    fill(rig)
    seen.clear()
    rig.client.catalog.list("errand", Listing(page=3, oldest_first=True))
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        pages = [limited(plan_of(connection, text)) for text in seen]
    assert len(pages) == 2
    assert all(page["Index Name"] == "instance_newest" for page in pages), pages


@pytest.mark.parametrize("analyzed", [False, True])
def test_every_shape_of_a_list_is_found_by_indexes(rig: Rig, analyzed: bool) -> None:
    """No filters, in whatever combination and order, make Postgres read a table from end to end or in wrong order."""
    fill(rig, analyze=analyzed)
    texts = {
        listed.contents(shape, error=error, values=not error)
        for shape in SHAPES for error in (False, True)
    } | {make(shape) for shape in SHAPES for make in (listed.page, listed.skipped, listed.chosen)}  # fmt: skip
    texts.add(statements()["list_beginning"])
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        plans = {text: plan_of(connection, text) for text in texts}
    assert {text for text, plan in plans.items() if set(scans(plan))} == set()
    for shape in SHAPES if analyzed else [shape for shape in SHAPES if shape.status or shape.begins == "few"]:
        index = "instance_id" if shape.begins == "few" else "instance_status" if shape.status else "instance_newest"
        assert f"'Index Name': '{index}'" in str(plans[listed.page(shape)]), shape


SHAPES = [
    listed.Shape(oldest_first, status, version, since, since, begins)
    for begins in BEGINS
    for oldest_first, status, version, since in product([False, True], repeat=4)
]


def limited(plan: Any) -> Any:
    """What stands directly below the LIMIT of a plan: where its rows come from, in their order."""
    plan = plan[0]["Plan"]
    while plan["Node Type"] != "Limit":
        plan = plan["Plans"][0]
    return plan["Plans"][0]


def test_a_workflow_is_described_from_indexes(rig: Rig, seen: set[str]) -> None:
    """Its instances are counted, and the newest one is found, without those of other workflows."""
    rig.workers[0].catalog.register(Errand)
    fill(rig)
    rig.sql("update wf.instance set workflow = 'w-' || mod(key, 20) where workflow = 'other'")
    rig.sql("vacuum analyze wf.instance")
    seen.clear()
    rig.client.catalog.describe_workflows("errand")
    rig.client.catalog.describe_workflows(only=["errand"])
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        plans = [plan_of(connection, text) for text in seen]
    assert set().union(*map(scans, plans)) <= SMALL
    assert "'Index Name': 'instance_newest'" in str(plans)
    assert "'Index Name': 'instance_status'" in str(plans)
