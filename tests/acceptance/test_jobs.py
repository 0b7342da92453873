"""Jobs with real workers and a beat: killed in the middle, finished by another."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.acceptance.looking import look
from wf import Client
from wf.testing import crashpoints
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from wf import Settings
    from wf.testing.processes import Processes

MODULE = "tests.acceptance.flows"
MANY = 300


def test_300_instances_are_terminated_though_the_worker_dies(
    own_redis_settings: Settings, wf_processes: Processes
) -> None:
    """SIGKILL between a batch and its note: a second worker ends the job, and no instance is terminated twice."""
    hasty = own_redis_settings.model_copy(
        update={"lease": 2.0, "alarm_tick": 0.2, "reaper_tick": 0.5, "job_batch": 50, "steps_per_task": 10}
    )
    doomed = wf_processes.worker(MODULE, settings=hasty, concurrency=4, kill_at=crashpoints.BEFORE_NOTE)
    wf_processes.beat(settings=hasty)
    with Client(settings=hasty) as client:

        def statuses() -> dict[str, int]:
            return dict(look(hasty, "select status, count(*) from wf.instance group by 1"))

        naps = client.workflow("nap")
        for _ in range(MANY // 100):
            naps.create_batch(count=100, params={"seconds": 3600})
        wait_until(lambda: statuses() == {"waiting": MANY}, 60, "all of them sleep")
        job = client.jobs.start("nap", "terminate", {"status": "waiting"})
        later = naps.create(params={"seconds": 3600})
        assert doomed.wait() == -9
        assert doomed.point.is_reached()
        assert statuses()["terminated"] == 50
        assert client.jobs.get(job.id).done == 0
        wf_processes.worker(MODULE, settings=hasty, concurrency=4)
        done = wait_until(lambda: (seen := client.jobs.get(job.id)).status == "complete" and seen, 30, "it is done")
        assert (done.total, done.done, done.failed, done.percent) == (MANY, MANY, 0, 100)
        wait_until(lambda: later.status().status == "waiting", 20, "the newer one sleeps")
        assert statuses() == {"terminated": MANY, "waiting": 1}
        audit = look(hasty, "select instance, actor from wf.audit where action = 'terminate'")
        assert len(audit) == MANY
        assert set(Counter(audit).values()) == {1}
        assert {actor for _, actor in audit} == {f"job:{job.id}:client"}
