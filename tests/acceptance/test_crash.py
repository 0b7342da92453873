"""SIGKILL and FLUSHALL at every commit boundary of `advance`, with real workers.

The crash points are named in `wf.crashpoints`. Leases are a second here, and no beat runs: the workers notice and run
the alarm themselves.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.acceptance.flows import effects
from tests.support import Processes, wait_until
from wf import Client, crashpoints
from wf.dispatch import connect

if TYPE_CHECKING:
    from wf.dev.servers import Valkey
    from wf.instance import Instance
    from wf.settings import Settings

MODULE = "tests.acceptance.flows"
STEPS = {"first", "left", "right", "last"}


@pytest.fixture
def hasty(own_redis_settings: Settings) -> Settings:
    """Settings under which a lost worker or message is noticed within a second."""
    return own_redis_settings.model_copy(update={"lease": 1.0, "renudge": 1.0, "alarm_tick": 0.2})


def begin(client: Client, ledger: Path) -> Instance:
    """An instance of the journey, its event sent before anything runs."""
    instance = client.workflow("journey").create("j-1", {"ledger": str(ledger)})
    instance.send_event("approved", "reviewer")
    return instance


def check_exactly_once(instance: Instance, ledger: Path, settings: Settings) -> None:
    """The instance is complete; every journaled result is that of the last execution, and none was computed again."""
    output = instance.result(timeout=30)
    done = effects(ledger)
    assert output["by"] == "reviewer"
    last_token = {effect["step"]: effect["token"] for effect in done}
    assert {name: output[name] for name in STEPS} == last_token
    description = instance.describe()
    lost = {step.name.removesuffix("-1"): step.lost for step in description.steps}
    for name, executions in Counter(effect["step"] for effect in done).items():
        assert executions <= 1 + lost[name], f"{name} ran {executions} times with {lost[name]} lost attempts"
    order = [effect["step"] for effect in done]
    assert order.index("last") > max(i for i, name in enumerate(order) if name != "last"), "nothing ran again later"
    with psycopg.connect(settings.database_url) as connection:
        overlapping = connection.execute(
            "select seq from wf.attempt a join wf.step s using (instance, generation, seq)"
            " where a.outcome = 'lost' and a.attempt < s.attempt and s.attempt_at < a.ended_at"
        ).fetchall()
    assert overlapping == [], "an attempt began before the lost one was over"


@pytest.mark.parametrize("point", crashpoints.POINTS)
def test_sigkill_at_a_commit_boundary(point: str, hasty: Settings, processes: Processes, tmp_path: Path) -> None:
    """The only worker is killed at the point; the next one completes the instance, nothing is computed twice."""
    ledger, marker = tmp_path / "ledger", tmp_path / "died"
    doomed = processes.worker(MODULE, settings=hasty, concurrency=2, WF_CRASH_POINT=f"{point}:kill:{marker}")
    with Client(settings=hasty) as client:
        instance = begin(client, ledger)
        wait_until(lambda: not doomed.is_running(), 20, f"the worker dies at {point}")
        processes.worker(MODULE, settings=hasty, concurrency=2)
        check_exactly_once(instance, ledger, hasty)


@pytest.mark.parametrize("point", crashpoints.POINTS)
def test_flushall_at_a_commit_boundary(point: str, hasty: Settings, processes: Processes, tmp_path: Path) -> None:
    """Redis loses everything while a worker stands at the point; the instance completes all the same."""
    ledger, barrier = tmp_path / "ledger", tmp_path / "barrier"
    os.mkfifo(barrier)
    os.mkfifo(f"{barrier}.go")
    processes.worker(MODULE, settings=hasty, concurrency=2, WF_CRASH_POINT=f"{point}:hold:{barrier}")
    with Client(settings=hasty) as client:
        instance = begin(client, ledger)
        arrived = threading.Thread(target=barrier.read_text, daemon=True)
        arrived.start()
        arrived.join(20)  # the FIFO can be read when the worker is there
        assert not arrived.is_alive(), f"no worker came to {point}"
        connect(hasty).flushall()
        Path(f"{barrier}.go").write_text("")
        check_exactly_once(instance, ledger, hasty)


def test_broker_down_at_create(hasty: Settings, own_redis: Valkey, processes: Processes, tmp_path: Path) -> None:
    """With Redis down, create and send_event succeed within a second; the instance runs when Redis is back."""
    ledger = tmp_path / "ledger"
    processes.worker(MODULE, settings=hasty, concurrency=2)
    with Client(settings=hasty) as client:
        client.version_of("journey")
        own_redis.stop()
        instance = begin(client, ledger)
        assert instance.status().status == "queued"
        own_redis.start()
        check_exactly_once(instance, ledger, hasty)


def test_worker_killed_while_it_sleeps_and_waits(hasty: Settings, processes: Processes, tmp_path: Path) -> None:
    """A worker may die while instances wait: the countdown message dies with it, the alarm does not."""
    worker = processes.worker(MODULE, settings=hasty)
    with Client(settings=hasty) as client:
        nap = client.workflow("nap").create("n-1", {"seconds": 1})
        wait_until(lambda: nap.status().status == "waiting", what="it sleeps")
        worker.kill()
        processes.worker(MODULE, settings=hasty)
        assert nap.result(timeout=20) == "awake"


def test_beat_wakes_on_time_and_workers_stand_in_when_it_is_gone(settings: Settings, processes: Processes) -> None:
    """With beat killed, any worker runs the alarm, and sleepers wake all the same."""
    quick = settings.model_copy(update={"alarm_tick": 0.5})
    processes.worker(MODULE, settings=quick)
    beat = processes.beat(settings=quick)
    with Client(settings=quick) as client:
        ticks = "select ticked_at from wf.tick where name = 'alarm'"
        wait_until(lambda: client.database.read(ticks), what="beat has ticked")
        beat.kill()
        assert client.workflow("nap").create("n-1", {"seconds": 3}).result(timeout=20) == "awake"


def test_200_parallel_steps_on_two_workers(settings: Settings, processes: Processes, tmp_path: Path) -> None:
    """Each of 200 parallel steps runs once, the join once, and no wake-up is lost."""
    ledger = tmp_path / "ledger"
    for _ in range(2):
        processes.worker(MODULE, settings=settings, concurrency=4)
    with Client(settings=settings) as client:
        instance = client.workflow("fan").create("f-1", {"ledger": str(ledger), "width": 200})
        assert instance.result(timeout=60) == list(range(200))
        counts = Counter(effect["step"] for effect in effects(ledger))
        assert counts == Counter([f"part {n}" for n in range(200)] + ["join"])
        description: Any = instance.describe()
        assert (description.retries, description.recoveries) == (0, 0)


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_every_pool_runs_the_journey(
    pool: str, own_redis_settings: Settings, processes: Processes, tmp_path: Path
) -> None:
    """Workers of other pools than the default one do the same, on one queue with it."""
    ledger = tmp_path / "ledger"
    processes.worker(MODULE, settings=own_redis_settings, concurrency=2, args=["--pool", pool])
    with Client(settings=own_redis_settings) as client:
        check_exactly_once(begin(client, ledger), ledger, own_redis_settings)


def test_a_step_longer_than_its_lease_keeps_it(hasty: Settings, processes: Processes, tmp_path: Path) -> None:
    """The heartbeat extends the lease, so a slow step on a living worker runs once."""
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    processes.worker(MODULE, settings=hasty, concurrency=2)
    query = "select wake_at from wf.step where status = 'running'"
    with Client(settings=hasty) as client:
        instance = client.workflow("long").create("l-1", {"ledger": str(ledger), "gate": str(gate)})
        first = wait_until(lambda: client.database.read(query), what="the step runs")
        wait_until(
            lambda: (client.database.read(query)[0][0] - first[0][0]).total_seconds() > 3 * hasty.lease,
            what="the lease was extended several times",
        )
        gate.touch()
        instance.result(timeout=20)
        assert [effect["step"] for effect in effects(ledger)] == ["begun", "ended"]
        assert instance.describe().recoveries == 0
