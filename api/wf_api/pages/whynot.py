"""Why an action is not offered: what somebody is told who opens its page by hand, or too late."""

from __future__ import annotations

from wf.lifecycle import Action
from wf.status import TERMINAL, Status

_WORDS = {
    Action.PAUSE: {
        Status.QUEUED: "It is queued: no worker has taken it yet. Pause it when it runs or waits.",
        Status.WAITING_FOR_PAUSE: "A pause was asked for already. The steps that run finish first.",
        Status.PAUSED: "It is paused already.",
        Status.ROLLING_BACK: "It rolls back its steps, and a rollback cannot be paused.",
    },
    Action.RESUME: {},
    Action.TERMINATE: {},
}
_ENDED = {
    Action.PAUSE: "There is nothing left to pause.",
    Action.RESUME: "There is nothing left to resume. Restart it to run it again.",
    Action.TERMINATE: "There is nothing left to stop. Delete it to remove its data.",
    Action.SEND_EVENT: "No step of it waits any more. Restart it to run it again, and send the event then.",
}


def why_not(action: Action, status: str) -> str:
    """Why an action would do nothing, or be refused, in a status."""
    if status in TERMINAL:
        return f"It has ended: it is {status}. {_ENDED[action]}"
    return _WORDS[action].get(Status(status)) or f"It is {status}, and not paused."
