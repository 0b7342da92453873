"""Blocking I/O in `run` is refused, whatever it is done with; in a step it is welcome."""

from __future__ import annotations

import os
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Rig

WAYS_OUT: dict[str, tuple[Callable[[], object], str]] = {
    "connect": (lambda: socket.create_connection(("127.0.0.1", 9)), "socket"),
    "lookup": (lambda: socket.getaddrinfo("localhost", 80), "getaddrinfo"),
    "process": (lambda: subprocess.run(["true"], check=True), "subprocess"),
    "shell": (lambda: os.system("true"), "os.system"),
}
DONE: list[str] = []


class Leaky(WorkflowEntrypoint, name="guard-leaky"):
    """Does what the payload says, in `run` or in a step."""

    async def run(self, event: Any, step: Any) -> Any:
        act, _ = WAYS_OUT[event.payload["act"]]
        if event.payload["in_step"]:
            await step.do("act", lambda: DONE.append(str(act() is None)))
            return "done"
        return act()


@pytest.mark.parametrize("act", WAYS_OUT)
def test_blocking_io_in_run_is_refused(rig: Rig, act: str) -> None:
    """The instance is errored; the error names the call and says: wrap it in step.do."""
    instance = rig.create(Leaky, params={"act": act, "in_step": False})
    rig.settle()
    found = instance.status()
    assert (found.status, found.error.name) == ("errored", "OutsideStepError")
    assert WAYS_OUT[act][1] in found.error.message
    assert "wrap the call in step.do" in found.error.message


@pytest.mark.parametrize("act", ["process", "shell", "lookup"])
def test_blocking_io_in_a_step_is_welcome(rig: Rig, act: str) -> None:
    """The guard looks at `run` alone."""
    DONE.clear()
    instance = rig.create(Leaky, params={"act": act, "in_step": True})
    rig.settle()
    assert (instance.status().output, len(DONE)) == ("done", 1)


def test_a_client_in_run_is_refused(rig: Rig) -> None:
    """To create an instance from `run`, wrap it in a step; otherwise it would be created in each replay."""

    class Creates(WorkflowEntrypoint, name="guard-creates"):
        async def run(self, event: Any, step: Any) -> Any:
            rig.client.workflow(Leaky).create("child")

    instance = rig.create(Creates)
    rig.settle()
    assert instance.status().error.name == "OutsideStepError"
    assert list(rig.client.workflow(Leaky).list()) == []


def test_a_finally_block_of_a_pass_that_is_thrown_away_reaches_nothing(rig: Rig) -> None:
    """What an author writes into `finally` runs when a pass is evicted; it may not act for an instance that goes on."""

    class Parting(WorkflowEntrypoint, name="guard-parting"):
        async def run(self, event: Any, step: Any) -> Any:
            try:
                await step.sleep("nap", 10)
            finally:
                rig.client.workflow(Leaky).create(f"child-of-{event.instance_id}")

    instance = rig.create(Parting)
    rig.settle()
    assert instance.status().status == "waiting"
    assert list(rig.client.workflow(Leaky).list()) == []
