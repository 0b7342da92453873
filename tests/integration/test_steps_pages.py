"""An instance in parts: pages of its steps, one step in full, all of them in numbers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support.attempts import Held, one_step
from tests.support.big import multiply
from tests.support.errands import Errand, RefusedError, moment
from tests.support.parcels import Parcel
from tests.support.plans import plan_of, scans
from wf import InstanceNotFound, WorkflowEntrypoint
from wf.descriptions import TRUNCATED, to_show
from wf.errors import StepOutputNotFound
from wf.inside import ATTEMPTS, OUTLINES, PAGE
from wf.listing import LOOK, InvalidQuery
from wf.plain import plain
from wf.sql import statements

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.answers import Answer, Page


class Fan(WorkflowEntrypoint, name="fan-paged"):
    """Ten branches, of which the fourth and the seventh fail."""

    async def run(self, event: Any, step: Any) -> Any:
        def branch(n: int) -> int:
            if n in (3, 6):
                raise RefusedError(n)
            return n

        done = await asyncio.gather(
            *[step.do(f"branch {n}", lambda n=n: branch(n), config={"retries": {"limit": 0}}) for n in range(10)],
            return_exceptions=True,
        )
        return len(done)


def fan(rig: Rig) -> None:
    rig.create(Fan, "f-1")
    rig.settle()


def names(page: list[Answer]) -> list[str]:
    return [step.name for step in page]


def all_pages(rig: Rig, limit: int, **how: Any) -> list[list[Answer]]:
    """Pages of the fan from the first to the last."""
    pages: list[Page] = [rig.client.catalog.steps("fan-paged", "f-1", limit=limit, **how)]
    while (cursor := pages[-1].cursor) is not None:
        pages.append(rig.client.catalog.steps("fan-paged", "f-1", limit=limit, after=cursor, **how))
    return list(pages)


def test_pages_give_every_step_once_as_its_description_does(rig: Rig) -> None:
    """In both directions, whatever their size."""
    fan(rig)
    described = rig.client.catalog.describe("fan-paged", "f-1", read=plain).steps
    assert len(described) == 10
    for limit in (1, 3, 10, 100):
        pages = all_pages(rig, limit)
        assert [step for page in pages for step in page] == described
        assert {len(page) for page in pages[:-1]} <= {limit}
        back = all_pages(rig, limit, newest_first=True)
        assert [step for page in back for step in page] == described[::-1]
    assert rig.client.catalog.steps("fan-paged", "f-1", limit=10).cursor is None


def test_steps_of_every_kind_are_told_as_in_their_description(rig: Rig) -> None:
    """Failed attempts, sleeps, waits, and outputs that are sensitive."""
    rig.create(Parcel, "r-17")
    rig.settle()
    rig.pass_time(30)
    rig.pass_time(60)
    described = rig.client.catalog.describe("parcel", "r-17", read=plain).steps
    page = rig.client.catalog.steps("parcel", "r-17")
    assert list(page) == described
    assert (page[0].output, page[1].attempts[0].error.name, page[3].event_type) == ("[REDACTED]", "RefusedError", "go")
    for step in described:
        assert rig.client.catalog.step("parcel", "r-17", step.seq) == step | {"generation": 1}


def test_a_filter_by_status_or_name_finds_the_same_on_every_page_size(rig: Rig) -> None:
    """A part of the name is enough, in any case of letters, its counter included; what matters to SQL means nothing."""
    fan(rig)
    for limit in (1, 2, 100):
        failed = [step for page in all_pages(rig, limit, status="errored") for step in page]
        assert names(failed) == ["branch 3-1", "branch 6-1"]
        assert [step.error.message for step in failed] == ["order 3 refused", "order 6 refused"]
        found = [step for page in all_pages(rig, limit, search="CH 7-1", newest_first=True) for step in page]
        assert names(found) == ["branch 7-1"]
    steps = rig.client.catalog.steps
    assert steps("fan-paged", "f-1", status="running") == []
    assert names(steps("fan-paged", "f-1", search="3", status="errored")) == ["branch 3-1"]
    assert steps("fan-paged", "f-1", search="%") == steps("fan-paged", "f-1", search="_") == []


def test_an_outline_has_no_outputs_and_all_times(rig: Rig) -> None:
    """Start, end, status, and attempts with their outcomes; many more on a page."""
    rig.create(Parcel, "r-17")
    rig.settle()
    rig.pass_time(30)
    _, pack, nap = rig.client.catalog.steps("parcel", "r-17", outputs=False, limit=OUTLINES)
    assert (pack.start, pack.end, pack.status, pack.type) == (moment(0), moment(30), "complete", "step")
    assert [(each.start, each.end, each.outcome) for each in pack.attempts] == [
        (moment(0), moment(0), "errored"), (moment(30), moment(30), "complete"),
    ]  # fmt: skip
    assert (nap.start, nap.end, nap.status, nap.wake_at, nap.finished) == (
        moment(30), None, "waiting", moment(90), False,
    )  # fmt: skip
    assert {"output", "error", "heartbeat", "config"}.isdisjoint(pack)
    assert "error" not in pack.attempts[0]


def test_a_step_that_runs_tells_its_worker_and_what_its_heartbeat_told(rig: Rig) -> None:
    """Of a sensitive step the heartbeat is hidden, as its output is."""
    held = Held()

    def work(ctx: Any) -> None:
        ctx.heartbeat({"card": "4711"})
        held.stand()

    for name, sensitive in (("open", None), ("closed", "output")):
        cls = one_step(work, name, **({"sensitive": sensitive} if sensitive else {}))
        rig.create(cls, "r-17")
        held.begun.clear()
        working = rig.in_thread(rig.settle)
        assert held.begun.wait(10)
        rig.workers[0].engine.runner.attempts.beat()
        (running,) = rig.client.catalog.steps(cls.workflow_name, "r-17", status="running")
        assert (running.status, running.attempts[0].outcome) == ("running", "running")
        assert running.worker
        told = rig.client.catalog.step(cls.workflow_name, "r-17", running.seq)
        assert told.heartbeat == running.heartbeat == ("[REDACTED]" if sensitive else {"card": "4711"})
        held.gate.set()
        working.result(10)
        held.gate.clear()


def test_outputs_on_a_page_are_bounded_and_the_steps_own_is_whole(rig: Rig) -> None:
    """What is too long, or too much with the others, is not even read."""
    rig.create(one_step(lambda: "x" * 500_000, "long"), "r-17")
    rig.settle()
    multiply(rig, 40)
    catalog, of = rig.client.catalog, ("heartbeat-long", "r-17")
    assert {step.output for step in catalog.steps(*of)} == {TRUNCATED}
    outputs = [len(step.output) for step in catalog.steps(*of, extent=to_show(1_000_000))]
    assert outputs == [len(TRUNCATED)] * (41 - 33) + [500_000] * 33
    assert catalog.step(*of, 1).output == "x" * 500_000


def test_of_many_attempts_the_newest_are_told(rig: Rig) -> None:
    """Twenty on a page, a hundred of one step."""
    rig.create(Parcel, "r-17")
    rig.settle()
    rig.sql(
        "insert into wf.attempt (instance, generation, seq, attempt, outcome, error, rev)"
        " select instance, generation, seq, n, outcome, error, rev from wf.attempt, generate_series(2, 500) n"
    )
    rig.sql("update wf.step set attempt = 500 where seq = 2")
    tried = rig.client.catalog.steps("parcel", "r-17")[1].attempts
    assert [attempt.attempt for attempt in tried] == list(range(481, 501))
    tried = rig.client.catalog.step("parcel", "r-17", 2).attempts
    assert [attempt.attempt for attempt in tried] == list(range(501 - ATTEMPTS, 501))
    assert tried[0].error.name == "RefusedError"


def test_the_summary_counts_what_the_description_lists(rig: Rig) -> None:
    """From when to when, how many in which status, and the time now."""
    rig.create(Errand, "empty", {"do": ""})
    fan(rig)
    summary = rig.client.catalog.steps_summary("fan-paged", "f-1")
    assert summary == {
        "at": moment(0), "start": moment(0), "end": moment(0), "steps": {"complete": 8, "errored": 2}, "total": 10,
        "termination": None,
    }  # fmt: skip
    rig.create(Parcel, "r-17")
    rig.settle()
    rig.pass_time(30)
    rig.clock.advance(5)
    summary = rig.client.catalog.steps_summary("parcel", "r-17")
    assert (summary.at, summary.start, summary.end) == (moment(35), moment(0), moment(30))
    assert summary.steps == {"complete": 2, "waiting": 1}
    rig.client.workflow(Parcel).get("r-17").terminate()
    summary = rig.client.catalog.steps_summary("parcel", "r-17")
    assert summary.termination == {"at": moment(35), "source": "binding"}
    last = rig.client.catalog.describe("parcel", "r-17").steps[-1]
    assert (last.end, last.trigger["source"]) == (summary.termination.at, summary.termination.source)
    summary = rig.client.catalog.steps_summary("errand", "empty")
    assert (summary.start, summary.end, summary.steps, summary.total) == (None, None, {}, 0)


def test_a_rare_step_among_many_is_looked_for_a_piece_at_a_time(rig: Rig) -> None:
    """A page ends after so many steps; its cursor leads on, in both directions, and none is left out."""
    fan(rig)
    multiply(rig, LOOK + 5)
    steps = rig.client.catalog.steps
    first = steps("fan-paged", "f-1", search="branch 3")
    assert (names(first), first.cursor) == (["branch 3-1"], str(LOOK))
    rest = steps("fan-paged", "f-1", search="branch 3", after=first.cursor)
    assert (names(rest), rest.cursor) == ([], None)
    first = steps("fan-paged", "f-1", search="branch 3", newest_first=True)
    assert (names(first), first.cursor) == ([], "16")
    rest = steps("fan-paged", "f-1", search="branch 3", newest_first=True, after=first.cursor)
    assert (names(rest), rest.cursor) == (["branch 3-1"], None)


def test_a_page_of_a_big_instance_reads_its_own_rows_only(rig: Rig) -> None:
    """Of 5,000 steps, the plan takes a page's rows out of the index in their order, and no others."""
    fan(rig)
    multiply(rig, 5000)
    rig.sql(
        "insert into wf.attempt (instance, generation, seq, attempt, outcome, rev)"
        " select instance, generation, seq, 1, 'errored', rev from wf.step on conflict do nothing"
    )
    rig.sql("analyze wf.attempt")
    key, generation = rig.sql("select key, generation from wf.instance")[0]
    place = {"key": key, "generation": generation}
    for name, low, high in (("steps_forth", 2000, 2**31 - 1), ("steps_back", 0, 3000)):
        values = place | {"low": low, "high": high, "statuses": None, "search": None, "number": PAGE + 1}
        assert rows_read(rig, name, values) == PAGE + 1
    wanted = place | {"seqs": list(range(2001, 2101)), "bytes": 10**6, "total": 10**9, "attempts": 20, "outputs": True}
    assert rows_read(rig, "steps_of", wanted) == rows_read(rig, "attempts_of", wanted) == 100


