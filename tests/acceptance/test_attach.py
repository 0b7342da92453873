"""`wf_tasks.attach`: workflows on a team's own Celery app, whose settings are the worst that we could think of."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.flows import effects
from tests.support import Processes, wait_until
from tests.support.processes import environment
from wf import Client
from wf.dispatch import connect

if TYPE_CHECKING:
    from pathlib import Path

    from wf.instance import Instance
    from wf.settings import Settings

APP = "tests.acceptance.team"
QUEUES = ["-Q", "team,wf,wf.alarm"]
ADD = "from tests.acceptance.team import add; print(add.delay(2, 3).get(timeout=20))"


@pytest.fixture
def settings(own_redis_settings: Settings) -> Settings:
    """As a team would have them: no prefix of the queue, and here everything lost is noticed soon."""
    quick = {"queue": "wf", "queue_prefix": "", "lease": 1.0, "renudge": 1.0, "alarm_tick": 0.2}
    return own_redis_settings.model_copy(update=quick)


def python(code: str, settings: Settings, folder: Path) -> str:
    """What a process of the team prints, a web app for example."""
    argv, env = [sys.executable, "-c", code], environment(settings)
    done = subprocess.run(argv, env=env, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
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
    pool: str, settings: Settings, processes: Processes, tmp_path: Path
) -> None:
    """One worker of the team's app does both, on every pool; the workflow has steps, a sleep and an event."""
    processes.celery_worker(APP, "-P", pool, "-c", "2", *QUEUES, settings=settings)
    with Client(settings=settings) as client:
        instance = client.workflow("journey").create("j-1", {"ledger": str(tmp_path / "ledger")})
        instance.send_event("approved", "reviewer")
        assert python(ADD, settings, tmp_path) == "5"
        assert instance.result(timeout=30)["by"] == "reviewer"
        assert {effect["step"] for effect in effects(tmp_path / "ledger")} == {"first", "left", "right", "last"}


def test_a_worker_that_is_killed_in_mid_step_is_replaced(
    settings: Settings, processes: Processes, tmp_path: Path
) -> None:
    """SIGKILL takes the worker with its children; the next one runs the step again and completes the instance."""
    doomed = processes.celery_worker(APP, "-P", "prefork", "-c", "2", *QUEUES, settings=settings)
    with Client(settings=settings) as client:
        instance, ledger, gate = begin(client, tmp_path)
        doomed.kill()
        processes.celery_worker(APP, "-P", "prefork", "-c", "2", *QUEUES, settings=settings)
        gate.touch()
        instance.result(timeout=30)
        assert [effect["step"] for effect in effects(ledger)] == ["begun", "begun", "ended"]
        assert instance.describe().recoveries == 1


def test_limits_of_the_team_do_not_end_a_step(settings: Settings, processes: Processes, tmp_path: Path) -> None:
    """A step outlives the soft and the hard time limit and the visibility timeout of the app, and runs once."""
    processes.celery_worker(APP, "-P", "prefork", "-c", "2", *QUEUES, settings=settings)
    query = "select extract(epoch from wake_at)::float from wf.step where status = 'running'"
    with Client(settings=settings) as client:
        instance, ledger, gate = begin(client, tmp_path)
        start = client.database.read(query)[0][0]
        wait_until(lambda: client.database.read(query)[0][0] > start + 4, 20, "the hard limit is twice over")
        gate.touch()
        instance.result(timeout=20)
        assert [effect["step"] for effect in effects(ledger)] == ["begun", "ended"]


def test_the_beat_of_the_team_ticks(settings: Settings, processes: Processes) -> None:
    """Beat sends the alarm's ticks to the alarm's queue, whatever the team routes elsewhere."""
    processes.celery_beat(APP, settings=settings)
    with connect(settings) as redis:
        wait_until(lambda: redis.llen("wf.alarm"), what="a tick is in its queue")
        found: Any = redis.lrange("wf.alarm", 0, -1)
        assert {json.loads(message)["headers"]["task"] for message in found} >= {"wf.alarm"}
        assert [key for key in redis.scan_iter("team*")] == []  # noqa: C416
    processes.celery_worker(APP, *QUEUES, settings=settings.model_copy(update={"alarm_tick": 60}))  # none stands in
    with Client(settings=settings) as client:
        wait_until(lambda: client.database.read("select 1 from wf.tick where name = 'alarm'"), what="the alarm ran")
    assert "wf.alarm[" not in "".join(processes.logs().values()), "a line for every tick would drown all others"


def test_workers_stand_in_for_a_beat_that_is_not_there(settings: Settings, processes: Processes) -> None:
    """Without a beat, a worker of the team's app runs the alarm; of the broker it knows what its app says."""
    worker = processes.celery_worker(
        APP, *QUEUES, settings=settings.model_copy(update={"redis_url": ""}), TEAM_BROKER=settings.redis_url
    )
    with Client(settings=settings) as client:
        assert client.workflow("nap").create("n-1", {"seconds": 3}).result(timeout=20) == "awake"
        assert client.database.read("select 1 from wf.tick where name = 'alarm'")
    assert "alarm not watched" not in worker.log()


def test_a_worker_of_our_own_app_works_beside_it(settings: Settings, processes: Processes, tmp_path: Path) -> None:
    """`wf worker` takes nudges from the same queue, prefix or not, so that either kind may be started."""
    processes.worker("tests.acceptance.flows", settings=settings)
    with Client(settings=settings) as client:
        instance = client.workflow("fan").create("f-1", {"ledger": str(tmp_path / "ledger"), "width": 3})
        assert instance.result(timeout=20) == [0, 1, 2]


def test_a_worker_of_other_queues_has_nothing_to_do_with_us(settings: Settings, processes: Processes) -> None:
    """A worker that is not told to run workflows starts and works while the journal is away."""
    lost = settings.model_copy(update={"database_url": "postgresql://127.0.0.1:1/x"})
    worker = processes.celery_worker(APP, "-P", "solo", settings=lost)
    assert "runs no workflows" in worker.log()


def test_a_worker_that_would_wait_in_vain_does_not_start(settings: Settings, tmp_path: Path) -> None:
    """A worker whose queue is not where nudges go ends with one line that says what to set."""
    wrong = settings.model_copy(update={"queue_prefix": None})
    argv = [sys.executable, "-m", "celery", "-A", APP, "worker", *QUEUES]
    done = subprocess.run(
        argv, env=environment(wrong), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "\nwf: The Celery app 'team' has the global_keyprefix ''" in done.stderr, done.stderr
    assert 'WF_QUEUE_PREFIX=""' in done.stderr


def test_the_app_of_the_team_stays_the_current_one(settings: Settings, tmp_path: Path) -> None:
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
    assert python(code, settings, tmp_path).splitlines() == ["True True False", "[] {}"]
