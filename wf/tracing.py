"""Traces for OpenTelemetry: one trace an instance, over all workers that have a part in it.

::

    the trace    its id is a hash of what the instance is: workflow, id, key, time of creation, and generation
    the root     the instance, from its creation to its end; its id is a hash, too, so every worker knows the parent
    an attempt   of a step, from its start to its end; the span is current in the author's callback
    a lost one   from its last sign of life to when a worker noticed
    a wait       a sleep, a timer or a wait for an event, from when `run` asked for it to when it was over

A restart makes another generation, and so another trace, whose root has a link to the one before. Whoever creates an
instance within a span of its own gets a link to the trace there; for one the other way the journal has no place.
The sampler of each worker decides by the trace id, as `ParentBased(TraceIdRatioBased(...))` does, and so all decide
alike. Times are those of the journal's clock, so that the spans of several workers fit together.

Whoever sets up a tracer provider has imported OpenTelemetry; until somebody has, nothing is imported here, and a step
pays for a look-up. What fails in there is logged, and harms no step.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.attempt import Attempt
    from wf.core import Completed, Failed
    from wf.facts import Commit, InstanceRow, StepRow
    from wf.journal import Journal
    from wf.spans import Spans

T = TypeVar("T")

_API = "opentelemetry.trace"

log = structlog.get_logger("wf")


class Tracing:
    """Tells OpenTelemetry what one process does.

    Args:
        journal: Whose clock counts.
        lease: Seconds for which a sign of life counts.
        enabled: Whether to tell, if a tracer provider is set up.
    """

    def __init__(self, journal: Journal, lease: float, *, enabled: bool) -> None:
        self._journal, self._lease, self._enabled = journal, lease, enabled
        self._spans: Spans | None = None

    def begin(self, attempt: Attempt) -> None:
        """An attempt begins."""
        if (spans := self._on()) is not None:
            attempt.span = _carefully(lambda: spans.attempt(attempt.instance, attempt.row))

    def end(self, attempt: Attempt, row: StepRow | None, error: BaseException | None = None) -> None:
        """An attempt is over.

        Args:
            attempt: The attempt.
            row: The row of its step, as it shall be written; None if its result belongs to nobody any more.
            error: What it failed with.
        """
        if (span := attempt.span) is not None:
            _carefully(lambda: span.end(row, error))

    def lost(self, instance: InstanceRow, row: StepRow) -> None:
        """An attempt has lost its worker, which can tell of it no more; its row is still claimed."""
        if (spans := self._on()) is not None:
            _carefully(lambda: spans.lost(instance, row, self._lease))

    def commit(self, instance: InstanceRow, commit: Commit, outcome: Completed | Failed | None) -> None:
        """The journal has taken a commit: waits may be over, and the instance, too.

        Args:
            instance: As it was before.
            commit: What was taken.
            outcome: What `run` came to, if it has ended.
        """
        if (spans := self._on()) is not None:
            _carefully(lambda: spans.commit(instance, commit, outcome))

    def terminated(self, key: int) -> None:
        """Somebody has ended an instance from outside, so that no worker will."""
        if (spans := self._on()) is not None:
            _carefully(lambda: spans.terminated(self._journal, key))

    def created(self, workflow: str, id: str, key: int, created_at: float) -> None:
        """Link the span within which an instance is created, if there is one, to the trace that begins."""
        if (spans := self._on()) is not None:
            _carefully(lambda: spans.created(workflow, id, key, created_at))

    def _on(self) -> Spans | None:
        if self._spans is None and self._enabled and _API in sys.modules:
            self._spans = _carefully(self._begun)
            self._enabled = self._spans is not None  # what cannot be imported now cannot be imported at the next step
        return self._spans

    def _begun(self) -> Spans:
        from wf.spans import Spans  # noqa: PLC0415  (it imports OpenTelemetry)

        return Spans(self._journal.clock)


def _carefully(call: Callable[[], T]) -> T | None:
    try:
        return call()
    except Exception as error:  # a sampler or a processor of the user's own; no span is worth a step
        log.warning("span not told to OpenTelemetry", reason=f"{type(error).__name__}: {error}")
        return None
