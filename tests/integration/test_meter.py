"""What workers count of what they commit: right, added up, and never in the way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import START, Rig, wait_until
from tests.support.booking import make_table, put
from tests.support.errands import Errand
from tests.support.metrics import counts, flushed, journaled, times
from wf import WorkflowEntrypoint
from wf.charts import Charts
from wf.client import Client
from wf.clock import DatabaseClock
from wf.errors import JournalUnavailable
from wf.meter import MOST, SPANS
from wf_reaper.retention import COUNTS_KEPT, Retention

if TYPE_CHECKING:
    from tests.support import Processes
    from wf.settings import Settings

STEP_TIMES = "select extract(epoch from ended_at - attempt_at) from wf.step where kind = 'do' and status = 'complete'"
LAGS = "select extract(epoch from ended_at - wake_at) from wf.step where kind = 'sleep' and status = 'complete'"
RETRIED = {"retries": {"limit": 2, "delay": 5}}


class Mixed(WorkflowEntrypoint, name="meter-mixed"):
    """Steps that take their time, fail, are tried again; sleeps; and an end as its params say."""

    clock: Any = None

    async def run(self, event: Any, step: Any) -> int:
        failures = event.payload

        def work(ctx: Any) -> int:
            self.clock.advance(0.3)
            if ctx.attempt <= failures:
                raise ValueError(ctx.attempt)
            return 1

        await step.sleep("no time", 0)
        done = await step.do("work", work, config=RETRIED)
        await step.sleep("nap", 60)
        both = await asyncio.gather(*(step.do(f"part {n}", lambda n=n: n) for n in range(3)))
        return int(done) + len(both)


def run_mixed(rig: Rig) -> None:
    """One that succeeds at once, one at its second attempt, one not at all."""
    Mixed.clock = rig.clock
    for n, failures in enumerate((0, 1, 9)):
        rig.create(known(rig, Mixed), f"m-{n}", failures)
    rig.settle()
    for _ in range(12):
        rig.pass_time(7)


def known(rig: Rig, cls: type[WorkflowEntrypoint]) -> type[WorkflowEntrypoint]:
    """A workflow that a worker has registered, as all are that run in earnest."""
    rig.workers[0].catalog.register(cls)
    return cls


def columns(rig: Rig, span: int, workflow: str = Mixed.workflow_name) -> tuple[list[int], list[int]]:
    """Both histograms of the only row of a span."""
    ((step_times, lags),) = rig.sql(
        "select step_times, lags from wf.metric where span = %s and workflow = %s", span, workflow
    )
    return step_times, lags


def test_counts_are_what_the_journal_says(rig: Rig) -> None:
    """Starts, ends, steps, failures, retries, and both histograms; of every span."""
    run_mixed(rig)
    found = counts(flushed(rig).series("1h").totals)
    assert found == journaled(rig)
    assert found == {"started": 3, "completed": 2, "errored": 1, "steps": 8, "failed": 4, "retried": 3, "lost": 0}
    assert columns(rig, 3600) == (times(rig, STEP_TIMES), times(rig, f"{LAGS} and name = 'nap'"))
    assert sum(columns(rig, 3600)[1]) == 2  # sleeps of no time wake nobody
    for span in SPANS:
        sums = rig.sql("select sum(steps), sum(failed), sum(started) from wf.metric where span = %s", span)
        assert sums == [(8, 4, 3)]


def test_facts_stand_in_the_minute_of_their_own_time(rig: Rig) -> None:
    """However late they are written."""
    run_mixed(rig)
    rig.clock.advance(1800)
    points = flushed(rig).series("1h").points
    minute = {point.at.timestamp(): point.steps for point in points if point.steps}
    expected: dict[float, int] = {}
    for (at,) in rig.sql(
        "select extract(epoch from ended_at)::float8 from wf.step where kind = 'do' and output is not null"
    ):
        expected[at // 60 * 60] = expected.get(at // 60 * 60, 0) + 1
    assert minute == expected
    assert len(minute) > 1


def test_a_lost_attempt_is_counted_once(rig: Rig) -> None:
    """By the worker that finds it."""
    held: list[float] = []

    class Loses(WorkflowEntrypoint, name="meter-loses"):
        async def run(self, event: Any, step: Any) -> None:
            def work() -> None:
                if not held:
                    held.append(1)
                    rig.clock.advance(rig.settings.lease + 1)
                    rig.settle()
                    rig.workers[0].alarm.run_once()
                    rig.settle()

            await step.do("work", work)

    rig.create(known(rig, Loses))
    rig.settle()
    rig.pass_time(rig.settings.lease)
    found = counts(flushed(rig).series("1h").totals)
    assert found == journaled(rig)
    assert (found["lost"], found["steps"], found["completed"]) == (1, 1, 1)


def test_transactions_and_rollbacks_are_counted(rig: Rig) -> None:
    """Their steps are committed elsewhere, and count like any other; handlers do, too."""
    make_table(rig)

    class Books(WorkflowEntrypoint, name="meter-books"):
        async def run(self, event: Any, step: Any) -> None:
            await step.transaction("book", lambda connection: put(connection, "meter"))
            await step.do("hold", lambda: 1, rollback=lambda *_: None)
            raise ValueError("no")

    rig.create(known(rig, Books))
    rig.settle()
    found = counts(flushed(rig).series("1h").totals)
    assert found == journaled(rig)
    assert (found["steps"], found["errored"], found["started"]) == (3, 1, 1)


def test_an_instance_that_begins_anew_starts_again(rig: Rig) -> None:
    """A restart from the start begins another time; a pass that looks again does not."""
    instance = rig.create(known(rig, Errand), "e-1", {"do": "wait"})
    rig.settle()
    rig.pass_time(1)
    assert flushed(rig).series("1h").totals.started == 1
    instance.restart()
    rig.settle()
    instance.send_event("go")
    rig.settle()
    found = flushed(rig).series("1h").totals
    assert (found.started, found.completed) == (2, 1)


def test_two_processes_add_up(settings: Settings) -> None:
    """Their histograms, too, of whatever lengths."""
    with Rig(settings, workers=2) as rig:
        Mixed.clock = rig.clock
        for worker in (0, 1):
            rig.create(known(rig, Mixed), f"w-{worker}", 0)
            rig.settle(worker)
            flushed(rig)
        rig.workers[1].meter._count(Mixed.workflow_name, rig.clock.now(), "steps", "step_times", 100.0)
        flushed(rig)
        step_times, _ = columns(rig, 3600)
        assert step_times == [0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1]
        assert flushed(rig).series("1h").totals.started == 2


def test_an_outage_keeps_the_sums(rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """What cannot be written is tried again with what was counted since; the reason is told once."""
    meter, database = rig.workers[0].meter, rig.workers[0].database
    rig.create(known(rig, Errand), "e-1", {})
    rig.settle()

    def away(*_: Any) -> None:
        raise JournalUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(database, "rows", away)
        with pytest.raises(JournalUnavailable):
            meter.flush()
        meter._flush_carefully()
        meter._flush_carefully()
    rig.create(known(rig, Errand), "e-2", {})
    rig.settle()
    assert flushed(rig).series("1h").totals.completed == 2
    assert flushed(rig).series("1h").totals.completed == 2  # and is written once
    assert capsys.readouterr().out.count("counts for the metrics not written") == 1


def test_what_cannot_be_written_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest minutes are forgotten first."""
    meter = rig.workers[0].meter

    def refuse(*_: Any) -> None:
        raise JournalUnavailable("away")

    for minute in range(MOST + 10):
        meter._count("w", START + 60 * minute, "steps")
    with monkeypatch.context() as patch:
        patch.setattr(rig.workers[0].database, "rows", refuse)
        with pytest.raises(JournalUnavailable):
            meter.flush()
    assert min(minute for _, minute in meter._sums) == START // 60 + 10
    assert len(meter._sums) == MOST


