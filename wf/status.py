"""Statuses of instances and of steps: what each means and who moves it on.

Sets of statuses are derived here and nowhere else.
"""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Status of an instance, in the baseline's words."""

    QUEUED = "queued"
    """Created or resumed; the first step has not been claimed. `advance` moves it on."""
    RUNNING = "running"
    """A step runs, or one is ready for a worker."""
    WAITING = "waiting"
    """Sleeps, waits for an event, or backs off. Costs no worker; the alarm or an event moves it on."""
    WAITING_FOR_PAUSE = "waitingForPause"
    """A pause was asked for; running attempts finish first."""
    PAUSED = "paused"
    """Stopped by a person until resumed."""
    ROLLING_BACK = "rollingBack"
    """Compensation runs."""
    COMPLETE = "complete"
    """`run` returned."""
    ERRORED = "errored"
    """`run` raised. The reaper may restart it."""
    TERMINATED = "terminated"
    """Stopped by a person for good."""


TERMINAL = frozenset({Status.COMPLETE, Status.ERRORED, Status.TERMINATED})
LIVE = frozenset(Status) - TERMINAL - {Status.PAUSED}
"""Those that the alarm looks at."""
MOVING = LIVE - {Status.WAITING_FOR_PAUSE}
"""Those that `advance` moves on."""
SLOTTED = frozenset({Status.RUNNING, Status.WAITING_FOR_PAUSE, Status.ROLLING_BACK, Status.QUEUED})
"""Those that may hold a slot of a workflow with a limit of concurrency; a queued one has just been given it."""


class StepStatus(StrEnum):
    """Status of a step's row."""

    READY = "ready"
    """May be claimed by any worker."""
    RUNNING = "running"
    """An attempt holds the lease until `wake_at`."""
    RETRYING = "retrying"
    """The last attempt failed or was lost; may be claimed from `wake_at` on."""
    WAITING = "waiting"
    """A sleep, timer or wait, over at `wake_at`."""
    COMPLETE = "complete"
    """Ended with an output."""
    ERRORED = "errored"
    """Ended with an error."""
    CANCELLED = "cancelled"
    """`run` no longer wants it, or the instance ended first."""


STEP_ENDED = frozenset({StepStatus.COMPLETE, StepStatus.ERRORED, StepStatus.CANCELLED})
