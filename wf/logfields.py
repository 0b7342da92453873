"""What a log line is about: workflow, instance, generation, and step and attempt where they are known.

Our own lines have these fields because whoever writes them passes them on, or because a caller has entered
`speaking_of`: then everything that is logged in there has them, on this thread, in coroutines that it starts, and in
`asyncio.to_thread`. structlog merges them, unless it was configured without `merge_contextvars`. Records of Python's
`logging` carry them as attributes with `wf_` before the name, for formatters that show what a record carries.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from structlog.contextvars import bind_contextvars, reset_contextvars

from wf.core import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.facts import InstanceRow, StepRow

_FIELDS: ContextVar[dict[str, Any] | None] = ContextVar("wf_log_fields", default=None)


def about(instance: InstanceRow, row: StepRow | None = None) -> dict[str, Any]:
    """The fields of a line about an instance, or about the attempt that runs, or ran last, of one of its steps."""
    fields = {"workflow": instance.workflow, "instance": instance.id, "generation": instance.generation}
    return fields if row is None else fields | about_attempt(row)


def about_attempt(row: StepRow) -> dict[str, Any]:
    """The fields that tell of a step. A handler has its step's name, so that has to be said."""
    step = f"rollback of {row.key}" if row.key.kind is Kind.ROLLBACK else str(row.key)
    return {"step": step, "attempt": row.attempt}


@contextmanager
def speaking_of(**fields: Any) -> Iterator[None]:
    """While this is entered, what is logged has these fields, too."""
    tokens = bind_contextvars(**fields)
    token = _FIELDS.set((_FIELDS.get() or {}) | {f"wf_{name}": value for name, value in fields.items()})
    try:
        yield
    finally:
        _FIELDS.reset(token)
        reset_contextvars(**tokens)


@cache
def install() -> None:
    """See to it, once, that records of `logging` carry the fields; whoever makes the records goes on to make them."""
    make = logging.getLogRecordFactory()

    def record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        made = make(*args, **kwargs)
        if (fields := _FIELDS.get()) is not None:
            made.__dict__.update(fields)
        return made

    logging.setLogRecordFactory(record)
