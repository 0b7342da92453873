"""A workflow whose step logs in a worker that writes lines only when it stops."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from wf import WorkflowEntrypoint, lines

if TYPE_CHECKING:
    from wf import Event, Step

lines.EVERY = 3600.0


class LastWords(WorkflowEntrypoint, name="last-words"):
    """Logs once."""

    async def run(self, event: Event, step: Step) -> None:
        await step.do("speak", lambda: logging.getLogger("flows").warning("good-bye"))