def test_nothing_is_started_for_nothing(rig: Rig) -> None:
    """A process that counts nothing has no thread for it, and writes nothing when it stops."""
    meter = rig.workers[0].meter
    rig.workers[0].alarm.run_once()
    assert meter._thread is None
    meter.close()
    assert rig.sql("select count(*) from wf.metric") == [(0,)]


def test_a_process_that_stops_writes_what_is_left(rig: Rig) -> None:
    """At a clean stop nothing is lost."""
    rig.create(known(rig, Errand), "e-1", {})
    rig.settle()
    rig.workers[0].meter.close()
    assert rig.sql("select completed from wf.metric where span = 60") == [(1,)]


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_worker_processes_write_what_they_count(processes: Processes, settings: Settings, pool: str) -> None:
    """Every few seconds, and when they stop; forked children for themselves."""
    worker = processes.worker("tests.support.errands", concurrency=2, args=["--pool", pool])
    with Client(settings=settings) as client:
        charts = Charts(client.database, DatabaseClock())
        client.workflow(Errand).create("e-1", {}).result(timeout=30)
        wait_until(lambda: charts.series("1h").totals.completed == 1, 30, "it is counted")
        client.workflow(Errand).create("e-2", {}).result(timeout=30)
        worker.stop()
        wait_until(lambda: charts.series("1h").totals.completed == 2, 5, "the rest is written at the end")


def test_a_removed_workflow_is_not_counted_again(rig: Rig) -> None:
    """What is flushed after its removal is forgotten, and hinders nobody."""
    meter = rig.workers[0].meter
    rig.workers[0].catalog.register(Errand)
    for workflow in ("errand", "gone"):
        meter._count(workflow, rig.clock.now(), "steps")
    meter.flush()
    assert rig.sql("select distinct workflow from wf.metric") == [("errand",)]


def test_old_counts_are_removed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each span after its time, in bounded statements; what a chart still shows stays."""
    monkeypatch.setattr("wf_reaper.retention.COUNTS", 2)
    for span, seconds in COUNTS_KEPT.items():
        for age in (seconds - 1, *(seconds + n for n in range(1, 6))):
            rig.sql(
                "insert into wf.metric (span, workflow, at) values (%s, 'w', to_timestamp(%s))",
                span,
                rig.clock.now() - age,
            )
    Retention(rig.workers[0]).run_once()
    kept = rig.sql("select span, extract(epoch from at)::float8 from wf.metric order by span")
    assert kept == [(span, rig.clock.now() - seconds + 1) for span, seconds in COUNTS_KEPT.items()]
