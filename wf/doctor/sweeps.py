"""Checks of what is swept from time to time: jobs, restarts, schedules, retention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.doctor.findings import well, wrong
from wf.durations import about
from wf.overview import CAP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.doctor.findings import Finding
    from wf.doctor.subject import Subject

PATIENCE = 60.0
"""Seconds that a sweep may be late, beyond the ticks that it may miss."""

MISSED = 3
"""Ticks that a sweep may miss."""

_WORDS = {
    "retention": "{number} expired instance(s) have not been removed, the first for {since}",
    "restarts": "{number} errored instance(s) should have been restarted, the first one {since} ago",
    "schedules": "{number} schedule(s) have not fired, the first one should have {since} ago",
}
_REMEDY = {
    "retention": "See the workers' logs for wf.retention, whether beat runs and workers take the alarm's queue.",
    "restarts": "See the workers' logs for wf.restart_errored, whether beat runs and workers take the alarm's queue.",
    "schedules": "The alarm fires them: see its finding, and the workers' logs.",
}


def overdue(subject: Subject) -> Iterator[Finding]:
    """Whether reaper and alarm do what is due."""
    settings = subject.settings
    ticks = {"retention": settings.retention_tick, "restarts": settings.reaper_tick, "schedules": settings.alarm_tick}
    after = {name: tick * MISSED + PATIENCE for name, tick in ticks.items()}
    rows = subject.journal("doctor_overdue", cap=CAP, **after)
    ((at, _),) = subject.journal("overview_tick")
    for name, number, first in rows:
        if number:
            seconds = (at - first).total_seconds()
            told = f"{number:,} or more" if number >= CAP else f"{number:,}"
            what = _WORDS[name].format(number=told, since=about(seconds))
            yield wrong(name, f"{what}.", _REMEDY[name], number=number, seconds=seconds)
        else:
            yield well(name, {
                "retention": "What has expired is removed.", "restarts": "No restart is overdue.",
                "schedules": "Schedules fire.",
            }[name])  # fmt: skip


def jobs(subject: Subject) -> Iterator[Finding]:
    """Whether somebody works on the jobs."""
    after = subject.settings.reaper_tick * MISSED + PATIENCE
    rows = subject.journal("doctor_jobs", cap=CAP, after=after)
    for id, workflow, action, status, since in rows:
        yield wrong(
            "jobs", f"Job {id} ({action} in workflow {workflow!r}, {status}) has not moved since "
            f"{since:%Y-%m-%d %H:%M:%S} UTC.",
            f"See whether beat runs and workers take the alarm's queue; call it off if need be: wf jobs cancel {id}",
            job=id, workflow=workflow, action=action, status=status,
        )  # fmt: skip
    if not rows:
        yield well("jobs", "No job stands still.")
