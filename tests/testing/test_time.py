"""Time travel: what is due wakes, each at its moment, in order."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from wf import Client, WorkflowEntrypoint, WorkflowTimeoutError
from wf.testing import TimeStandsStill, wait_until

if TYPE_CHECKING:
    from wf.testing import Workbench

WOKEN: list[tuple[str, datetime]] = []


class Reminder(WorkflowEntrypoint, name="travel-reminder"):
    """Reminds each so many days, three times."""

    async def run(self, event: Any, step: Any) -> None:
        for number in range(3):
            await step.sleep(f"wait {number}", timedelta(days=event.payload["days"]))
            at = step.now()
            await step.do(f"remind {number}", lambda at=at: WOKEN.append((event.instance_id, at)))


class Patient(WorkflowEntrypoint, name="travel-patient"):
    """Waits for an answer, and tries thrice."""

    async def run(self, event: Any, step: Any) -> str:
        def call(ctx: Any) -> str:
            if ctx.attempt < 3:
                raise OSError("engaged")
            return f"attempt {ctx.attempt}"

        try:
            await step.wait_for_event("answer", "answer", timeout="1 hour")
        except WorkflowTimeoutError:
            config = {"retries": {"limit": 5, "delay": "1 minute", "backoff": "exponential"}}
            return str(await step.do("call", call, config=config))
        return "answered"


class Nightly(WorkflowEntrypoint, name="travel-nightly", schedules="0 3 * * *"):
    """Runs each night."""

    async def run(self, event: Any, step: Any) -> Any:
        return await step.do("when", lambda: event.schedule.cron)


class Mended(WorkflowEntrypoint, name="travel-mended", restart={"delay": "1 hour", "limit": 2}):
    """Fails once, and is restarted by the reaper."""

    tries = 0

    async def run(self, event: Any, step: Any) -> int:
        def work() -> int:
            Mended.tries += 1
            if Mended.tries == 1:
                raise ValueError("first")
            return Mended.tries

        return int(await step.do("work", work, config={"retries": {"limit": 0, "delay": 0}}))


@pytest.fixture(autouse=True)
def _fresh() -> None:
    WOKEN.clear()
    Mended.tries = 0


def test_a_month_passes_in_one_call(wf: Workbench) -> None:
    """Instances wake in the order of their times, each at its own moment, and none too early."""
    reminders = wf.workflow(Reminder)
    began = wf.time.now()
    slow, quick = reminders.create("slow", {"days": 7}), reminders.create("quick", {"days": 3})
    wf.time.advance("2 days 23 hours")
    assert WOKEN == []
    wf.time.advance("27 days")
    assert [id for id, _ in WOKEN] == ["quick", "quick", "slow", "quick", "slow", "slow"]
    days = [(at - began) / timedelta(days=1) for _, at in WOKEN]
    assert days == pytest.approx([3, 6, 7, 9, 14, 21], abs=0.001)
    assert slow.status().status == quick.status().status == "complete"


def test_a_sleep_of_a_day_is_over_after_a_day(wf: Workbench) -> None:
    """What was created just before time moves has begun before it moves: nothing ends a moment too late."""
    for number in range(5):
        wf.workflow(Reminder).create(f"r-{number}", {"days": 1})
        wf.time.advance("1 day")
        assert WOKEN[-1][0] == f"r-{number}"
        WOKEN.clear()
        wf.client.workflow(Reminder).get(f"r-{number}").delete()


def test_a_wait_times_out_and_retries_back_off(wf: Workbench) -> None:
    """The timeout of a wait and the growing delays of retries pass in their turn."""
    patient = wf.workflow(Patient).create("p")
    wf.time.advance("59 minutes 59 seconds")
    assert [entry.name for entry in patient.describe().steps] == ["answer-1"]
    wf.time.advance("1 minute 59 seconds")
    assert patient.status().status == "waiting"
    wf.time.advance("2 minutes 5 seconds")
    assert patient.result(timeout=0) == "attempt 3"


def test_an_event_in_time_is_in_time(wf: Workbench) -> None:
    """An event that arrives before the deadline ends the wait, however late the test looks."""
    patient = wf.workflow(Patient).create("p")
    wf.time.advance("59 minutes")
    patient.send_event("answer")
    wf.time.advance("1 day")
    assert patient.result(timeout=0) == "answered"


def test_schedules_fire_on_the_way(wf: Workbench) -> None:
    """A schedule of a workflow that the test names fires each time, and others do not."""
    nightly = wf.workflow(Nightly)
    wf.time.advance("3 days")
    assert len(list(nightly.list())) == 3
    assert {nightly.get(entry.id).result(timeout=0) for entry in nightly.list()} == {"0 3 * * *"}


def test_schedules_of_other_workflows_stay_still(wf: Workbench) -> None:
    """A workflow with a schedule that the test does not name creates nothing."""
    wf.workflow(Reminder).create("r", {"days": 1})
    wf.time.advance("3 days")
    assert list(wf.client.workflow("travel-nightly").list()) == []


def test_the_reaper_restarts_in_its_time(wf: Workbench) -> None:
    """An errored instance is restarted by its workflow's policy, not before its delay is over."""
    mended = wf.workflow(Mended).create("m")
    wf.settle()
    assert mended.status().status == "errored"
    wf.time.advance("59 minutes")
    assert mended.status().status == "errored"
    wf.time.advance("2 minutes")
    assert mended.result(timeout=0) == 2


