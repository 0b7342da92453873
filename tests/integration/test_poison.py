"""All kinds of poison among 200 healthy instances: isolated, visible, bounded, and in nobody's way."""

from __future__ import annotations

import json
from collections import Counter
from signal import SIGKILL, SIGSEGV
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from redis import Redis

from tests.acceptance.looking import look
from wf import Client
from wf.codec import CodecError
from wf.quarantine import PATIENCE
from wf.testing.processes import free_port
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from wf import Settings, Workflow
    from wf.testing.processes import Process, Processes, WorkerProcess

FLOWS, GONE = "tests.support.poison_flows", "tests.support.poison_gone"
MANY = 200
DAMAGE = {
    "bad-params": "update wf.payload set params = '\\x01ff' where instance = {key}",
    "bad-version": "update wf.payload set params = '\\x0931' where instance = {key}",
    "bad-output": "update wf.step set output = '\\x01' where instance = {key} and name = 'first'",
    "bad-event": "update wf.event set payload = '\\x01' where instance = {key}",
}
"""What is done to an instance that waits, by its id."""
SAYS = {
    "bad-params": "Params: ", "bad-version": "a newer release wrote it", "bad-output": "Output of step 'first-1': ",
    "bad-event": "of type 'go': ",
}  # fmt: skip
"""Which row it is that cannot be read."""


@pytest.fixture
def quick(own_redis_settings: Settings) -> Settings:
    """Settings under which everything that is repeated is repeated soon."""
    ticks = {"lease": 1.0, "renudge": 0.5, "alarm_tick": 0.2, "reaper_tick": 0.5}
    return own_redis_settings.model_copy(update=ticks)


def keep_alive(processes: Processes, workers: list[WorkerProcess], settings: Settings) -> list[int]:
    """Replace the workers that have died, as an operator's supervisor does; their exit codes."""
    dead = [worker for worker in workers if not worker.is_running()]
    for worker in dead:
        workers.remove(worker)
        workers.append(processes.worker(FLOWS, settings=settings, concurrency=8))
    return [worker.wait() for worker in dead]


def poison(client: Client, settings: Settings) -> None:
    """Damage the rows of those that wait, and of nobody else."""
    flow = client.workflow("poison-healthy")
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        for id, statement in DAMAGE.items():
            found = connection.execute("select key from wf.instance where id = %s", [id]).fetchone()
            assert found is not None
            if id == "bad-event":
                flow.get(id).send_event("go", "bad")
            connection.execute(statement.format(key=found[0]).encode())


def settled(flow: Workflow) -> bool:
    """Whether all damaged ones are paused and all healthy ones have ended."""
    paused = {entry.id for entry in flow.list(status="paused", limit=100)}
    return paused == set(DAMAGE)


@pytest.mark.timeout(400)
def test_poison_stands_in_nobodys_way(quick: Settings, wf_processes: Processes, tmp_path: Path) -> None:
    """200 healthy instances end well; each poisoned one is told of everywhere, after a bounded number of tries."""
    sign, deaths = tmp_path / "sign", list[int]()
    wf_processes.worker(GONE, settings=quick).kill()  # the class was known once
    workers = [wf_processes.worker(FLOWS, settings=quick, concurrency=8)]
    wf_processes.beat(settings=quick)
    with Client(settings=quick) as client:
        flow, deadly, gone = (client.workflow(f"poison-{name}") for name in ("healthy", "deadly", "gone"))
        gone.create("gone-1")
        for id in DAMAGE:
            flow.create(id, {"n": id})
        waiting = "select count(*) from wf.step where kind = 'waitForEvent' and status = 'waiting'"
        wait_until(lambda: look(quick, waiting) == [(len(DAMAGE),)], 30, "those to be damaged wait for their event")
        for worker in workers:  # so that no suspended pass hides the damage
            worker.kill()
        poison(client, quick)
        with Redis.from_url(quick.redis_url) as redis:
            redis.flushall()  # the mailbox holds good copies of events
        for id in set(DAMAGE) - {"bad-event"}:
            flow.get(id).send_event("go", "bad")
        keep_alive(wf_processes, workers, quick)
        deadly.create("deadly-1", str(sign))
        for start in range(0, MANY, 100):
            flow.create_batch([{"id": f"good-{n}", "params": {"n": n}} for n in range(start, start + 100)])
        for n in range(MANY):
            flow.get(f"good-{n}").send_event("go", n)
        done = "select count(*) from wf.instance where status = 'complete' and id like 'good-%%'"

        def all_done() -> bool:
            deaths.extend(keep_alive(wf_processes, workers, quick))
            ended = look(quick, done) == [(MANY,)] and deadly.get("deadly-1").status().status == "complete"
            return ended and settled(flow)

        wait_until(all_done, 200, "the healthy ones end, the poisoned ones are set apart")
        for n in range(MANY):
            assert flow.get(f"good-{n}").result(timeout=0) == [n, n, "last"]
        assert deaths == [-SIGKILL] * quick.max_lost + [-SIGSEGV] * quick.max_lost, "each step kills so many workers"
        assert sign.read_text() == "k" * quick.max_lost + "s" * quick.max_lost, "and no more"
        for told in deadly.get("deadly-1").result(timeout=0):
            assert f"lost its worker {quick.max_lost} time(s)" in told
        check_visible(quick, flow)
        check_quiet(quick, workers)
        check_commands(wf_processes, quick)
        check_pages(wf_processes, quick)
        check_sweeps(client, flow)


