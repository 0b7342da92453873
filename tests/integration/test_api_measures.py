"""What operators need of Prometheus: counters, histograms, and how late what is late is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support import START, Rig
from tests.support.errands import Errand
from tests.support.metrics import flushed
from tests.support.plans import plan_of, scans
from wf import WorkflowEntrypoint
from wf.breakers import Breakers
from wf.measures import BLOCK, SHOWN, SPAN, Measures
from wf.sql import statements
from wf_reaper import tasks
from wf_reaper.retention import COUNTS_KEPT

if TYPE_CHECKING:
    from prometheus_client import Metric

    from tests.support.api import Api

MIXED = "measured"
README = Path(__file__).parents[2] / "README.md"


class Mixed(WorkflowEntrypoint, name=MIXED, breaker={"failures": 3, "within": "5 minutes", "pause": "10 minutes"}):
    """A step that takes its time and may fail at first, a sleep, and an end as the params say."""

    clock: Any = None

    async def run(self, event: Any, step: Any) -> None:
        def work(ctx: Any) -> None:
            self.clock.advance(0.3)
            if ctx.attempt <= event.payload:
                raise ValueError(ctx.attempt)

        await step.do("work", work, config={"retries": {"limit": 1, "delay": 5}})
        await step.sleep("nap", 60)


def families(api: Api) -> dict[str, Metric]:
    """What is told, by the name of the family."""
    answer = api("GET", "/metrics")
    assert answer.status_code == 200
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(api: Api, name: str, **labels: str) -> float:
    """The only sample with these labels."""
    samples = (sample for family in families(api).values() for sample in family.samples)
    (found,) = [one.value for one in samples if one.name == name and labels.items() <= one.labels.items()]
    return found


def run_mixed(rig: Rig) -> None:
    """One that ends well, one after a retry, one not at all."""
    Mixed.clock = rig.clock
    rig.workers[0].catalog.register(Mixed)
    for n in range(3):
        rig.create(Mixed, f"m-{n}", n)
    rig.settle()
    for _ in range(12):
        rig.pass_time(7)
    flushed(rig)


def test_counters_are_told_by_workflow(rig: Rig, api: Api) -> None:
    """Instances that started and how they ended, steps, and attempts that failed."""
    run_mixed(rig)
    rig.workers[0].meter.attempt_lost(MIXED)
    flushed(rig)
    found = {
        name: value(api, f"wf_{name}_total", workflow=MIXED)
        for name in (
            "instances_started", "instances_completed", "instances_errored", "steps_completed", "attempts_failed",
            "attempts_retried", "attempts_lost",
        )
    }  # fmt: skip
    assert list(found.values()) == [3, 2, 1, 2, 3, 2, 1]


def test_histograms_hold_every_attempt_and_every_sleep(rig: Rig, api: Api) -> None:
    """Buckets add up, the last one is all; quantiles can be told from them."""
    run_mixed(rig)
    for name, total in (("wf_step_duration_seconds", 2), ("wf_wake_lag_seconds", 2)):
        samples = [s for s in families(api)[name].samples if s.labels["workflow"] == MIXED]
        counts = [sample.value for sample in samples]
        assert [sample.labels["le"] for sample in samples] == [*(f"{bound:g}" for bound in SHOWN), "+Inf"]
        assert counts == sorted(counts)
        assert counts[-1] == total
    durations = {s.labels["le"]: s.value for s in families(api)["wf_step_duration_seconds"].samples}
    assert (durations["0.256"], durations["1.024"]) == (0, 2)


def test_counters_grow_within_a_block_and_begin_anew_with_the_next(rig: Rig) -> None:
    """Nothing of a running block is forgotten; what was before it does not count."""
    measures = Measures(rig.client.database, rig.clock)
    rig.workers[0].catalog.register(Errand)
    now = rig.clock.now()
    begin = now // BLOCK * BLOCK
    for at in (begin - SPAN, begin, now // SPAN * SPAN):
        rig.sql(
            "insert into wf.metric (span, workflow, at, steps) values (%s, 'errand', to_timestamp(%s), 1)", SPAN, at
        )
    assert measures.look().counts["errand"].steps == 2
    rig.clock.advance(begin + BLOCK - now)
    assert measures.look().counts["errand"].steps == 0
    assert begin % SPAN == 0
    assert COUNTS_KEPT[SPAN] > BLOCK + SPAN


def test_how_late_things_are(rig: Rig, api: Api) -> None:
    """What is due and was not woken, and what is queued and has not started."""
    rig.workers[0].catalog.register(Errand)
    assert value(api, "wf_oldest_due_seconds") == 0
    assert value(api, "wf_oldest_queued_seconds", workflow="errand") == 0
    rig.create(Errand, "e-1", {"do": "sleep"})
    rig.settle()
    rig.create(Errand, "e-2")
    rig.clock.advance(7)
    rig.create(Errand, "e-3")
    assert value(api, "wf_oldest_queued_seconds", workflow="errand") == 7
    ((due,),) = rig.sql("select extract(epoch from min(due_at))::float8 from wf.instance")
    rig.clock.advance(due + 100 - rig.clock.now())
    assert value(api, "wf_oldest_due_seconds") == pytest.approx(100)
    rig.workers[0].alarm.run_once()
    assert value(api, "wf_oldest_due_seconds") == 0


def test_the_state_of_breakers(rig: Rig, api: Api) -> None:
    """Of workflows that declare one."""
    for cls in (Mixed, Errand):
        rig.workers[0].catalog.register(cls)

    def states() -> dict[str, float]:
        return {s.labels["state"]: s.value for s in families(api)["wf_breaker_state"].samples}

    assert states() == {"closed": 1, "open": 0, "probing": 0}
    Breakers(rig.client.catalog, rig.client.dispatcher, "test", due_in=1).open(MIXED)
    assert states() == {"closed": 0, "open": 1, "probing": 0}


def test_tasks_of_the_reaper_tell_when_they_ran(rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each when it has come to its end; one that fails grows old."""
    monkeypatch.setattr(tasks, "runtime", lambda: rig.workers[0])
    assert families(api)["wf_reaper_age_seconds"].samples == []
    for task in tasks.TASKS.values():
        task()
    rig.clock.advance(9)
    tasks.retention()
    ages = {sample.labels["task"]: sample.value for sample in families(api)["wf_reaper_age_seconds"].samples}
    assert ages == dict.fromkeys(tasks.TASKS, 9.0) | {"wf.retention": 0.0}
    rig.workers[0].alarm.run_once()
    assert value(api, "wf_alarm_age_seconds") == 0


