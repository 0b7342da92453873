"""Schedules: each firing creates one instance, whoever looks, however often, and however late."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Barrier
from types import new_class
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support import START, Processes, Rig, wait_until
from tests.support.errands import moment
from tests.support.plans import plan_of, scans
from wf import WorkflowEntrypoint
from wf.crons import latest_firing, next_firing
from wf.deployments import TooManySchedules
from wf.sql import statements
from wf.workflow import registry
from wf_tasks.runtime import Runtime, Watch
from wf_tasks.schedules import BATCH, Schedules

if TYPE_CHECKING:
    from wf.settings import Settings

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

# The rig's clock starts at a full hour: 2027-01-15 08:00.


def scheduled(name: str, *crons: str, version: str = "1", **keywords: Any) -> type[WorkflowEntrypoint]:
    """A workflow that tells what its event says of the schedule."""

    async def run(self: Any, event: Any, step: Any) -> Any:
        firing = event.schedule
        if firing is None:
            return None
        assert event["schedule"] is firing
        return [firing.cron, firing["cron"], firing.scheduledTime, firing.scheduled_time, firing["scheduledTime"]]

    def fill(body: dict[str, Any]) -> None:
        body["run"] = run

    given = {"name": name, "version": version, "schedules": list(crons), **keywords}
    return new_class("Scheduled", (WorkflowEntrypoint,), given, exec_body=fill)


def deploy(rig: Rig, name: str, *crons: str, **more: Any) -> type[WorkflowEntrypoint]:
    """A worker registers a workflow with these schedules."""
    cls = scheduled(name, *crons, **more)
    rig.workers[0].catalog.register(cls, max_schedules=rig.settings.max_schedules)
    return cls


def table(rig: Rig) -> dict[tuple[str, str], float]:
    """Every schedule, and the seconds from the start until it fires next."""
    rows = rig.sql("select workflow, cron, extract(epoch from next_at)::float8 from wf.schedule")
    return {(workflow, cron): at - START for workflow, cron, at in rows}


def ids(rig: Rig) -> list[str]:
    """Every instance, in the order of creation."""
    return [id for (id,) in rig.sql("select id from wf.instance order by key")]


def at(cron: str, seconds: float) -> str:
    """The id of a firing, so many seconds from the start."""
    return f"{cron}-{round((START + seconds) * 1000)}"


def schedules(rig: Rig) -> Schedules:
    """Those of another process: it has its own memory."""
    runtime = rig.workers[0]
    return Schedules(rig.settings, runtime.journal, runtime.dispatcher)


def test_a_firing_creates_an_instance(rig: Rig) -> None:
    """When its time comes, one instance is created, with `{}` as params and the firing in `event.schedule`."""
    deploy(rig, "sched-one", "*/30 * * * *")
    rig.pass_time(30 * MINUTE - 1)
    assert ids(rig) == []
    rig.pass_time(1)
    assert ids(rig) == [at("*/30 * * * *", 30 * MINUTE)]
    instance = rig.client.workflow("sched-one").get(ids(rig)[0])
    time = round((START + 30 * MINUTE) * 1000)
    assert instance.status().output == ["*/30 * * * *", "*/30 * * * *", time, time, time]
    shown = instance.describe()
    assert (shown.params, shown.trigger) == ({}, {"source": "cron"})
    assert (shown.schedule.cron, shown.schedule.scheduled_time) == ("*/30 * * * *", time)
    rig.pass_time(29 * MINUTE)
    assert len(ids(rig)) == 1
    rig.pass_time(MINUTE)
    assert ids(rig) == [at("*/30 * * * *", 30 * MINUTE), at("*/30 * * * *", HOUR)]


def test_other_instances_have_no_schedule(rig: Rig) -> None:
    """`event.schedule` is None for an instance that no schedule created."""
    instance = rig.create(deploy(rig, "sched-by-hand", "0 * * * *"))
    rig.settle()
    assert instance.status().output is None
    assert instance.describe().schedule is None


def test_a_replay_knows_the_schedule_too(rig: Rig) -> None:
    """After a step, a worker that has never seen the instance hands `run` the same schedule."""

    class Stepping(WorkflowEntrypoint, name="sched-replay", schedules="0 * * * *"):
        async def run(self, event: Any, step: Any) -> Any:
            await step.sleep("nap", 60)
            return event.schedule

    rig.workers[0].catalog.register(Stepping)
    rig.pass_time(HOUR)
    rig.workers[0].engine.passes.clear()
    rig.pass_time(MINUTE)
    instance = rig.client.workflow(Stepping).get(at("0 * * * *", HOUR))
    assert instance.status().output == {"cron": "0 * * * *", "scheduledTime": round((START + HOUR) * 1000)}


def test_two_alarms_at_once_fire_once(settings: Settings) -> None:
    """However many look at the clock at the same moment, a firing creates one instance and one nudge."""
    with Rig(settings, workers=4) as rig:
        for n in range(5):
            deploy(rig, f"sched-race-{n}", "0 * * * *")
        for hour in range(1, 4):
            rig.clock.advance(HOUR)
            together = Barrier(len(rig.workers))

            def tick(worker: Runtime, together: Barrier = together) -> int:
                together.wait(10)
                return Schedules(settings, worker.journal, worker.dispatcher).run_once()

            made = [future.result(10) for future in [rig.in_thread(tick, worker) for worker in rig.workers]]
            assert sum(made) == rig.settle() == 5
            assert len(ids(rig)) == 5 * hour


def test_a_late_beat_cannot_fire_again(rig: Rig) -> None:
    """A process that found a schedule due before another one fired it changes nothing."""
    deploy(rig, "sched-late", "0 * * * *")
    rig.clock.advance(HOUR)
    late = schedules(rig)
    (row,) = late._due(0)
    assert schedules(rig).run_once() == 1
    rig.client.workflow("sched-late").get(ids(rig)[0]).delete()
    assert late._fire(row) == []
    assert ids(rig) == []
    assert table(rig) == {("sched-late", "0 * * * *"): 2 * HOUR}


def test_missed_firings_come_to_one(rig: Rig) -> None:
    """After downtime there is one instance, of the latest firing that was missed, and the next one is on time."""
    deploy(rig, "sched-down", "0 * * * *")
    rig.pass_time(3 * DAY + 90 * MINUTE)
    assert ids(rig) == [at("0 * * * *", 3 * DAY + HOUR)]
    assert table(rig) == {("sched-down", "0 * * * *"): 3 * DAY + 2 * HOUR}
    rig.pass_time(30 * MINUTE)
    assert ids(rig) == [at("0 * * * *", 3 * DAY + HOUR), at("0 * * * *", 3 * DAY + 2 * HOUR)]


def test_an_id_that_is_taken_is_left_alone(rig: Rig) -> None:
    """If the instance of a firing is there already, it stays as it is and the schedule goes on."""
    deploy(rig, "sched-taken", "0 * * * *")
    rig.pass_time(HOUR)
    before = rig.sql("select key, rev from wf.instance")
    rig.sql("update wf.schedule set next_at = to_timestamp(%s)", START + HOUR)
    assert schedules(rig).run_once() == 0
    assert rig.sql("select key, rev from wf.instance") == before
    assert table(rig) == {("sched-taken", "0 * * * *"): 2 * HOUR}


def test_the_newest_version_says_which_schedules_there_are(rig: Rig) -> None:
    """A new version drops, keeps and adds schedules; an unchanged one goes on; an old worker changes nothing."""
    old = deploy(rig, "sched-change", "0 * * * *", "30 * * * *")
    assert table(rig) == {("sched-change", "0 * * * *"): HOUR, ("sched-change", "30 * * * *"): 30 * MINUTE}
    rig.clock.advance(HOUR + 10 * MINUTE)
    deploy(rig, "sched-change", "0 * * * *", "*/15 * * * *", version="2")
    now = {("sched-change", "0 * * * *"): HOUR, ("sched-change", "*/15 * * * *"): HOUR + 15 * MINUTE}
    assert table(rig) == now
    rig.workers[0].catalog.register(old)
    assert table(rig) == now
    rig.workers[0].alarm.run_once()
    assert ids(rig) == [at("0 * * * *", HOUR)]
    assert rig.sql("select version from wf.instance") == [("2",)]
    deploy(rig, "sched-change", version="3")
    assert table(rig) == {}


def test_a_schedule_that_was_dropped_does_not_fire(rig: Rig) -> None:
    """A new version that comes between the look at a due schedule and its firing wins."""
    deploy(rig, "sched-dropped", "0 * * * *")
    rig.clock.advance(HOUR)
    late = schedules(rig)
    (row,) = late._due(0)
    deploy(rig, "sched-dropped", version="2")
    assert late._fire(row) == []
    assert ids(rig) == []


def test_too_many_schedules_are_refused(settings: Settings) -> None:
    """Beyond the limit over all workflows, a registration is an error that names the numbers; the others stay."""
    with Rig(settings.model_copy(update={"max_schedules": 3})) as rig:
        deploy(rig, "sched-many-a", "0 1 * * *", "0 2 * * *")
        deploy(rig, "sched-many-b", "0 3 * * *")
        before = table(rig)
        with pytest.raises(
            TooManySchedules, match=r"'sched-many-b' declares 2 .* have 2, .* is 3 \(WF_MAX_SCHEDULES"
        ) as e:
            deploy(rig, "sched-many-b", "0 3 * * *", "0 4 * * *", version="2")
        assert (e.value.asked, e.value.others, e.value.limit) == (2, 2, 3)
        assert table(rig) == before
        assert rig.workers[0].catalog.workflows()["sched-many-b"] == "1"
        deploy(rig, "sched-many-a", "0 1 * * *", version="2")
        deploy(rig, "sched-many-b", "0 3 * * *", "0 4 * * *", version="2")
        assert len(table(rig)) == 3


def test_a_worker_starts_in_spite_of_too_many_schedules(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker whose workflows have too many schedules says so and registers the others."""
    one, two = scheduled("sched-start-a", "0 1 * * *", "0 2 * * *"), scheduled("sched-start-b")
    monkeypatch.setattr(registry, "_classes", {cls.workflow_name: {"1": cls} for cls in (one, two)})
    with Rig(settings.model_copy(update={"max_schedules": 1})) as rig:
        rig.workers[0].prepare()
        assert table(rig) == {}
        assert "sched-start-b" in rig.workers[0].catalog.workflows()
    assert "'sched-start-a' declares 2 schedule(s)" in capsys.readouterr().out