def check_visible(settings: Settings, flow: Workflow) -> None:
    """Which instance, which row, and what to do next."""
    for id, says in SAYS.items():
        shown = flow.get(id).describe()
        assert (shown.status, shown.error.name) == ("paused", CodecError.__name__)
        assert says in shown.error.message
        assert "resume the instance; or restart it from an earlier step, or terminate it." in shown.error.message
        assert says in shown.warnings[0]
        assert flow.get(id).feed(0, ["workflow_paused"]).take() is not None
    nudges = dict(look(settings, "select id, nudges from wf.instance where status = 'paused'"))
    assert set(nudges.values()) <= {PATIENCE, PATIENCE + 1}, "as often as that, whatever they cost"


def check_quiet(settings: Settings, workers: list[WorkerProcess]) -> None:
    """The workers live, and their logs tell of each poisoned instance no more often than it was nudged."""
    assert all(worker.is_running() for worker in workers)
    told = Counter(
        id for worker in workers for line in worker.log().splitlines() for id in DAMAGE
        if "cannot be moved on" in line and f"instance={id} " in line
    )  # fmt: skip
    assert max(told.values(), default=0) <= 2 * (PATIENCE + 2), told


def check_commands(processes: Processes, settings: Settings) -> None:
    """`wf` tells of them, and ends well."""

    def wf(*argv: str, code: int = 0) -> Any:
        done = processes.run("-m", "wf", *argv, settings=settings)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    seen = json.loads(wf("attention", "--json"))
    assert {one["instance"] for one in seen["halted"]["instances"]} == set(DAMAGE)
    assert seen["unserved"] == {"poison-gone": 1}
    assert {(step["instance"], step["step"]) for step in seen["poison"]["steps"]} == {
        ("deadly-1", "killed-1"), ("deadly-1", "segfault-1"),
    }  # fmt: skip
    assert "Params: " in wf("instances", "describe", "poison-healthy", "bad-params")
    assert "bad-output" in wf("instances", "list", "poison-healthy", "--status", "paused")
    doctor = wf("doctor", code=1)
    assert "rows of theirs cannot be read" in " ".join(doctor.split())


def check_pages(processes: Processes, settings: Settings) -> None:
    """Every page and every list that has one of them in it is answered."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    server: Process = processes.start(
        "api", "-m", "wf", "api", "--port", str(port), settings=settings, ready=lambda: _answers(base)
    )
    one, api = "/workflows/poison-healthy/instances", "/api/workflows/poison-healthy/instances"
    paths = ["/attention", "/activity", "/", "/workflows/poison-healthy", one, f"{one}?status=paused",
             "/workflows/poison-gone/instances/gone-1", "/workflows/poison-deadly/instances/deadly-1",
             "/api/attention", "/api/overview", api, f"{api}?status=paused"]  # fmt: skip
    paths += [f"{at}/{id}" for at in (one, api) for id in DAMAGE]
    with httpx.Client(base_url=base, timeout=30) as http:
        answers = {path: http.get(path, follow_redirects=True) for path in paths}
    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 200} == {}
    for id in DAMAGE:
        assert id in answers["/attention"].text
    assert "Traceback" not in server.log()


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/healthz", timeout=5).status_code < 500
    except httpx.TransportError:
        return False


def check_sweeps(client: Client, flow: Workflow) -> None:
    """A bulk action takes the poisoned ones with the others."""
    job = client.jobs.start("poison-healthy", "terminate", {"status": "paused"})
    ended = wait_until(lambda: (seen := client.jobs.get(job.id)).status == "complete" and seen, 30, "the job is done")
    assert (ended.done, ended.failed) == (len(DAMAGE), 0)
    assert {flow.get(id).status().status for id in DAMAGE} == {"terminated"}


def test_a_module_that_does_not_import_stops_its_worker_alone(quick: Settings, wf_processes: Processes) -> None:
    """The worker says in one line which module, which error and where, and ends; its neighbour goes on."""
    wf_processes.worker(FLOWS, settings=quick)
    done = wf_processes.run("-m", "wf", "worker", FLOWS, GONE, settings=quick, POISON_GONE="1")
    assert done.returncode == 1
    assert "wf: The module 'tests.support.poison_gone' of workflows cannot be imported" in done.stderr
    assert "RuntimeError: this module does not import any more (poison_gone.py, line" in done.stderr
    with Client(settings=quick) as client:
        healthy = client.workflow("poison-healthy").create("h-1", {"n": 1})
        healthy.send_event("go", 2)
        assert healthy.result(timeout=30) == [1, 2, "last"]
