"""SIGKILL and FLUSHALL at every commit boundary of `advance`, with real workers.

The crash points are named in `wf.testing.crashpoints`. Leases are a second here, and no beat runs: the workers notice
and run the alarm themselves.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from tests.acceptance.flows import effects
from tests.acceptance.looking import look
from wf import Client
from wf.testing import crashpoints
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from wf import Instance, Settings
    from wf.testing.process_fixtures import Valkey
    from wf.testing.processes import Processes

MODULE = "tests.acceptance.flows"
STEPS = {"first", "left", "right", "last"}


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
    overlapping = look(
        settings,
        "select seq from wf.attempt a join wf.step s using (instance, generation, seq)"
        " where a.outcome = 'lost' and a.attempt < s.attempt and s.attempt_at < a.ended_at",
    )
    assert overlapping == [], "an attempt began before the lost one was over"


@pytest.mark.parametrize("point", crashpoints.POINTS)
def test_sigkill_at_a_commit_boundary(point: str, hasty: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """The only worker is killed at the point; the next one completes the instance, nothing is computed twice."""
    ledger = tmp_path / "ledger"
    doomed = wf_processes.worker(MODULE, settings=hasty, concurrency=2, kill_at=point)
    with Client(settings=hasty) as client:
        instance = begin(client, ledger)
        assert doomed.wait() == -9
        wf_processes.worker(MODULE, settings=hasty, concurrency=2)
        check_exactly_once(instance, ledger, hasty)


@pytest.mark.parametrize("point", crashpoints.POINTS)
def test_flushall_at_a_commit_boundary(point: str, hasty: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """Redis loses everything while a worker stands at the point; the instance completes all the same."""
    ledger = tmp_path / "ledger"
    worker = wf_processes.worker(MODULE, settings=hasty, concurrency=2, hold_at=point)
    with Client(settings=hasty) as client:
        instance = begin(client, ledger)
        worker.point.wait()
        with Redis.from_url(hasty.redis_url) as redis:
            redis.flushall()
        worker.point.release()
        check_exactly_once(instance, ledger, hasty)


def test_broker_down_at_create(hasty: Settings, wf_own_redis: Valkey, wf_processes: Processes, tmp_path: Path) -> None:
    """With Redis down, create and send_event succeed within a second; the instance runs when Redis is back."""
    ledger = tmp_path / "ledger"
    wf_processes.worker(MODULE, settings=hasty, concurrency=2)
    with Client(settings=hasty) as client:
        client.version_of("journey")
        wf_own_redis.stop()
        instance = begin(client, ledger)
        assert instance.status().status == "queued"
        wf_own_redis.start()
        check_exactly_once(instance, ledger, hasty)


def test_worker_killed_while_it_sleeps_and_waits(hasty: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """A worker may die while instances wait: the countdown message dies with it, the alarm does not."""
    worker = wf_processes.worker(MODULE, settings=hasty)
    with Client(settings=hasty) as client:
        nap = client.workflow("nap").create("n-1", {"seconds": 1})
        wait_until(lambda: nap.status().status == "waiting", what="it sleeps")
        worker.kill()
        wf_processes.worker(MODULE, settings=hasty)
        assert nap.result(timeout=20) == "awake"


def test_beat_wakes_on_time_and_workers_stand_in_when_it_is_gone(
    wf_settings: Settings, wf_processes: Processes
) -> None:
    """With beat killed, any worker runs the alarm, and sleepers wake all the same."""
    quick = wf_settings.model_copy(update={"alarm_tick": 0.5})
    wf_processes.worker(MODULE, settings=quick)
    beat = wf_processes.beat(settings=quick)
    with Client(settings=quick) as client:
        ticks = "select ticked_at from wf.tick where name = 'alarm'"
        wait_until(lambda: look(quick, ticks), what="beat has ticked")
        beat.kill()
        assert client.workflow("nap").create("n-1", {"seconds": 3}).result(timeout=20) == "awake"


def test_200_parallel_steps_on_two_workers(wf_settings: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """Each of 200 parallel steps runs once, the join once, and no wake-up is lost."""
    ledger = tmp_path / "ledger"
    for _ in range(2):
        wf_processes.worker(MODULE, concurrency=4)
    with Client(settings=wf_settings) as client:
        instance = client.workflow("fan").create("f-1", {"ledger": str(ledger), "width": 200})
        assert instance.result(timeout=60) == list(range(200))
        counts = Counter(effect["step"] for effect in effects(ledger))
        assert counts == Counter([f"part {n}" for n in range(200)] + ["join"])
        description: Any = instance.describe()
        assert (description.retries, description.recoveries) == (0, 0)


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_every_pool_runs_the_journey(
    pool: str, own_redis_settings: Settings, wf_processes: Processes, tmp_path: Path
) -> None:
    """Workers of other pools than the default one do the same, on one queue with it."""
    ledger = tmp_path / "ledger"
    wf_processes.worker(MODULE, settings=own_redis_settings, concurrency=2, args=["--pool", pool])
    with Client(settings=own_redis_settings) as client:
        check_exactly_once(begin(client, ledger), ledger, own_redis_settings)


def test_a_step_longer_than_its_lease_keeps_it(hasty: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """The heartbeat extends the lease, so a slow step on a living worker runs once."""
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    wf_processes.worker(MODULE, settings=hasty, concurrency=2)
    query = "select wake_at from wf.step where status = 'running'"
    with Client(settings=hasty) as client:
        instance = client.workflow("long").create("l-1", {"ledger": str(ledger), "gate": str(gate)})
        first = wait_until(lambda: look(hasty, query), what="the step runs")
        wait_until(
            lambda: (look(hasty, query)[0][0] - first[0][0]).total_seconds() > 3 * hasty.lease,
            what="the lease was extended several times",
        )
        gate.touch()
        instance.result(timeout=20)
        assert [effect["step"] for effect in effects(ledger)] == ["begun", "ended"]
        assert instance.describe().recoveries == 0
