"""Jobs with real workers and a beat: killed in the middle, finished by another."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.support import Processes, wait_until
from wf import Client, crashpoints

if TYPE_CHECKING:
    from pathlib import Path

    from wf.settings import Settings

MODULE = "tests.acceptance.flows"
MANY = 300


def test_300_instances_are_terminated_though_the_worker_dies(
    own_redis_settings: Settings, processes: Processes, tmp_path: Path
) -> None:
    """SIGKILL between a batch and its note: a second worker ends the job, and no instance is terminated twice."""
    hasty = own_redis_settings.model_copy(
        update={"lease": 2.0, "alarm_tick": 0.2, "reaper_tick": 0.5, "job_batch": 50, "steps_per_task": 10}
    )
    marker = tmp_path / "died"
    point = f"{crashpoints.BEFORE_NOTE}:kill:{marker}"
    doomed = processes.worker(MODULE, settings=hasty, concurrency=4, WF_CRASH_POINT=point)
    processes.beat(settings=hasty)
    with Client(settings=hasty) as client:

        def statuses() -> dict[str, int]:
            return dict(map(tuple, client.database.read("select status, count(*) from wf.instance group by 1")))

        naps = client.workflow("nap")
        for _ in range(MANY // 100):
            naps.create_batch(count=100, params={"seconds": 3600})
        wait_until(lambda: statuses() == {"waiting": MANY}, 60, "all of them sleep")
        job = client.jobs.start("nap", "terminate", {"status": "waiting"})
        later = naps.create(params={"seconds": 3600})
        wait_until(lambda: not doomed.is_running(), 20, "the worker dies")
        assert marker.exists()
        assert statuses()["terminated"] == 50
        assert client.jobs.get(job.id).done == 0
        processes.worker(MODULE, settings=hasty, concurrency=4)
        done = wait_until(lambda: (seen := client.jobs.get(job.id)).status == "complete" and seen, 30, "it is done")
        assert (done.total, done.done, done.failed, done.percent) == (MANY, MANY, 0, 100)
        wait_until(lambda: later.status().status == "waiting", 20, "the newer one sleeps")
        assert statuses() == {"terminated": MANY, "waiting": 1}
        audit = client.database.read("select instance, actor from wf.audit where action = 'terminate'")
        assert len(audit) == MANY
        assert set(Counter(audit).values()) == {1}
        assert {actor for _, actor in audit} == {f"job:{job.id}:client"}
