"""`wf_tasks.attach`: workflows on a team's own Celery app, whose settings are the worst that we could think of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from tests.acceptance.flows import effects
from tests.acceptance.looking import look
from wf import Client
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from wf import Instance, Settings
    from wf.testing.process_fixtures import Valkey
    from wf.testing.processes import Processes

APP = "tests.acceptance.team"
QUEUES = ["-Q", "team,wf,wf.alarm"]
ADD = "from tests.acceptance.team import add; print(add.delay(2, 3).get(timeout=20))"


@pytest.fixture
def wf_settings(wf_settings: Settings, wf_own_redis: Valkey) -> Settings:
    """As a team would have them: no prefix of the queue, and here everything lost is noticed soon."""
    quick = {"queue": "wf", "queue_prefix": "", "lease": 1.0, "renudge": 1.0, "alarm_tick": 0.2}
    return wf_settings.model_copy(update={"redis_url": wf_own_redis.url, **quick})


def python(code: str, processes: Processes) -> str:
    """What a process of the team prints, a web app for example."""
    done = processes.run("-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def begin(client: Client, tmp_path: Path) -> tuple[Instance, Path, Path]:
    """An instance in mid-step, its ledger, and the file that lets the step end."""
    ledger, gate = tmp_path / "ledger", tmp_path / "gate"
    instance = client.workflow("long").create("l-1", {"ledger": str(ledger), "gate": str(gate)})
    wait_until(lambda: effects(ledger), 20, "the step has begun")
    return instance, ledger, gate


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_a_worker_runs_tasks_of_the_team_and_workflows(
    pool: str, wf_settings: Settings, wf_processes: Processes, tmp_path: Path
) -> None:
    """One worker of the team's app does both, on every pool; the workflow has steps, a sleep and an event."""
    wf_processes.celery_worker(APP, "-P", pool, "-c", "2", *QUEUES)
    with Client(settings=wf_settings) as client:
        instance = client.workflow("journey").create("j-1", {"ledger": str(tmp_path / "ledger")})
        instance.send_event("approved", "reviewer")
        assert python(ADD, wf_processes) == "5"
        assert instance.result(timeout=30)["by"] == "reviewer"
        assert {effect["step"] for effect in effects(tmp_path / "ledger")} == {"first", "left", "right", "last"}


def test_a_worker_that_is_killed_in_mid_step_is_replaced(
    wf_settings: Settings, wf_processes: Processes, tmp_path: Path
) -> None:
    """SIGKILL takes the worker with its children; the next one runs the step again and completes the instance."""
    doomed = wf_processes.celery_worker(APP, "-P", "prefork", "-c", "2", *QUEUES)
    with Client(settings=wf_settings) as client:
        instance, ledger, gate = begin(client, tmp_path)
        doomed.kill()
        wf_processes.celery_worker(APP, "-P", "prefork", "-c", "2", *QUEUES)
        gate.touch()
        instance.result(timeout=30)
        assert [effect["step"] for effect in effects(ledger)] == ["begun", "begun", "ended"]
        assert instance.describe().recoveries == 1


