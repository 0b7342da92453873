"""Which tasks of ours Flower has seen, and which of them ran a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wf.task_ids import TaskId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Seen(NamedTuple):
    """A task of ours.

    Attributes:
        id: What its id tells.
        task: Celery's own record of it.
    """

    id: TaskId
    task: Any


def tasks_of(tasks: Mapping[str, Any], workflow: str, id: str) -> list[Seen]:
    """The tasks of an instance, newest first.

    Args:
        tasks: All that Flower remembers, by their ids.
        workflow: Name of the workflow.
        id: The instance's.
    """
    prefix = f"{workflow}:{id}:"
    known = getattr(tasks, "data", tasks)  # to look into Celery's LRU cache itself would make every entry a recent one
    found = [Seen(told, known[text]) for text in known if text.startswith(prefix) and (told := TaskId.parse(text))]
    return sorted(found, key=lambda seen: (seen.id.generation, seen.id.rev, seen.id.seq), reverse=True)


def ran(tasks: Iterable[Seen], generation: int, seq: int, rev: int | None) -> Seen | None:
    """The task that ran an attempt of a step; None if there is none that certainly did.

    A task may run a step that it was not sent for: the first one of an instance, the one after a sleep or a wait, and
    the next ones if WF_STEPS_PER_TASK says so. Then it is the newest one of those that were sent before it began.

    Args:
        tasks: Those of the instance, newest first.
        generation: Of the instance.
        seq: The step's.
        rev: With which the attempt began; without it, only tasks that were sent for this step are certain.
    """
    before = [seen for seen in tasks if seen.id.generation == generation and (rev is None or seen.id.rev < rev)]
    sent_for_it = [seen for seen in before if seen.id.seq == seq]
    others = before if rev is not None else []
    return next(iter(sent_for_it or others), None)
