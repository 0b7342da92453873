"""A deployment that has something to show on every page of the dashboard."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from wf import Event, Step, WorkflowEntrypoint

if TYPE_CHECKING:
    from tests.support.rig import Rig

HOSTILE = "<i>\u202e'\"&{{ 7 * 7 }}"


class Shipment(WorkflowEntrypoint, name="shipment", schedules=["0 9 * * 1"], concurrency=100, breaker={}):
    """Packs in parallel, charges with retries, and waits: for time, for a signature, or for nothing."""

    async def run(self, event: Event, step: Step) -> Any:
        items = await asyncio.gather(*(step.do(f"pack {item}", lambda item=item: self.pack(item)) for item in "ab"))
        if event.payload == "refused":
            await step.do("charge", self.refuse, config={"retries": {"limit": 1, "delay": 600}})
        if event.payload == "sleep":
            await step.sleep("let it settle", "3 days")
        if event.payload == "sign":
            return (await step.wait_for_event("signature", "signed", timeout="1 hour")).payload
        return {"items": items, "note": HOSTILE}

    def pack(self, item: str) -> str:
        logging.getLogger("shipment").warning("packing %s %s", item, HOSTILE)
        return item

    def refuse(self) -> None:
        raise ConnectionError(f"the bank refused {HOSTILE}")


class Doomed(WorkflowEntrypoint, name="doomed"):
    """Fails, and is rolled back."""

    async def run(self, event: Event, step: Step) -> Any:
        await step.do("book", lambda: 1, rollback=lambda ctx: None)
        raise ValueError(HOSTILE)


def fill(rig: Rig) -> None:
    """Instances in most statuses, events, jobs, and counts."""
    for cls in (Shipment, Doomed):
        rig.workers[0].catalog.register(cls)
    shipments = rig.client.workflow(Shipment)
    for id, params in (("done", "go"), ("asleep", "sleep"), ("unsigned", "sign"), ("refused", "refused")):
        rig.create(Shipment, id, params)
    rig.create(Doomed, "doomed-1", {"note": HOSTILE})
    rig.settle()
    shipments.get("unsigned").send_event("other", {"note": HOSTILE}, event_id="m-1")
    paused = rig.create(Shipment, "paused", "sleep")
    rig.settle()
    paused.pause()
    rig.settle()
    rig.create(Shipment, "stopped", "sleep").terminate()
    rig.client.jobs.start("doomed", "restart", {"status": ["errored"]})
    rig.settle()
    for worker in rig.workers:
        worker.meter.flush()
        worker.engine.runner.lines.flush()
