"""The life of an instance: what each action does in each status. The one table; nobody else decides it.

=================  ==================  ========  =============  ==========  ===========  ======
status             pause               resume    terminate      restart     send event   delete
=================  ==================  ========  =============  ==========  ===========  ======
queued             -                   -         terminated     queued      stored       gone
running            waitingForPause     -         terminated     queued      stored       gone
waiting            waitingForPause     -         terminated     queued      stored       gone
waitingForPause    -                   running   terminated     queued      stored       gone
paused             -                   queued    terminated     queued      stored       gone
rollingBack        -                   -         terminated     queued      stored       gone
complete           -                   -         refused        queued      refused      gone
errored            -                   -         refused        queued      refused      gone
terminated         -                   -         refused        queued      refused      gone
=================  ==================  ========  =============  ==========  ===========  ======

A pause waits for running attempts, and for nothing else: without any, waitingForPause becomes paused at once.
A fork reads an instance, in every status, and does nothing to it.
Terminate may be asked to roll back first; then an instance that has begun goes through rollingBack.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args

from wf.status import TERMINAL, Status

Stoppable = Literal["queued", "running", "paused", "waitingForPause", "waiting"]
STOPPABLE = get_args(Stoppable)
"""The statuses that are meant when all instances of a workflow are terminated: those that roll back are left to it."""


class Action(StrEnum):
    """What a person or a program may do to an instance."""

    PAUSE = "pause"
    RESUME = "resume"
    TERMINATE = "terminate"
    RESTART = "restart"
    SEND_EVENT = "send_event"
    DELETE = "delete"


class Effect(StrEnum):
    """What an action does that leads to no other status."""

    NOTHING = "nothing"
    """It is accepted and changes nothing."""
    REFUSED = "refused"
    """It is an error."""
    STORED = "stored"
    """The event is kept for a wait of its type; a sleeping instance wakes, a paused one does not."""
    GONE = "gone"
    """The instance, its journal and its id are free again."""


def _row(otherwise: Status | Effect, **moves: Status | Effect) -> dict[Status, Status | Effect]:
    return {status: moves.get(status.name.lower(), otherwise) for status in Status}


TABLE: dict[Action, dict[Status, Status | Effect]] = {
    Action.PAUSE: _row(Effect.NOTHING, running=Status.WAITING_FOR_PAUSE, waiting=Status.WAITING_FOR_PAUSE),
    Action.RESUME: _row(Effect.NOTHING, waiting_for_pause=Status.RUNNING, paused=Status.QUEUED),
    Action.TERMINATE: _row(Status.TERMINATED, **{status.name.lower(): Effect.REFUSED for status in TERMINAL}),
    Action.RESTART: _row(Status.QUEUED),
    Action.SEND_EVENT: _row(Effect.STORED, **{status.name.lower(): Effect.REFUSED for status in TERMINAL}),
    Action.DELETE: _row(Effect.GONE),
}
"""What comes of an action, by the status that it finds."""


def effect(action: Action, status: str) -> Status | Effect:
    """What an action comes to: the next status, or what else it does.

    Args:
        action: What is asked.
        status: The status that it finds.
    """
    return TABLE[action][Status(status)]


ACCEPTING = [str(status) for status, found in TABLE[Action.SEND_EVENT].items() if found is Effect.STORED]
"""Statuses in which an instance takes events."""


def offered(status: str) -> list[Action]:
    """The actions that do something in a status; the others are refused there, or change nothing.

    Args:
        status: The status that they would find.
    """
    return [action for action in Action if effect(action, status) not in (Effect.NOTHING, Effect.REFUSED)]
