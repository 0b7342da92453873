"""Where a report is, read from the journal through the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wf import Instance


class Progress(NamedTuple):
    """One look at one instance."""

    id: str
    status: str = "queued"
    step: str = ""  # what runs or is waited for
    done: int = 0  # steps with a result
    retries: int = 0  # attempts that failed with an error
    recoveries: int = 0  # attempts that were lost with their worker, and made good by another
    awaits_approval: bool = False
    error: str = ""


def look(instance: Instance) -> Progress:
    """Read where the instance is."""
    report = instance.describe()
    current, done, retries, recoveries, awaits_approval = [], 0, 0, 0, False
    for step in report.steps:
        if step.end is None:
            current.append(step.name)
            awaits_approval |= step.type == "waitForEvent"
        else:
            done += 1
        for attempt in step.attempts or []:
            if attempt.error is not None:
                lost = attempt.error["name"] == "WorkerLostError"
                recoveries, retries = recoveries + lost, retries + (not lost)
    shown = ", ".join(current[:2]) + (f" and {len(current) - 2} more" if len(current) > 2 else "")
    error = f"{report.error['name']}: {report.error['message']}" if report.error else ""
    return Progress(instance.id, report.status, shown, done, retries, recoveries, awaits_approval, error)
