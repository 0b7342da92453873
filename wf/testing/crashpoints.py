"""Points of a worker's work at which a test may kill or hold it, to prove that nothing is lost there.

::

    before_claim      a step is ready, and nobody has begun it
    after_claim       an attempt is counted and leased; the callback has not begun
    in_user_code      the callback is about to run
    after_user_code   the callback has returned; its result is in no journal yet
    after_record      the result is committed
    before_nudge      what comes next is committed; no message has been sent
    after_nudge       the message is in Redis
    before_park       all that is left is to wait, for a time or an event

    in_transaction    a `step.transaction` has done its writes
    before_commit     and its result is written beside them
    after_commit      and both are committed

    before_note       a bulk job has moved a batch, and has not noted it

    created           a client has committed an instance; no message has been sent
    event_accepted    a client has committed an event; it is not in the mailbox
    event_delivered   it is in the mailbox; no message has been sent
    steered           a client has resumed, restarted or terminated; no message has been sent

    alarm_woke        the alarm has committed whom it wakes; no message has been sent
    schedule_fired    a schedule has created an instance; no message has been sent
    reaper_restarted  the reaper has restarted an instance; no message has been sent
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from wf.crashpoints import (
    AFTER_CLAIM,
    AFTER_COMMIT,
    AFTER_NUDGE,
    AFTER_RECORD,
    AFTER_USER_CODE,
    ALARM_WOKE,
    BEAT_POINTS,
    BEFORE_CLAIM,
    BEFORE_COMMIT,
    BEFORE_NOTE,
    BEFORE_NUDGE,
    BEFORE_PARK,
    CLIENT_POINTS,
    CREATED,
    EVENT_ACCEPTED,
    EVENT_DELIVERED,
    IN_TRANSACTION,
    IN_USER_CODE,
    JOB_POINTS,
    POINTS,
    REAPER_RESTARTED,
    SCHEDULE_FIRED,
    STEERED,
    TRANSACTION_POINTS,
)
from wf.testing.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "AFTER_CLAIM",
    "AFTER_COMMIT",
    "AFTER_NUDGE",
    "AFTER_RECORD",
    "AFTER_USER_CODE",
    "ALARM_WOKE",
    "BEAT_POINTS",
    "BEFORE_CLAIM",
    "BEFORE_COMMIT",
    "BEFORE_NOTE",
    "BEFORE_NUDGE",
    "BEFORE_PARK",
    "CLIENT_POINTS",
    "CREATED",
    "EVENT_ACCEPTED",
    "EVENT_DELIVERED",
    "IN_TRANSACTION",
    "IN_USER_CODE",
    "JOB_POINTS",
    "POINTS",
    "REAPER_RESTARTED",
    "SCHEDULE_FIRED",
    "STEERED",
    "TRANSACTION_POINTS",
    "CrashPoint",
]

_ALL = (*POINTS, *TRANSACTION_POINTS, *JOB_POINTS, *CLIENT_POINTS, *BEAT_POINTS)


class CrashPoint:
    """A point at which the first process that reaches it dies, or stops until it is let go.

    Attributes:
        variable: What WF_CRASH_POINT must be for the process.
    """

    def __init__(self, point: str, action: Literal["kill", "hold"], path: Path) -> None:
        """Prepare it.

        Args:
            point: One of this module.
            action: `kill` is SIGKILL to the process that runs the step: the worker itself, or a child of a prefork
                pool.
            path: A file that is not there yet; names that begin like it are taken, too.

        Raises:
            ValueError: There is no such point.
        """
        if point not in _ALL:
            raise ValueError(f"There is no crash point {point!r}; there are {', '.join(_ALL)}.")
        self._name = point
        self._path, self._go = path, path.with_name(f"{path.name}.go")
        self._reached = path if action == "kill" else path.with_name(f"{path.name}.once")
        self.variable = f"{point}:{action}:{path}"
        if action == "hold":
            os.mkfifo(self._path)
            os.mkfifo(self._go)

    def is_reached(self) -> bool:
        """Whether a process has come to it."""
        return self._reached.exists()

    def wait(self, timeout: float = 20.0) -> None:
        """Wait until a process has come to it.

        Raises:
            AssertionError: None came within so many seconds.
        """
        wait_until(self.is_reached, timeout, f"a process comes to {self._name}")

    def release(self, timeout: float = 20.0) -> None:
        """Wait for the process that comes to it to be held, and let it go on.

        Raises:
            AssertionError: None stood there within so many seconds.
        """
        met = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)  # whom the process waits for
        try:
            os.close(wait_until(self._is_awaited, timeout, f"a process stands at {self._name}"))
        finally:
            os.close(met)

    def _is_awaited(self) -> int:
        """A descriptor that lets the process go once it is closed; 0 while no process waits for it."""
        try:
            return os.open(self._go, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return 0
