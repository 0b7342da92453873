"""A workflow whose step logs in every way that there is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from celery.utils.log import get_task_logger

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from wf import Event, Step, StepContext


class Logs(WorkflowEntrypoint, name="logs"):
    """Logs, prints, and tells its context."""

    async def run(self, event: Event, step: Step) -> None:
        def work(ctx: StepContext) -> None:
            logging.getLogger("flows").warning("by logging")
            get_task_logger("flows").warning("by Celery")
            ctx.log.warning("by context", n=1)
            print("printed")  # noqa: T201  # which is no log line

        async def work_too() -> None:
            logging.getLogger("flows").warning("by a coroutine")

        await step.do("sync", work)
        await step.do("async", work_too)
