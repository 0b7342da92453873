"""Where a report is, read from the journal through the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wf.instance import Instance


class Progress(NamedTuple):
    """One look at one instance."""

    id: str
    status: str = "queued"
    step: str = ""  # what runs, or is waited for
    done: int = 0  # steps with a result
    retries: int = 0  # attempts that failed with an error
    recoveries: int = 0  # attempts that were lost with their worker, and made good by another
    awaits_approval: bool = False
    error: str = ""


def look(instance: Instance) -> Progress:
    """Look at an instance."""
    now = instance.describe()
    current = [step for step in now.steps if step.end is None]
    names = [step.name.removesuffix("-1") for step in current]  # "-2" would be the second step of that name
    return Progress(
        id=instance.id,
        status=now.status,
        step=", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else ""),
        done=len(now.steps) - len(current),
        retries=now.retries,
        recoveries=now.recoveries,
        awaits_approval=any(step.type == "waitForEvent" for step in current),
        error=f"{now.error.name}: {now.error.message}" if now.error else "",
    )
