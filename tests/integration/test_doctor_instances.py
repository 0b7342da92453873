"""What the doctor finds wrong with instances; and that it costs the same however many there are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support.breaking import Free, fresh, opened
from tests.support.doctor import Examined, staff
from tests.support.errands import Errand
from tests.support.plans import plan_of, scans
from wf import WorkflowEntrypoint
from wf.doctor import Level
from wf.doctor.instances import NUDGED, QUEUED, UNDELIVERED
from wf.overview import CAP
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Rig


class Narrow(WorkflowEntrypoint, name="doctor-narrow", concurrency=1):
    """One at a time."""

    async def run(self, event: Any, step: Any) -> None:
        await step.do("work", lambda: None)


@pytest.fixture
def examined(rig: Rig) -> Iterator[Examined]:
    """All is well, until the test comes."""
    for cls in (Errand, Narrow):
        rig.workers[0].catalog.register(cls)
    staff(rig)
    made = Examined(rig)
    assert made.wrong() == {}
    yield made
    made.close()


def test_instances_that_are_late_are_wrong(rig: Rig, examined: Examined) -> None:
    """Nobody wakes them: the alarm has not run since."""
    rig.create(Errand, "sleeps", {"do": "sleep"})
    rig.settle()
    rig.clock.advance(700)
    late = examined.wrong()["late"]
    assert (late.facts["total"], late.facts["instances"][0]["instance"]) == (1, "sleeps")
    assert 99 <= late.facts["seconds"] <= 101
    rig.sql("update wf.instance set status = 'running'")
    assert "leases" in examined.wrong()["late"].what


def test_instances_that_do_not_move_when_nudged_are_wrong(rig: Rig, examined: Examined) -> None:
    """The alarm has asked for them again and again, and nobody did anything."""
    rig.create(Errand, "stuck")
    rig.take()
    for n in range(NUDGED):
        rig.clock.advance(rig.settings.renudge * 2**n + 1)
        rig.workers[0].alarm.run_once()
        rig.take()
        staff(rig)
        assert ("nudged" in examined.wrong()) is (n + 1 == NUDGED)
    assert examined.wrong()["nudged"].facts["instances"] == [
        {"workflow": "errand", "instance": "stuck", "status": "queued", "nudges": NUDGED}
    ]


def test_steps_that_kill_their_workers_are_wrong(rig: Rig, examined: Examined) -> None:
    """A single loss is a note."""
    rig.create(Errand, "deadly")
    rig.sql(
        "insert into wf.step (instance, generation, seq, kind, name, count, status, attempt, lost, started_rev, rev)"
        " select key, 1, 1, 'do', 'kill', 1, 'retrying', 2, 1, 1, 1 from wf.instance"
    )
    lose = (
        "insert into wf.attempt (instance, generation, seq, attempt, outcome, rev, ended_at)"
        " select key, 1, 1, %s, 'lost', 1, to_timestamp(%s) from wf.instance"
    )
    rig.sql(lose, 1, rig.clock.now())
    assert examined.wrong() == {}
    assert examined.notes()["lost attempts"].facts == {"total": 1}
    rig.sql(lose, 2, rig.clock.now())
    rig.sql("update wf.step set lost = 2")
    poison = examined.wrong()["poison"]
    assert poison.facts == {"workflow": "errand", "instance": "deadly", "step": "kill-1", "lost": 2}
    assert poison.remedy.endswith("wf instances terminate errand deadly")


def test_errored_and_paused_instances_are_notes(rig: Rig, examined: Examined) -> None:
    """They are no fault of the system."""
    rig.create(Errand, "fails", {"do": "fail"})
    sleeper = rig.create(Errand, "sleeps", {"do": "sleep"})
    rig.settle()
    sleeper.pause()
    rig.settle()
    assert examined.wrong() == {}
    assert "RefusedError" in examined.notes()["errors"].what
    assert examined.notes()["paused"].facts == {"errand": 1}


def test_code_that_does_not_fit_its_journal_is_wrong(rig: Rig, examined: Examined) -> None:
    """A strict workflow is paused when `run` asks for other steps than it did."""
    asked = {"first": "one"}

    class Changed(WorkflowEntrypoint, name="doctor-changed", strict=True):
        async def run(self, event: Any, step: Any) -> None:
            await step.do(asked["first"], lambda: None)
            await step.sleep("nap", 60)

    rig.workers[0].catalog.register(Changed)
    staff(rig)
    rig.create(Changed, "i-1")
    rig.settle()
    asked["first"] = "two"
    rig.pass_time(61)
    assert examined.wrong()["replay"].facts["instances"] == [{"workflow": "doctor-changed", "instance": "i-1"}]


def test_who_waits_long_for_a_slot_is_told_of(rig: Rig, examined: Examined) -> None:
    """It is wrong if no slot was given on meanwhile; else a note."""
    for id in ("holds", "waits"):
        rig.create(Narrow, id)
    rig.sql(
        "update wf.slot set instance = i.key, taken_at = to_timestamp(%s) from wf.instance i where i.id = 'holds'",
        rig.clock.now(),
    )
    rig.sql(
        "update wf.instance set queued_at = to_timestamp(%s), queue_class = 1, due_at = to_timestamp(%s)"
        " where id = 'waits'",
        rig.clock.now(), rig.clock.now() + 10_000,
    )  # fmt: skip
    rig.sql("update wf.instance set due_at = to_timestamp(%s) where id = 'holds'", rig.clock.now() + 10_000)
    rig.take()
    assert examined.wrong() == {}
    rig.clock.advance(QUEUED + 10)
    staff(rig)
    rig.take()
    limits = examined.wrong()["limits"]
    assert (limits.facts["workflow"], limits.facts["limit"], limits.facts["queued"]) == ("doctor-narrow", 1, 1)
    rig.sql("update wf.slot set taken_at = to_timestamp(%s)", rig.clock.now() - 60)
    assert examined.wrong() == {}
    assert examined.notes()["limits"].facts["queued"] == 1


def test_an_open_breaker_is_wrong(rig: Rig, examined: Examined) -> None:
    """With what closes it; while it probes, it is a note."""
    with fresh(rig):
        opened(rig, Free)
        staff(rig)
        assert examined.wrong()["breakers"].facts == {"workflow": "breaker-free", "state": "open", "held": 0}
        assert examined.wrong()["breakers"].remedy.endswith("wf breaker close breaker-free")


def test_a_job_that_nobody_does_is_wrong(rig: Rig, examined: Examined) -> None:
    """There is no reaper to take it."""
    rig.create(Errand, "i-1", {"do": "wait"})
    rig.settle()
    id = rig.client.jobs.start("errand", "terminate").id
    rig.redis.delete(f"{rig.settings.broker_prefix}{rig.settings.queue}.alarm")
    assert examined.wrong() == {}
    rig.clock.advance(120)
    staff(rig)
    assert examined.wrong()["jobs"].facts == {
        "job": id, "workflow": "errand", "action": "terminate", "status": "queued",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("retention", "update wf.instance set expire_at = to_timestamp(%s)"),
        ("restarts", "update wf.instance set restart_at = to_timestamp(%s)"),
        (
            "schedules",
            "insert into wf.schedule (workflow, cron, next_at) values ('errand', '* * * * *', to_timestamp(%s))",
        ),
    ],
)
def test_sweeps_that_are_behind_are_wrong(rig: Rig, examined: Examined, check: str, change: str) -> None:
    """Not when they are due, but when nobody has done them for long."""
    rig.create(Errand, "done")
    rig.settle()
    rig.sql(change, rig.clock.now())
    assert examined.wrong() == {}
    rig.clock.advance(600)
    rig.sql("update wf.worker set seen_at = to_timestamp(%s)", rig.clock.now())
    rig.sql("update wf.tick set ticked_at = to_timestamp(%s)", rig.clock.now())
    assert examined.wrong().keys() == {check}
    assert (examined.wrong()[check].facts["number"], examined.wrong()[check].facts["seconds"]) == (1, 600)


def test_events_that_do_not_arrive_are_wrong(rig: Rig, examined: Examined) -> None:
    """They were accepted, somebody waits for just these, and nobody wakes him; others may lie for long."""
    waits = rig.create(Errand, "waits", {"do": "wait"})
    rig.settle()
    waits.send_event("other")
    rig.settle()
    rig.clock.advance(UNDELIVERED + 1)
    staff(rig)
    rig.settle()
    assert examined.wrong() == {}
    waits.send_event("go")
    rig.take()
    assert "events" not in examined.wrong()
    rig.clock.advance(UNDELIVERED + 1)
    assert examined.wrong()["events"].facts["events"] == [{"workflow": "errand", "instance": "waits", "type": "go"}]


JOURNAL = (
    "doctor_last_key",
    "doctor_nudged",
    "attention_halted",
    "doctor_queued",
    "doctor_undelivered",
    "doctor_jobs",
    "doctor_overdue",
)
SMALL = {"workflow", "slot", "schedule", "job"}
"""Tables that may be read from end to end."""


def test_an_examination_costs_the_same_however_many_instances_there_are(rig: Rig, examined: Examined) -> None:
    """With tens of thousands of everything in trouble, rows are found by indexes, and numbers stop at a cap."""
    rig.sql("insert into wf.workflow (name, version) select 'w-' || n, '1' from generate_series(0, 4) n")
    rig.sql(
        "insert into wf.instance"
        " (workflow, id, version, status, due_at, nudges, inbox, queued_at, queue_class, expire_at)"
        " select 'w-' || mod(n, 5), 'i-' || n, '1', status,"
        " case when status in ('waiting', 'queued') then to_timestamp(%s - n) end, 9, 1,"
        " case when status = 'queued' then to_timestamp(%s - 9000) end, case when status = 'queued' then 1 end,"
        " case when status = 'complete' then to_timestamp(%s - 9000) end"
        " from generate_series(1, 40000) n, lateral (select case mod(n, 4) when 0 then 'waiting' when 1 then 'queued'"
        " when 2 then 'paused' else 'complete' end as status) as made",
        rig.clock.now(), rig.clock.now(), rig.clock.now(),
    )  # fmt: skip
    rig.sql("insert into wf.payload (instance, params, error) select key, '\\x01', '\\x01' from wf.instance")
    rig.sql(
        "insert into wf.step (instance, generation, seq, kind, name, count, status, attempt, lost, started_rev, rev,"
        " config, wake_at) select key, 1, 1, 'waitForEvent', 's', 1, 'waiting', 1, 2, 1, 1, '{\"type\": \"go\"}', now()"
        " from wf.instance"
    )
    rig.sql(
        "insert into wf.event (instance, type, payload, accepted_at) select key, 'go', '\\x01', to_timestamp(%s - 9000)"
        " from wf.instance",
        rig.clock.now(),
    )
    with psycopg.connect(rig.settings.database_url, autocommit=True) as connection:
        for _ in range(2):
            plans = {name: plan_of(connection, statements()[name]) for name in JOURNAL}
            assert {table for plan in plans.values() for table in scans(plan)} <= SMALL
            for table in ("instance", "payload", "step", "event"):
                rig.sql(f"vacuum analyze wf.{table}")
    began = time.monotonic()
    found = {finding.check: finding for finding in examined.findings(Level.WRONG)}
    assert time.monotonic() - began < 4  # two seconds, and as many for what else this machine does
    assert not [finding for finding in found.values() if "could not" in finding.what]
    assert {"nudged", "late", "limits", "events", "retention", "unserved"} <= found.keys()
    assert (found["late"].facts["total"], found["retention"].facts["number"]) == (CAP, CAP)
    assert found["nudged"].facts["total"] <= 2 * CAP
