"""Ids of Celery tasks: they tell which instance a nudge is about, so that Flower and the dashboard find each other."""

from __future__ import annotations

import re
from typing import NamedTuple

_FORM = re.compile(
    r"(?P<workflow>[a-zA-Z0-9_-]{1,64}):(?P<id>[a-zA-Z0-9, */#_-]{1,271}):"
    r"(?P<generation>\d{1,18})\.(?P<seq>-?\d{1,18})\.(?P<rev>\d{1,18})",
    re.ASCII,
)


class TaskId(NamedTuple):
    """The id of the Celery task that a nudge becomes.

    Attributes:
        workflow: Name of the workflow.
        id: The instance's.
        generation: Of the instance, when the nudge was sent.
        seq: The step to run first; 0 if whoever sent it knew of none, -1 if the alarm did.
        rev: Of the instance, when the nudge was sent. The task's first attempt begins with a later one.
    """

    workflow: str
    id: str
    generation: int
    seq: int
    rev: int

    @classmethod
    def parse(cls, text: str) -> TaskId | None:
        """What an id tells; None if it is that of another task, such as one of your own."""
        if (found := _FORM.fullmatch(text)) is None:
            return None
        workflow, id, *numbers = found.groups()
        return cls(workflow, id, *map(int, numbers))

    def __str__(self) -> str:
        return f"{self.workflow}:{self.id}:{self.generation}.{self.seq}.{self.rev}"