def test_names_are_as_prometheus_wants_them(rig: Rig, api: Api) -> None:
    """What promtool checks: help, base units, `_total` for counters and for nothing else, no name twice."""
    run_mixed(rig)
    text = api("GET", "/metrics").text
    names = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(names) == len(set(names))
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("wf_")
        assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", family.name)
        assert family.documentation
        assert family.type in {"counter", "gauge", "histogram"}
        assert not re.search(r"_(total|count|sum|bucket|milliseconds|minutes|percent)$", family.name)
        for sample in family.samples:
            if family.type == "counter" and not sample.name.endswith("_created"):
                assert sample.name == f"{family.name}_total"


def test_alerts_are_of_metrics_that_exist(rig: Rig, api: Api) -> None:
    """Those that the README tells of, labels included."""
    (alerts,) = re.findall(r"```\n(wf_oldest_due_seconds .*?)```", README.read_text(), re.DOTALL)
    run_mixed(rig)
    rig.workers[0].alarm.run_once()
    samples = [sample for family in families(api).values() for sample in family.samples]
    known = {sample.name for sample in samples}
    labels = {name for sample in samples for name in sample.labels}
    assert len(alerts.splitlines()) == 3
    for alert in alerts.splitlines():
        wanted = set(re.findall(r"\bwf_\w+", alert))
        assert wanted
        assert wanted <= known
        assert set(re.findall(r"(?:by \(|\{)(\w+)", alert)) <= labels


def test_many_workflows_cost_a_look_and_no_more(rig: Rig) -> None:
    """Statements are of a fixed number, and read what they count through indexes."""
    rig.sql("insert into wf.workflow (name, version) select 'w-' || n, '1' from generate_series(1, 200) as n")
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, created_at, due_at)"
        " select 'w-' || (n %% 200 + 1), 'i-' || n, '1', 'waiting', to_timestamp(%s), to_timestamp(%s)"
        " from generate_series(1, 40000) as n",
        START,
        START + 60,
    )
    rig.sql("analyze")
    asked: list[str] = []
    database = rig.client.database
    read = database.read

    def listen(statement: Any, params: Any = None) -> Any:
        asked.append(str(statement))
        return read(statement, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "read", listen)
        seen = Measures(database, rig.clock).look()
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        counting = ("measure_statuses", "measure_oldest_due", "measure_oldest_queued")
        plans = {name: set(scans(plan_of(connection, statements()[name]))) for name in counting}
    assert not any("instance" in tables for tables in plans.values())
    assert len(asked) == 6
    assert sum(number for _, _, number in seen.instances) == 40_000
    assert len(seen.counts) == 200
