"""What jobs may do to instances, and what may be said of how they do it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from wf.errors import InvalidBatch
from wf.ids import check_from_step
from wf.lifecycle import Action, Effect, effect
from wf.status import Status

if TYPE_CHECKING:
    from collections.abc import Mapping


class JobAction(StrEnum):
    """What a job does to each instance; the last one removes the workflow when no instance is left."""

    PAUSE = "pause"
    RESUME = "resume"
    TERMINATE = "terminate"
    RESTART = "restart"
    DELETE = "delete"
    DELETE_WORKFLOW = "delete_workflow"

    @classmethod
    def of(cls, word: str) -> JobAction:
        """The action of this name.

        Raises:
            InvalidBatch: There is none.
        """
        if word not in set(cls):
            raise InvalidBatch(f"There is no action {word!r:.120} for many instances; there are {', '.join(cls)}")
        return cls(word)

    @property
    def of_each(self) -> Action:
        """What is done to an instance."""
        return Action.DELETE if self is JobAction.DELETE_WORKFLOW else Action(self.value)

    @property
    def moves(self) -> frozenset[Status]:
        """The statuses in which it does something."""
        still = (Effect.NOTHING, Effect.REFUSED)
        return frozenset(status for status in Status if effect(self.of_each, status) not in still)


OPTIONS = {JobAction.TERMINATE: ("rollback",), JobAction.RESTART: ("from_step",)}
"""What may be said of how it is done."""


def read_options(kind: JobAction, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an action, as they are stored.

    Raises:
        InvalidBatch: It has no such option, or not with this value.
    """
    if misplaced := [name for name in given if name not in OPTIONS.get(kind, ())]:
        raise InvalidBatch(f"{kind} has no option {misplaced[0]!r:.120}")
    found: dict[str, Any] = {}
    if (rollback := given.get("rollback")) is not None:
        if not isinstance(rollback, bool):
            raise InvalidBatch(f"rollback must be true or false, not {rollback!r:.120}")
        found["rollback"] = rollback
    if (step := given.get("from_step")) is not None:
        try:
            key = check_from_step(step)
            key.name.encode()
        except ValueError as error:
            raise InvalidBatch(str(error).removesuffix(".")) from None
        if "\0" in key.name:
            raise InvalidBatch("from_step: no step has a name with a zero byte")
        found["from_step"] = {"name": key.name, "count": key.count, "type": str(key.kind)}
    return found