def test_no_part_of_an_instance_is_read_from_end_to_end(rig: Rig) -> None:
    """The generic plan of each statement uses indexes only."""
    fan(rig)
    multiply(rig, 5000)
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        for name in ("steps_forth", "steps_back", "steps_of", "attempts_of"):
            assert list(scans(plan_of(connection, statements()[name]))) == [], name


def rows_read(rig: Rig, name: str, values: dict[str, Any]) -> int:
    """How many rows of a table Postgres reads for a statement, by the plan that it makes for all values."""
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        connection.execute("set plan_cache_mode = force_generic_plan")
        row = connection.execute(f"explain (analyze, format json) {statements()[name]}".encode(), values).fetchone()
    assert row is not None
    return sum(
        round(node["Actual Rows"] * node["Actual Loops"]) + node.get("Rows Removed by Filter", 0)
        for node in nodes(row[0][0]["Plan"])
        if node.get("Relation Name")
    )


def nodes(plan: Any) -> list[Any]:
    return [plan, *[node for part in plan.get("Plans", ()) for node in nodes(part)]]


def test_what_is_not_there_is_not_found(rig: Rig) -> None:
    """An instance, a step; what cannot be asked for is refused."""
    fan(rig)
    catalog = rig.client.catalog
    for call in (catalog.steps, catalog.steps_summary):
        with pytest.raises(InstanceNotFound):
            call("fan-paged", "nope")
    with pytest.raises(InstanceNotFound):
        catalog.step("fan-paged", "nope", 1)
    with pytest.raises(StepOutputNotFound, match="has no step number 11"):
        catalog.step("fan-paged", "f-1", 11)
    with pytest.raises(StepOutputNotFound):
        catalog.step("fan-paged", "f-1", 2**40)
    for wrong in (
        {"after": "x"}, {"after": "-1"}, {"limit": 0}, {"limit": PAGE + 1}, {"limit": OUTLINES + 1, "outputs": False},
        {"status": "nope"}, {"search": "x" * 201}, {"search": "\0"},
    ):  # fmt: skip
        with pytest.raises(InvalidQuery):
            catalog.steps("fan-paged", "f-1", **wrong)
    for beyond in ("9" * 50, "11"):
        assert catalog.steps("fan-paged", "f-1", after=beyond) == []