def test_a_poisoned_schedule_does_not_stop_the_others(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    """Schedules that nobody can read, or whose workflow is gone, are told of once; the others fire as ever."""
    deploy(rig, "sched-healthy", "0 * * * *")
    long_ago = START - DAY
    rig.sql(
        "insert into wf.schedule (workflow, cron, next_at) select 'sched-poisoned', 'no cron ' || n, to_timestamp(%s)"
        " from generate_series(1, %s) n",
        long_ago,
        BATCH + 1,
    )
    rig.sql(
        "insert into wf.schedule (workflow, cron, next_at) values ('sched-gone', '0 * * * *', to_timestamp(%s))", START
    )
    for hour in (1, 2):
        rig.pass_time(HOUR)
        assert len(ids(rig)) == hour
        assert table(rig)["sched-gone", "0 * * * *"] == (hour + 1) * HOUR
    told = capsys.readouterr().out
    assert told.count("no cron 7 ") + told.count("no cron 7\x1b") + told.count("cron='no cron 7'") == 1
    assert told.count("no worker has registered the workflow") == 1


def test_instances_wait_for_a_redis_that_is_away(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the nudge of a firing is lost, the alarm repeats it like any other."""
    deploy(rig, "sched-lost", "0 * * * *")
    rig.clock.advance(HOUR)
    rig.workers[0].alarm.run_once()
    rig.lose_messages()
    rig.pass_time(rig.settings.renudge)
    assert rig.client.workflow("sched-lost").get(ids(rig)[0]).status().status == "complete"


def test_workers_fire_while_beat_is_dead(rig: Rig) -> None:
    """The watch that stands in for the alarm fires schedules as well."""
    deploy(rig, "sched-stand-in", "0 * * * *")
    rig.workers[0].alarm.run_once()
    rig.clock.advance(HOUR)
    Watch(rig.workers[0]).look()
    assert ids(rig) == [at("0 * * * *", HOUR)]


def test_the_retention_of_the_workflow_counts(rig: Rig) -> None:
    """Instances that a schedule creates are kept as long as their workflow says."""
    deploy(rig, "sched-kept", "0 * * * *", default_retention={"success_retention": 600, "error_retention": "2 hours"})
    rig.pass_time(HOUR)
    assert rig.sql("select keep_success, keep_error from wf.instance") == [(600.0, 7200.0)]


def test_a_workflow_shows_its_schedules(rig: Rig) -> None:
    """A description of the workflow names its cron expressions and when each fires next."""
    deploy(rig, "sched-shown", "0 12 * * *", "0 9 * * *")
    (shown,) = rig.workers[0].catalog.describe_workflows()
    found = [(entry.cron, entry.next_instance) for entry in shown.schedules]
    assert found == [("0 9 * * *", moment(HOUR)), ("0 12 * * *", moment(4 * HOUR))]


@pytest.mark.parametrize("name", ["schedule_due", "schedule_fire"])
def test_an_alarm_asks_the_index(rig: Rig, name: str) -> None:
    """Looking for due schedules, and firing one, reads no table of many rows from end to end."""
    deploy(rig, "sched-plan", "0 * * * *")
    rig.sql(
        "insert into wf.schedule (workflow, cron, next_at)"
        " select 'sched-plan', n::text, now() + n * interval '1 hour' from generate_series(1, 5000) n"
    )
    rig.sql("analyze wf.schedule")
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        plan = plan_of(connection, statements()[name])
    assert not {"schedule", "instance", "payload"} & set(scans(plan))


@pytest.mark.parametrize(
    ("cron", "now", "latest", "following"),
    [
        ("*/30 * * * *", "2026-03-29T01:29:59.999", "2026-03-29T01:00:00", "2026-03-29T01:30:00"),
        ("*/30 * * * *", "2026-03-29T01:30:00", "2026-03-29T01:30:00", "2026-03-29T02:00:00"),
        ("0 0 1 1 *", "2026-06-01T00:00:00", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
        ("0 0 29 2 *", "2026-06-01T00:00:00", "2024-02-29T00:00:00", "2028-02-29T00:00:00"),
        ("0 9 * * MON-FRI", "2026-11-22T12:00:00", "2026-11-20T09:00:00", "2026-11-23T09:00:00"),
    ],
)
def test_firings_are_in_utc(cron: str, now: str, latest: str, following: str) -> None:
    """The latest firing is not after a moment, the next one is after it; no clock is ever put forward or back."""

    def seconds(text: str) -> float:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    assert latest_firing(cron, seconds(now)) == seconds(latest)
    assert next_firing(cron, seconds(now)) == seconds(following)


@pytest.mark.parametrize(
    "cron",
    [
        "", "* * * *", "* * * * * *", "@hourly", "61 * * * *", "0 0 31 2 *", "R * * * *", "H * * * *", "0 0 ? * *",
        "0 0 1 1 * " + " " * 300 + "x", ",".join("1" * 200) + " * * * *", 5, None, b"* * * * *",
    ],
)  # fmt: skip
def test_what_is_no_cron_expression_is_refused(cron: Any) -> None:
    """Whatever would never fire, fires at random, or cannot stand in an id, is an error of the class definition."""
    with pytest.raises(ValueError, match=r"'sched-refused': .* is no cron expression"):
        scheduled("sched-refused", cron)


def test_blanks_of_a_cron_expression_do_not_matter() -> None:
    """The same expression with other blanks is the same schedule."""
    cls = scheduled("sched-blanks", "0  *\t* * * ", "0 * * * *")
    assert cls.workflow_settings["schedules"] == ["0 * * * *"]


def test_beat_and_worker_fire_for_real(processes: Processes, settings: Settings, tmp_path: Any) -> None:
    """A deployment of one worker and one beat registers a schedule, fires it when it is due, and runs the instance."""
    (tmp_path / "every_minute.py").write_text(
        "from wf import WorkflowEntrypoint\n"
        "class EveryMinute(WorkflowEntrypoint, name='sched-real', schedules='* * * * *'):\n"
        "    async def run(self, event, step):\n"
        "        return await step.do('tell', lambda: event.schedule.cron)\n"
    )
    with Rig(settings) as rig:
        processes.worker("every_minute")
        processes.beat()
        assert rig.sql("select cron from wf.schedule where workflow = 'sched-real'") == [("* * * * *",)]
        rig.sql("update wf.schedule set next_at = date_trunc('minute', now())")
        wait_until(lambda: rig.sql("select 1 from wf.instance where status = 'complete'"), what="it has fired and run")
