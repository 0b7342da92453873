"""A module of workflows that is imported once, and raises ever after: its class is known, and no worker has it."""

from __future__ import annotations

import os

from wf import WorkflowEntrypoint

if os.environ.get("POISON_GONE"):
    raise RuntimeError("this module does not import any more")


class Gone(WorkflowEntrypoint, name="poison-gone"):
    """Of a class that is renamed or removed."""

    async def run(self, event: object, step: object) -> None:
        """Do nothing."""
