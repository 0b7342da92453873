"""The same album as a workflow: a step for each task, and plain Python instead of a canvas."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pictures import bind, shrink

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from wf import Event, Step

RETRIES = {"limit": 3, "delay": "1 second", "backoff": "exponential", "retry_on": [OSError]}


class Album(WorkflowEntrypoint, name="album"):
    """An album of pictures."""

    async def run(self, event: Event, step: Step) -> str:
        """Make each picture small, then the page."""

        def resize(picture: str) -> Any:
            name = f"resize {Path(picture).name}"
            return step.do(name, lambda: shrink(picture), config={"retries": RETRIES})

        small = await asyncio.gather(*map(resize, event.payload))
        page: str = await step.do("make album", lambda: bind(small))
        return page
