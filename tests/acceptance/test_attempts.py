"""Attempts on real workers: cut off by their user, killed in the middle, and committed exactly once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.acceptance.flows import effects
from tests.support import Processes, wait_until
from wf import Client, crashpoints

if TYPE_CHECKING:
    from pathlib import Path

    from wf.settings import Settings

MODULE = "tests.acceptance.attempt_flows"
PROMPT = 5.0
"""Seconds within which a stopped attempt must know it: the promise is 1 s, the machine may be busy; a lease is 30 s."""


@pytest.fixture
def hasty(own_redis_settings: Settings) -> Settings:
    """Settings under which a lost worker or message is noticed within a second."""
    return own_redis_settings.model_copy(update={"lease": 1.0, "renudge": 1.0, "alarm_tick": 0.2})


def steps_of(ledger: Path) -> list[str]:
    """What the steps have done, in order."""
    return [effect["step"] for effect in effects(ledger)]


@pytest.mark.parametrize(
    ("action", "way"),
    [
        ("terminate", "await"),
        ("terminate", "look"),
        ("terminate", "heartbeat"),
        ("restart", "await"),
        ("delete", "await"),
    ],
)
def test_stopping_an_instance_reaches_its_running_attempt(
    action: str, way: str, settings: Settings, processes: Processes, tmp_path: Path
) -> None:
    """Far sooner than any lease or timeout ends, the callback is cancelled, or is told so."""
    ledger = tmp_path / "ledger"
    processes.worker(MODULE, settings=settings, concurrency=2)
    with Client(settings=settings) as client:
        instance = client.workflow("attempts-endless").create("e-1", {"ledger": str(ledger), "way": way})
        wait_until(lambda: steps_of(ledger) == ["begun"], 20, "the callback runs")
        getattr(instance, action)()
        wait_until(lambda: "cancelled" in steps_of(ledger), PROMPT, "the callback is told")
        assert Counter(steps_of(ledger))["cancelled"] == 1


def test_a_pause_lets_running_attempts_finish(settings: Settings, processes: Processes, tmp_path: Path) -> None:
    """A pause does not cancel what runs: the attempt goes on to its end, and the instance is paused then."""
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    processes.worker(MODULE, settings=settings, concurrency=2)
    with Client(settings=settings) as client:
        instance = client.workflow("attempts-export").create("p-1", {"ledger": str(ledger), "gate": str(gate)})
        wait_until(lambda: "part 4" in steps_of(ledger), 20, "the callback runs")
        instance.pause()
        [[paused_at]] = client.database.read("select clock_timestamp()")
        looks = "select 1 from pg_stat_activity where query like '%%held.lease%%' and query_start > %(paused_at)s"
        wait_until(lambda: client.database.read(looks, {"paused_at": paused_at}), what="the worker looks")
        assert instance.status().status == "waitingForPause"
        gate.touch()
        wait_until(lambda: instance.status().status == "paused", 20, "the attempt has ended")
        instance.resume()
        assert instance.result(timeout=20) == list(range(10))
        assert steps_of(ledger) == [f"part {n}" for n in range(10)]


def test_a_lost_attempt_is_taken_up_where_its_heartbeat_was(
    hasty: Settings, processes: Processes, tmp_path: Path
) -> None:
    """The worker is killed in the middle; the next attempt goes on after the last part that was told of."""
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    doomed = processes.worker(MODULE, settings=hasty, concurrency=2)
    with Client(settings=hasty) as client:
        instance = client.workflow("attempts-export").create("x-1", {"ledger": str(ledger), "gate": str(gate)})

        def told() -> bool:
            steps = instance.describe().steps
            return bool(steps) and steps[0].heartbeat == [0, 1, 2, 3, 4]

        wait_until(told, 20, "the heartbeat is in the journal")
        doomed.kill()
        gate.touch()
        processes.worker(MODULE, settings=hasty, concurrency=2)
        assert instance.result(timeout=20) == list(range(10))
        assert steps_of(ledger) == [f"part {n}" for n in range(10)]
        assert instance.describe().recoveries == 1


def test_a_lost_attempt_of_at_most_once_is_not_repeated(hasty: Settings, processes: Processes, tmp_path: Path) -> None:
    """The worker dies in the step; the next worker fails the step with WorkerLostError and does not run it."""
    ledger = tmp_path / "ledger"
    doomed = processes.worker(MODULE, settings=hasty)
    with Client(settings=hasty) as client:
        instance = client.workflow("attempts-once").create("o-1", {"ledger": str(ledger)})
        wait_until(lambda: not doomed.is_running(), 20, "the worker dies")
        processes.worker(MODULE, settings=hasty)
        assert "lost its worker 1 time(s)" in instance.result(timeout=20)
        assert steps_of(ledger) == ["begun"]


@pytest.mark.parametrize("point", [crashpoints.IN_USER_CODE, *crashpoints.TRANSACTION_POINTS])
def test_sigkill_in_a_transaction(point: str, hasty: Settings, processes: Processes, tmp_path: Path) -> None:
    """Whenever the worker dies, the app's table holds the booking once, of the attempt whose result the step has."""
    ledger, marker = tmp_path / "ledger", tmp_path / "died"
    with psycopg.connect(hasty.database_url, autocommit=True) as connection:
        connection.execute("create table public.booking (amount integer, attempt integer)")
        doomed = processes.worker(MODULE, settings=hasty, WF_CRASH_POINT=f"{point}:kill:{marker}")
        with Client(settings=hasty) as client:
            instance = client.workflow("attempts-booking").create("b-1", {"ledger": str(ledger)})
            wait_until(lambda: not doomed.is_running(), 20, f"the worker dies at {point}")
            processes.worker(MODULE, settings=hasty)
            output = instance.result(timeout=30)
            step = instance.describe().steps[0]
        booked = connection.execute("select amount, attempt from public.booking").fetchall()
    assert booked == [(5, step.attempt)]
    tokens = [effect["token"] for effect in effects(ledger) if effect["step"] == "book"]
    assert output["token"] == tokens[-1]
    lost = 0 if point == crashpoints.AFTER_COMMIT else 1
    assert (step.lost, step.attempt) == (lost, lost + 1)
    runs = 2 if point in {crashpoints.IN_TRANSACTION, crashpoints.BEFORE_COMMIT} else 1
    assert Counter(steps_of(ledger)) == {"book": runs, "balance": 1}
