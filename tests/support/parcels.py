"""A workflow with steps of every kind, and the paths of instances over REST."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.support.errands import RefusedError
from wf import WorkflowEntrypoint


class Parcel(WorkflowEntrypoint, name="parcel", schedules=["*/30 * * * *"], breaker={}):
    """Steps of every kind, beginning by itself twice an hour."""

    async def run(self, event: Any, step: Any) -> Any:
        def flaky(ctx: Any) -> str:
            if ctx.attempt == 1:
                raise RefusedError(9)
            return "packed"

        await step.do("secret", lambda: "t-1", config={"sensitive": "output"}, rollback=lambda: None)
        packed = await step.do("pack", flaky, config={"retries": {"limit": 3, "delay": 30}})
        await step.sleep("nap", 60)
        got = await step.wait_for_event("permit", "go", timeout="1 day")
        return [packed, await step.do("long", lambda: "x" * 6000), got.payload]


def at(id: str, more: str = "", workflow: str = "parcel") -> str:
    """The path of an instance."""
    return f"/api/workflows/{workflow}/instances/{quote(id, safe='')}{more}"
