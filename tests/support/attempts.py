"""Attempts that stand still in the middle, and workflows of one step to run them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.rig import Rig
    from wf import Event, Step
    from wf.attempts import Attempts

LIMIT = 10.0
"""Seconds after which a test gives up."""

ONE_TRY = {"retries": {"limit": 0}}


class Held:
    """A callback that stands still in the middle until the test lets it go on."""

    def __init__(self) -> None:
        self.begun, self.gate = threading.Event(), threading.Event()

    def stand(self) -> None:
        """Tell the test, and wait for it."""
        self.begun.set()
        assert self.gate.wait(LIMIT)


def attempts_of(rig: Rig) -> Attempts:
    """Those of the only worker."""
    return rig.workers[0].engine.runner.attempts


def one_step(callback: Callable[..., Any], name: str, **config: Any) -> type[WorkflowEntrypoint]:
    """A workflow of one step."""

    class OneStep(WorkflowEntrypoint, name=f"heartbeat-{name}"):
        async def run(self, event: Event, step: Step) -> Any:
            return await step.do("work", callback, config={**ONE_TRY, **config})

    return OneStep
