"""Attempts on real workers: cut off by their user, killed in the middle, and committed exactly once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.acceptance.flows import effects
from tests.acceptance.looking import look
from wf import Client
from wf.testing import crashpoints
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from wf import Settings
    from wf.testing.processes import Processes

MODULE = "tests.acceptance.attempt_flows"
PROMPT = 5.0
"""Seconds within which a stopped attempt must know it: the promise is 1 s, the machine may be busy; a lease is 30 s."""


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
    action: str, way: str, wf_settings: Settings, wf_processes: Processes, tmp_path: Path
) -> None:
    """Far sooner than any lease or timeout ends, the callback is cancelled, or is told so."""
    ledger = tmp_path / "ledger"
    wf_processes.worker(MODULE, concurrency=2)
    with Client(settings=wf_settings) as client:
        instance = client.workflow("attempts-endless").create("e-1", {"ledger": str(ledger), "way": way})
        wait_until(lambda: steps_of(ledger) == ["begun"], 20, "the callback runs")
        getattr(instance, action)()
        wait_until(lambda: "cancelled" in steps_of(ledger), PROMPT, "the callback is told")
        assert Counter(steps_of(ledger))["cancelled"] == 1


def test_a_pause_lets_running_attempts_finish(wf_settings: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """A pause does not cancel what runs: the attempt goes on to its end, and the instance is paused then."""
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    wf_processes.worker(MODULE, concurrency=2)
    with Client(settings=wf_settings) as client:
        instance = client.workflow("attempts-export").create("p-1", {"ledger": str(ledger), "gate": str(gate)})
        wait_until(lambda: "part 4" in steps_of(ledger), 20, "the callback runs")
        instance.pause()
        [[paused_at]] = look(wf_settings, "select clock_timestamp()")
        looks = "select 1 from pg_stat_activity where query like '%%held.lease%%' and query_start > %(paused_at)s"
        wait_until(lambda: look(wf_settings, looks, paused_at=paused_at), what="the worker looks")
        assert instance.status().status == "waitingForPause"
        gate.touch()
        wait_until(lambda: instance.status().status == "paused", 20, "the attempt has ended")
        instance.resume()
        assert instance.result(timeout=20) == list(range(10))
        assert steps_of(ledger) == [f"part {n}" for n in range(10)]


def test_a_lost_attempt_is_taken_up_where_its_heartbeat_was(
    hasty: Settings, wf_processes: Processes, tmp_path: Path
) -> None:
    """The worker is killed in the middle; the next attempt goes on after the last part that was told of."""
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    doomed = wf_processes.worker(MODULE, settings=hasty, concurrency=2)
    with Client(settings=hasty) as client:
        instance = client.workflow("attempts-export").create("x-1", {"ledger": str(ledger), "gate": str(gate)})

        def told() -> bool:
            steps = instance.describe().steps
            return bool(steps) and steps[0].heartbeat == [0, 1, 2, 3, 4]

        wait_until(told, 20, "the heartbeat is in the journal")
        doomed.kill()
        gate.touch()
        wf_processes.worker(MODULE, settings=hasty, concurrency=2)
        assert instance.result(timeout=20) == list(range(10))
        assert steps_of(ledger) == [f"part {n}" for n in range(10)]
        assert instance.describe().recoveries == 1


def test_a_lost_attempt_of_at_most_once_is_not_repeated(
    hasty: Settings, wf_processes: Processes, tmp_path: Path
) -> None:
    """The worker dies in the step; the next worker fails the step with WorkerLostError and does not run it."""
    ledger = tmp_path / "ledger"
    doomed = wf_processes.worker(MODULE, settings=hasty)
    with Client(settings=hasty) as client:
        instance = client.workflow("attempts-once").create("o-1", {"ledger": str(ledger)})
        assert doomed.wait() == -9
        wf_processes.worker(MODULE, settings=hasty)
        assert "lost its worker 1 time(s)" in instance.result(timeout=20)
        assert steps_of(ledger) == ["begun"]


@pytest.mark.parametrize("point", [crashpoints.IN_USER_CODE, *crashpoints.TRANSACTION_POINTS])
def test_sigkill_in_a_transaction(point: str, hasty: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """Whenever the worker dies, the app's table holds the booking once, of the attempt whose result the step has."""
    ledger = tmp_path / "ledger"
    with psycopg.connect(hasty.database_url, autocommit=True) as connection:
        connection.execute("create table public.booking (amount integer, attempt integer)")
        doomed = wf_processes.worker(MODULE, settings=hasty, kill_at=point)
        with Client(settings=hasty) as client:
            instance = client.workflow("attempts-booking").create("b-1", {"ledger": str(ledger)})
            assert doomed.wait() == -9
            wf_processes.worker(MODULE, settings=hasty)
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


def test_a_worker_frozen_in_a_commit_locks_nobody_out(hasty: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """It has written its result and not committed it: when its lease is over, another worker runs the step."""
    ledger = tmp_path / "ledger"
    with psycopg.connect(hasty.database_url, autocommit=True) as connection:
        connection.execute("create table public.booking (amount integer, attempt integer)")
        frozen = wf_processes.worker(MODULE, settings=hasty, hold_at=crashpoints.BEFORE_COMMIT)
        with Client(settings=hasty) as client:
            instance = client.workflow("attempts-booking").create("b-1", {"ledger": str(ledger)})
            frozen.point.wait()
            os.killpg(frozen.pid, signal.SIGSTOP)
            wf_processes.worker(MODULE, settings=hasty)
            instance.result(timeout=30)
            os.killpg(frozen.pid, signal.SIGCONT)
            frozen.point.release()
            wait_until(lambda: "Postgres" in frozen.log(), what="its commit is refused")
            step = instance.describe().steps[0]
        booked = connection.execute("select amount, attempt from public.booking").fetchall()
    assert booked == [(5, 2)]
    assert (step.lost, step.attempt) == (1, 2)
