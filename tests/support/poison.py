"""A workflow whose step kills the worker that runs it."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.waiting import wait_until
from wf import WorkflowEntrypoint


class Poison(WorkflowEntrypoint, name="poison"):
    """Takes its worker with it, each time that the file of its payload is there."""

    async def run(self, event: Any, step: Any) -> None:
        await step.do("die", partial(die, Path(event.payload)))


def die(sign: Path) -> None:
    wait_until(sign.exists, 60, "somebody wants the worker to die")
    sign.unlink()
    os.kill(os.getpid(), signal.SIGKILL)
