"""The journal's schema, once: what the migrations must add up to and what dynamic reads are built from.

Times are the database's. Payloads are `bytea` in our codec, because `jsonb` refuses some legal text. `instance` is
narrow and hot: it is updated at every commit, so it keeps room on its pages, and what changes has two indexes only: the
one on `due_at`, and the one by which a few failed instances are found among millions.
"""

from wf.tables.base import SCHEMA, metadata
from wf.tables.journal import (
    attempt,
    audit,
    event,
    instance,
    line,
    payload,
    schedule,
    slot,
    step,
    tick,
    transition,
    workflow,
)
from wf.tables.operators import job, metric, session, token, version, worker

__all__ = [
    "SCHEMA",
    "attempt",
    "audit",
    "event",
    "instance",
    "job",
    "line",
    "metadata",
    "metric",
    "payload",
    "schedule",
    "session",
    "slot",
    "step",
    "tick",
    "token",
    "transition",
    "version",
    "worker",
    "workflow",
]
