"""Instances that cannot be moved on, because something that is stored of them cannot be read.

Every nudge of such an instance fails in the same way. The alarm waits twice as long after each; the instance tells why
in its warnings, and after some nudges it is paused with the error: nobody wakes it any more, all others go on, and a
human decides. Not at once, because another worker may be able to read what this one cannot: one of a newer release,
with another key, or with a class that this one lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from wf.divergence import storable
from wf.faults import encode_error
from wf.sql import statements
from wf.status import MOVING, Status

if TYPE_CHECKING:
    from wf.codec import CodecError
    from wf.dispatch import Nudge
    from wf.journal import Journal

PATIENCE = 5
"""Nudges by the alarm after which an instance is paused: a quarter of an hour as WF_RENUDGE is, time for a deploy."""

REMEDY = (
    "Start workers that can read it (their release, WF_ENCRYPTION_KEYS, the module of the class) and resume the "
    "instance; or restart it from an earlier step, or terminate it."
)

log = structlog.get_logger("wf")


class Quarantine:
    """Sets instances apart.

    Args:
        journal: Where they are.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def put(self, nudge: Nudge, error: CodecError) -> bool:
        """An instance cannot be moved on: let it say so; pause it if it was nudged in vain often enough.

        Args:
            nudge: Which instance.
            error: What cannot be read; the message names the row.

        Returns:
            Whether it is paused now.
        """
        told = type(error)(f"{storable(str(error))} {REMEDY}")
        reason, pausable = type(error).__name__, MOVING - {Status.ROLLING_BACK}  # a resume does not go on with that
        paused = self._journal.halt(nudge.key, encode_error(told), reason, pausable, nudges=PATIENCE)
        self._journal.warn(nudge.key, [f"A nudge had no effect: {told}"])
        named = self._journal.database.read(statements()["instance_named"], {"key": nudge.key})
        for workflow, id, status, nudges in named:
            log.error(
                "instance cannot be moved on", workflow=workflow, instance=id, status=status, nudges=nudges,
                reason=str(error), remedy=REMEDY,
            )  # fmt: skip
        return paused