def test_limits_of_the_team_do_not_end_a_step(wf_settings: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """A step outlives the soft and the hard time limit and the visibility timeout of the app, and runs once."""
    wf_processes.celery_worker(APP, "-P", "prefork", "-c", "2", *QUEUES)
    query = "select extract(epoch from wake_at)::float from wf.step where status = 'running'"
    with Client(settings=wf_settings) as client:
        instance, ledger, gate = begin(client, tmp_path)
        start = look(wf_settings, query)[0][0]
        wait_until(lambda: look(wf_settings, query)[0][0] > start + 4, 20, "the hard limit is twice over")
        gate.touch()
        instance.result(timeout=20)
        assert [effect["step"] for effect in effects(ledger)] == ["begun", "ended"]


def test_the_beat_of_the_team_ticks(wf_settings: Settings, wf_processes: Processes) -> None:
    """Beat sends the alarm's ticks to the alarm's queue, whatever the team routes elsewhere."""
    wf_processes.celery_beat(APP)
    with Redis.from_url(wf_settings.redis_url) as redis:
        wait_until(lambda: redis.llen("wf.alarm"), what="a tick is in its queue")
        found: Any = redis.lrange("wf.alarm", 0, -1)
        assert {json.loads(message)["headers"]["task"] for message in found} >= {"wf.alarm"}
        assert [key for key in redis.scan_iter("team*")] == []  # noqa: C416
    patient = wf_settings.model_copy(update={"alarm_tick": 60})  # its worker does not stand in
    wf_processes.celery_worker(APP, *QUEUES, settings=patient)
    wait_until(lambda: look(wf_settings, "select 1 from wf.tick where name = 'alarm'"), what="the alarm ran")
    assert "wf.alarm[" not in "".join(wf_processes.logs().values()), "a line for every tick would drown all others"


def test_workers_stand_in_for_a_beat_that_is_not_there(wf_settings: Settings, wf_processes: Processes) -> None:
    """Without a beat, a worker of the team's app runs the alarm; of the broker it knows what its app says."""
    worker = wf_processes.celery_worker(
        APP, *QUEUES, settings=wf_settings.model_copy(update={"redis_url": ""}), TEAM_BROKER=wf_settings.redis_url
    )
    with Client(settings=wf_settings) as client:
        assert client.workflow("nap").create("n-1", {"seconds": 3}).result(timeout=20) == "awake"
        assert look(wf_settings, "select 1 from wf.tick where name = 'alarm'")
    assert "alarm not watched" not in worker.log()


def test_a_worker_of_our_own_app_works_beside_it(
    wf_settings: Settings, wf_processes: Processes, tmp_path: Path
) -> None:
    """`wf worker` takes nudges from the same queue, prefix or not, so that either kind may be started."""
    wf_processes.worker("tests.acceptance.flows")
    with Client(settings=wf_settings) as client:
        instance = client.workflow("fan").create("f-1", {"ledger": str(tmp_path / "ledger"), "width": 3})
        assert instance.result(timeout=20) == [0, 1, 2]


def test_a_worker_of_other_queues_has_nothing_to_do_with_us(wf_settings: Settings, wf_processes: Processes) -> None:
    """A worker that is not told to run workflows starts and works while the journal is away."""
    lost = wf_settings.model_copy(update={"database_url": "postgresql://127.0.0.1:1/x"})
    worker = wf_processes.celery_worker(APP, "-P", "solo", settings=lost)
    assert "runs no workflows" in worker.log()


def test_a_worker_that_would_wait_in_vain_does_not_start(wf_settings: Settings, wf_processes: Processes) -> None:
    """A worker whose queue is not where nudges go ends with one line that says what to set."""
    wrong = wf_settings.model_copy(update={"queue_prefix": None})
    done = wf_processes.run("-m", "celery", "-A", APP, "worker", *QUEUES, settings=wrong)
    assert done.returncode == 1
    assert "\nwf: The Celery app 'team' has the global_keyprefix ''" in done.stderr, done.stderr
    assert 'WF_QUEUE_PREFIX=""' in done.stderr


def test_the_app_of_the_team_stays_the_current_one(wf_processes: Processes) -> None:
    """Neither importing nor attaching makes our own app, and shared tasks go to the team's."""
    code = (
        "import sys, celery\n"
        "from tests.acceptance.team import app\n"
        "def one(): return 1\n"
        "task = celery.shared_task(one, name='shared')\n"
        "print(task.app is app, celery.current_app == app, 'wf_tasks.celery' in sys.modules)\n"
        "other = celery.Celery('other', set_as_current=False)\n"
        "print([name for name in other.tasks if name.startswith('wf.')], other.conf.beat_schedule)"
    )
    assert python(code, wf_processes).splitlines() == ["True True False", "[] {}"]
