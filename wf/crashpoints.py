"""Named points at which a test may stop a process, to prove that nothing is lost there.

Armed by the environment only: `WF_CRASH_POINT=name:action:path`. With action `kill` the first process that reaches
the point dies by SIGKILL; `path` is a file that is created exclusively, so that only one process dies. With action
`hold` it stops there: opening the FIFO `path` for writing meets the test's reading end, and `path + ".go"` lets it go.
Unarmed, reaching a point costs one comparison.
"""

from __future__ import annotations

import os
import signal

BEFORE_CLAIM = "before_claim"
AFTER_CLAIM = "after_claim"
IN_USER_CODE = "in_user_code"
AFTER_USER_CODE = "after_user_code"
AFTER_RECORD = "after_record"
BEFORE_NUDGE = "before_nudge"
AFTER_NUDGE = "after_nudge"
BEFORE_PARK = "before_park"
IN_TRANSACTION = "in_transaction"
BEFORE_COMMIT = "before_commit"
AFTER_COMMIT = "after_commit"
BEFORE_NOTE = "before_note"
CREATED = "created"
EVENT_ACCEPTED = "event_accepted"
EVENT_DELIVERED = "event_delivered"
STEERED = "steered"
ALARM_WOKE = "alarm_woke"
SCHEDULE_FIRED = "schedule_fired"
REAPER_RESTARTED = "reaper_restarted"

POINTS = (
    BEFORE_CLAIM, AFTER_CLAIM, IN_USER_CODE, AFTER_USER_CODE, AFTER_RECORD, BEFORE_NUDGE, AFTER_NUDGE, BEFORE_PARK,
)  # fmt: skip
"""Every point of `advance`, in its order."""

TRANSACTION_POINTS = (IN_TRANSACTION, BEFORE_COMMIT, AFTER_COMMIT)
"""The points of a `step.transaction` between its user code and the next step, in their order."""

JOB_POINTS = (BEFORE_NOTE,)
"""The point of a job between a batch of instances and the note of its progress."""

CLIENT_POINTS = (CREATED, EVENT_ACCEPTED, EVENT_DELIVERED, STEERED)
"""The points of a client between what it has committed and the nudge, or the mailbox."""

BEAT_POINTS = (ALARM_WOKE, SCHEDULE_FIRED, REAPER_RESTARTED)
"""The points of alarm, schedules and reaper between a commit and its nudges."""

_armed, _action, _path, *_ = [*os.environ.get("WF_CRASH_POINT", "").split(":", 2), "", ""]


def arm(point: str, path: str) -> None:
    """Let the first process that reaches a point from now on be killed there, as the environment can ask for it.

    Args:
        point: Which point.
        path: A file that does not exist yet.
    """
    global _armed, _action, _path  # it is about this process
    _armed, _action, _path = point, "kill", path


def reached(point: str) -> None:
    """Stop here if a test asked for it."""
    if point == _armed:
        _stop()


def _stop() -> None:
    try:
        os.close(os.open(_path if _action == "kill" else f"{_path}.once", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return  # another process was first
    if _action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    with open(_path, "w"):  # noqa: PTH123  # blocks until the test reads
        pass
    with open(f"{_path}.go"):  # noqa: PTH123  # blocks until the test writes
        pass
