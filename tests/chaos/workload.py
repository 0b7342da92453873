"""The workload: orders whose every side effect is a line in a file of its own, or a row of the same transaction."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from wf import StepContext

STEPS = ("reserve", "pack a", "pack b", "pack c", "charge", "ship")


def note(instance: str, step: str) -> None:
    """Have an effect: one line, written at once, with the machine's own time."""
    at = time.clock_gettime(time.CLOCK_REALTIME)
    line = json.dumps({"at": at, "instance": instance, "step": step, "pid": os.getpid()}).encode() + b"\n"
    file = os.open(os.environ["CHAOS_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line)
    finally:
        os.close(file)


class Order(WorkflowEntrypoint, name="chaos-order"):
    """Reserves, packs three things at once, rests, waits for the payment, charges exactly once, ships."""

    async def run(self, event: Any, step: Any) -> Any:
        id = event.instance_id

        def work(name: str) -> str:
            note(id, name)
            time.sleep(random.uniform(0.005, 0.1))
            return name

        async def pack(ctx: StepContext) -> str:
            note(id, ctx.step.name)
            await asyncio.sleep(random.uniform(0.005, 0.3))
            if random.random() < 0.05:
                raise ConnectionError("the shelf does not answer")
            return ctx.step.name

        def charge(connection: Connection) -> str:
            note(id, "charge")
            connection.execute(text("insert into public.charge (instance) values (:id)"), {"id": id})
            return "charge"

        config = {"retries": {"limit": 10, "delay": 0.2, "backoff": "constant"}}
        done = [await step.do("reserve", lambda: work("reserve"))]
        done += await asyncio.gather(*[step.do(f"pack {one}", pack, config=config) for one in "abc"])
        await step.sleep("rest", 1)
        paid = await step.wait_for_event("payment", "paid", timeout="1 hour")
        done.append(await step.transaction("charge", charge, config=config))
        done.append(await step.do("ship", lambda: work("ship")))
        return {"done": done, "paid": paid.payload}