def test_the_reaper_works_as_time_flows(wf: Workbench) -> None:
    """A restart that is due soon comes by itself, when nobody moves time."""

    class Soon(WorkflowEntrypoint, name="travel-soon", restart={"delay": 0.1, "limit": 2}):
        async def run(self, event: Any, step: Any) -> int:
            Mended.tries += 1
            if Mended.tries == 1:
                raise ValueError("first")
            return 2

    assert wf.introspect_instance(Soon, "s").workflow == "travel-soon"
    soon = wf.workflow(Soon).create("s")
    wait_until(lambda: soon.status().status == "complete", what="the reaper has restarted it")


def test_frozen_time_stands_still(wf: Workbench) -> None:
    """While time is frozen only the test moves it; a sleep of a moment does not end by itself."""
    wf.time.freeze()
    at = wf.time.now()
    reminder = wf.workflow(Reminder).create("r", {"days": 0.000_000_1})
    wf.settle()
    assert (reminder.status().status, wf.time.now()) == ("waiting", at)
    wf.time.advance(1)
    assert wf.time.now() == at + timedelta(seconds=1)
    assert reminder.status().status == "complete"


def test_waits_are_real_when_nobody_moves_time(wf: Workbench) -> None:
    """A short sleep ends by itself, as it does in production."""
    with wf.introspect_instance(Reminder, "r") as reminder:
        wf.workflow(Reminder).create("r", {"days": 0.1 / 86_400})
        reminder.wait_for_status("complete")


def test_time_moves_to_a_moment_and_never_back(wf: Workbench) -> None:
    """`move_to` stops at the moment itself; one that is past is refused."""
    moment = datetime(2099, 1, 1, tzinfo=UTC)
    wf.time.freeze()
    wf.time.move_to(moment)
    assert wf.time.now() == moment
    with pytest.raises(ValueError, match="cannot go back"):
        wf.time.move_to(moment - timedelta(seconds=1))
    with pytest.raises(ValueError, match="advance"):
        wf.time.advance("soon")


def test_a_step_that_does_not_end_holds_time(wf: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is not moved over the head of a callback that runs; the error says why."""
    monkeypatch.setattr("wf.testing.timetravel.PATIENCE", 0.2)
    running, let_go = threading.Event(), threading.Event()

    class Held(WorkflowEntrypoint, name="travel-held"):
        async def run(self, event: Any, step: Any) -> None:
            def hold() -> None:
                running.set()
                let_go.wait(30)

            await step.do("hold", hold)

    wf.workflow(Held).create("h")
    running.wait(10)
    with pytest.raises(TimeStandsStill, match="steps still run"):
        wf.time.advance("1 day")
    let_go.set()
    wf.time.advance("1 day")
    assert wf.client.workflow(Held).get("h").status().status == "complete"


def test_clients_of_the_code_under_test_have_the_same_time(wf: Workbench) -> None:
    """A client that finds the engine by itself stamps what it creates with the time of the test."""
    wf.time.freeze()
    wf.time.move_to(datetime(2099, 1, 1, tzinfo=UTC))
    with Client() as client:
        made = client.workflow(Reminder).create("r", {"days": 1})
        assert made.describe().queued == datetime(2099, 1, 1, tzinfo=UTC)
