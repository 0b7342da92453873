"""`wf doctor`: what is wrong with a deployment, and what to do about it.

::

    from wf.doctor import Subject, examine, lanes

    report = examine(Subject(settings, environ=os.environ), lanes())

A check is a function that gets a `Subject` and yields findings; it changes nothing, asks only for what indexes find,
and gives up soon. `wf.doctor.rounds` makes them, so that one that fails or hangs is a finding, and the others are made.
What others of us count already (`wf.overview`, `wf.attention`, `wf.versions`) is asked of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.doctor import broker, clocks, instances, servers, sessions, sweeps, variables, workers
from wf.doctor.findings import Finding, Level, Report
from wf.doctor.rounds import Check, examine
from wf.doctor.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Check", "Finding", "Level", "Report", "Subject", "examine", "lanes"]

_HERE = (
    Check("variables", variables.variables),
    Check("settings", variables.settings),
)
_POSTGRES = (
    Check("postgres", servers.reach, gate=True),
    Check("settings of postgres", servers.settings),
    Check("locks", sessions.locks),
    Check("transactions", sessions.transactions),
    Check("clock", clocks.clocks),
    Check("tables", sessions.tables, quick=False),
    Check("rights", servers.rights),
    Check("pooler", servers.pooler),
    Check("schema", servers.schema, gate=True),
    Check("workers", workers.present),
    Check("redis keys", broker.strangers),
    Check("instances", instances.noticed),
    Check("nudged", instances.nudged),
    Check("jobs", sweeps.jobs),
    Check("sweeps", sweeps.overdue),
    Check("replay", instances.halted, quick=False),
    Check("limits", instances.queued, quick=False),
    Check("events", instances.undelivered, quick=False),
    Check("versions", workers.versions, quick=False),
)
_REDIS = (
    Check("redis", broker.reach, gate=True),
    Check("redis writes", broker.writes),
    Check("redis memory", broker.memory),
    Check("redis keys", broker.queues),
)


def lanes(*more: Check) -> Sequence[Sequence[Check]]:
    """All checks, by what they ask, and `more`, which ask nobody; what may be the cause of others comes first."""
    return ((*_HERE, *more), _REDIS, _POSTGRES)
