"""Durable workflows on the Celery, Redis and Postgres that you already run.

A workflow is a class with `async def run(self, event, step)`. Each `step.do` is retried by itself and its result is
journaled, so that a run survives crashes, deploys, outages and months of sleep.

The engine on a page::

    client  --> Postgres: the instance's row, then a nudge into Redis
    nudge   --> a Celery task, wf.advance, on any worker:
                  load     the instance and what is new in its journal
                  replay   `run` from its first line, on a loop without I/O; what it waits for is what to do
                  claim    ONE step: an attempt is counted and leased, in one commit
                  run      the step's callback; no transaction is open
                  record   its result, and what `run` did next, in one commit; then nudge on
    beat    --> wf.alarm: every instance whose `due_at` has come gets a nudge

A run that fails, or is terminated with the wish for it, is rolled back: the handlers of its steps run like steps, last
one first (`wf.rollback`). What people may do to an instance in which status is one table (`wf.lifecycle`).

Postgres is the truth; a Celery message is a nudge. Every instance that is neither finished nor paused has a `due_at`:
the end of a sleep, the deadline of a wait, the time of a retry, the end of a running step's lease, or the moment to
repeat a nudge that seems lost. Every write is fenced by the instance's `generation` and `rev`, or by the attempt's
lease: whoever comes too late changes nothing.

Where each rule stands, once: what an action does in which status, `wf.lifecycle`; what the statuses mean, `wf.status`;
how steps are retried, `wf.core.retry`; which event goes to which wait, `wf.settling`; what a restart keeps,
`wf/sql/restarts.sql`; what the journal must look like, `wf.tables`. Where to read on: `wf.core` (replay, pure),
`wf.engine` (`advance`), `wf/sql/*.sql` (all statements).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wf.context import StepContext
from wf.core import Event, Step
from wf.errors import (
    InstanceAlreadyExists,
    InstanceFinished,
    InstanceNotFound,
    InstanceTerminated,
    InvalidBatch,
    InvalidEventType,
    InvalidInstanceId,
    InvalidPayload,
    InvalidSubscription,
    InvalidTransition,
    JobActive,
    JobNotFound,
    JournalUnavailable,
    NonDeterminismError,
    NonRetryableError,
    PayloadTooLarge,
    RateLimited,
    SerializationError,
    StepError,
    StepNotFound,
    WfError,
    WorkerLostError,
    WorkflowNotFound,
    WorkflowTimeoutError,
)
from wf.workflow import WorkflowEntrypoint

if TYPE_CHECKING:
    from wf.async_client import AsyncClient
    from wf.client import Client
    from wf.instance import Instance
    from wf.settings import Settings

__all__ = [
    "AsyncClient",
    "Client",
    "Event",
    "Instance",
    "InstanceAlreadyExists",
    "InstanceFinished",
    "InstanceNotFound",
    "InstanceTerminated",
    "InvalidBatch",
    "InvalidEventType",
    "InvalidInstanceId",
    "InvalidPayload",
    "InvalidSubscription",
    "InvalidTransition",
    "JobActive",
    "JobNotFound",
    "JournalUnavailable",
    "NonDeterminismError",
    "NonRetryableError",
    "PayloadTooLarge",
    "RateLimited",
    "SerializationError",
    "Settings",
    "Step",
    "StepContext",
    "StepError",
    "StepNotFound",
    "WfError",
    "WorkerLostError",
    "WorkflowEntrypoint",
    "WorkflowNotFound",
    "WorkflowTimeoutError",
]

_SLOW = {
    "AsyncClient": "wf.async_client", "Client": "wf.client", "Instance": "wf.instance", "Settings": "wf.settings",
}  # fmt: skip
"""Imported when first used: SQLAlchemy and pydantic take half a second, for which `wf --help` need not wait."""


def __getattr__(name: str) -> Any:
    if name not in _SLOW:
        raise AttributeError(f"module 'wf' has no attribute {name!r}")
    return getattr(import_module(_SLOW[name]), name)
