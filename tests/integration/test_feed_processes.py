"""The feed beside real workers: what a listener is told in time is what a reader finds."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.support.feeds import names, words
from wf import AsyncClient, Client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Processes
    from wf.settings import Settings

MODULE = "tests.acceptance.flows"


def test_a_listener_beside_two_workers_is_told_what_a_reader_finds(
    processes: Processes, settings: Settings, tmp_path: Path
) -> None:
    """Parallel steps on two workers, a sleep and an event: each listener, sync or async, gets all of it, in order."""
    for _ in range(2):
        processes.worker(MODULE)

    async def listen(id: str) -> list[int]:
        async with AsyncClient(settings=settings) as client:
            instance = await client.workflow("journey").get(id)
            return [event.event_id async for event in instance.subscribe(timeout=60)]

    with Client(settings=settings) as client, ThreadPoolExecutor(9) as threads:
        workflow = client.workflow("journey")
        instances = [workflow.create(f"j-{n}", {"ledger": str(tmp_path / f"{n}")}) for n in range(4)]
        listeners = [threads.submit(list, one.subscribe(timeout=60)) for one in instances]
        awaited = threads.submit(asyncio.run, listen("j-0"))
        for one in instances:
            one.send_event("approved", "yes")
        heard = [listener.result(timeout=60) for listener in listeners]
        for one, events in zip(instances, heard, strict=True):
            assert events == list(one.subscribe(timeout=5))
            assert names(events)[:3] == ["workflow_queued", "workflow_started", "workflow_running"]
            assert names(events)[-1] == "workflow_completed"
            assert {word for word in words(events) if word.startswith("step_completed")} == {
                f"step_completed {name}-1" for name in ("first", "left", "right", "last")
            }
            times = [event.timestamp for event in events]
            assert max(times) - min(times) < 60_000
            assert abs(times[-1] / 1000 - time.time()) < 120
        assert awaited.result(timeout=10) == [event.event_id for event in heard[0]]
