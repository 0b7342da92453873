"""Workflows that tests of the clients send on errands."""

from __future__ import annotations

from datetime import UTC, datetime
from types import new_class
from typing import TYPE_CHECKING, Any

from tests.support.rig import START, Rig
from wf import (
    WorkflowEntrypoint,
)

if TYPE_CHECKING:
    from threading import Event as Signal


class RefusedError(Exception):
    """An author's error, with a constructor of its own."""

    def __init__(self, order: int) -> None:
        super().__init__(f"order {order} refused")
        self.order = order


class Errand(WorkflowEntrypoint, name="errand"):
    """Does what its payload says, then waits for `go`, then does it again."""

    async def run(self, event: Any, step: Any) -> Any:
        doing = event.payload.get("do")
        if doing == "fail":
            raise RefusedError(7)
        if doing == "sleep":
            await step.sleep("nap", 600)
        if doing == "wait":
            return (await step.wait_for_event("permit", "go", timeout="1 hour")).payload
        return {"got": event.payload}


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


def hold(began: Signal, finish: Signal) -> int:
    """User code that stands still until the test lets it go."""
    began.set()
    assert finish.wait(10)
    return 1


def by_name(rig: Rig, cls: type[WorkflowEntrypoint]) -> Any:
    """The workflow as a process sees it that never imported the class."""
    rig.workers[0].catalog.register(cls)
    return rig.client.workflow(cls.workflow_name)


def versions(name: str, *numbers: str) -> list[type[WorkflowEntrypoint]]:
    """Classes of one workflow in several versions."""

    async def run(self: Any, event: Any, step: Any) -> str:
        return str(self.workflow_version)

    def fill(body: dict[str, Any]) -> None:
        body["run"] = run

    return [
        new_class(name, (WorkflowEntrypoint,), {"name": name, "version": number}, exec_body=fill) for number in numbers
    ]
