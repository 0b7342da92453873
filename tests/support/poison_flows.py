"""Workflows to be poisoned: one kills its worker, one waits, so that its rows can be damaged meanwhile."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wf import WorkerLostError, WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf import Event, Step


class Healthy(WorkflowEntrypoint, name="poison-healthy"):
    """Three steps, a nap and an event."""

    async def run(self, event: Event, step: Step) -> list[Any]:
        first = await step.do("first", lambda: event.payload["n"])
        await step.sleep("nap", 0.2)
        got = await step.wait_for_event("go", "go", timeout="1 hour")
        last = await step.do("last", lambda: "last", config={"retries": {"limit": 2}, "timeout": 60})
        return [first, got.payload, last]


class Deadly(WorkflowEntrypoint, name="poison-deadly"):
    """Its steps take their worker with them every time; before, each adds a letter to the file of its payload."""

    async def run(self, event: Event, step: Step) -> list[str]:
        told = []
        for name, die in (("killed", be_killed), ("segfault", touch_nothing)):
            try:
                await step.do(name, partial(sign_and_die, Path(event.payload), name[0], die))
            except WorkerLostError as error:
                told.append(str(error))
        return told


def sign_and_die(sign: Path, letter: str, die: Callable[[], object]) -> None:
    """What is in a file outlives the process."""
    with sign.open("a") as file:
        file.write(letter)
    die()


def be_killed() -> None:
    """As by the kernel, when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def touch_nothing() -> None:
    """As an extension does that is broken: a real segfault, but no core is left behind."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)
