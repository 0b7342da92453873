"""What `wf.tracing` tells OpenTelemetry. This imports its API, so it is imported only where somebody else has.

Every worker begins the root of an instance that it works on, for its ids and the decision of the sampler, and only who
ends the instance ends the root: spans that are not ended are not exported. The API lets nobody choose the ids of a
span, so that takes `wf.contrib.otel.InstanceIds` in the tracer provider. With other ids there the spans stand below a
root that nobody exports, and what tells of the instance stands beside them.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    StatusCode,
    TraceFlags,
    get_current_span,
    get_tracer,
    get_tracer_provider,
    set_span_in_context,
    use_span,
)

from wf.core import Failed, Kind
from wf.errors import WorkerLostError
from wf.faults import decode_error
from wf.status import Status, StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.trace import Span, TracerProvider

    from wf.clock import Clock
    from wf.core import Completed
    from wf.facts import Commit, InstanceRow, StepRow
    from wf.journal import Journal

ROOTS = 1_000
"""Roots that a process remembers."""

IDS: ContextVar[tuple[int, int] | None] = ContextVar("wf_span_ids", default=None)
"""Ids of trace and span for a span that is begun now; `wf.contrib.otel` hands them out."""

_NO_STEP = 2**31 - 1  # a number that no step has
_WAITS = frozenset({Kind.SLEEP, Kind.TIMER, Kind.WAIT})

log = structlog.get_logger("wf")


class Trace(NamedTuple):
    """What makes a trace: one generation of one instance. A deleted instance's id and key may come again."""

    workflow: str
    id: str
    key: int
    created_at: float
    generation: int

    @property
    def ids(self) -> tuple[int, int]:
        """The id of the trace, and that of its root: the same on every worker, and as good as random."""
        parts = (self.workflow, self.id, self.key, round(self.created_at * 1_000_000), self.generation)
        digest = sha256(repr(parts).encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:24]) or 1  # 0 is no id

    @property
    def root(self) -> SpanContext:
        """The root, for whoever has not begun it."""
        return SpanContext(*self.ids, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


class AttemptSpan:
    """The span of an attempt. It ends once: with the callback, or before, if that has taken too long.

    Args:
        span: What OpenTelemetry has begun.
        clock: Says when it ends.
    """

    __slots__ = ("_clock", "_ended", "_span")

    def __init__(self, span: Span, clock: Clock) -> None:
        self._span, self._clock = span, clock
        self._ended = threading.Lock()

    @contextmanager
    def current(self) -> Iterator[None]:
        """While this is entered, spans of others are children of this one."""
        with use_span(self._span, record_exception=False, set_status_on_exception=False):
            yield

    def end(self, row: StepRow | None, error: BaseException | None) -> None:
        """The attempt is over.

        Args:
            row: The row of its step, as it shall be written; None if its result belongs to nobody any more.
            error: What it failed with.
        """
        if not self._ended.acquire(blocking=False):
            return
        if error is None and row is not None and row.failure is not None:
            error = decode_error(row.failure)  # what it gave could not be stored
        _end(self._span, "stopped" if row is None else row.status, self._clock.now(), error)


class Spans:
    """The spans of one worker process.

    Args:
        clock: The journal's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tracer = get_tracer("wf", _release())  # it follows the provider, whenever that is set up
        self._parents: dict[Trace, Context] = {}
        self._live = self._warned = False
        self._idle: TracerProvider | None = None

    def created(self, workflow: str, id: str, key: int, created_at: float) -> None:
        """Link the span that is current here, if there is one, to the trace that begins."""
        span = get_current_span()
        if span.is_recording():
            root = Trace(workflow, id, key, created_at, 1).root
            span.add_link(root, {"wf.workflow": workflow, "wf.instance": id})

    def attempt(self, instance: InstanceRow, row: StepRow) -> AttemptSpan | None:
        """Begin the span of an attempt, with a link to what is current here, such as the span of the Celery task.

        Returns:
            None if no tracer provider is set up.
        """
        if (parent := self._parent(instance)) is None:
            return None
        around = get_current_span().get_span_context()
        links = [Link(around)] if around.is_valid else []
        return AttemptSpan(self._begin(parent, instance, row, self._clock.now(), links), self._clock)

    def lost(self, instance: InstanceRow, row: StepRow, lease: float) -> None:
        """Tell of an attempt that has lost its worker, from its last sign of life on."""
        if (parent := self._parent(instance)) is not None:
            now = self._clock.now()
            span = self._begin(parent, instance, row, min((row.wake_at or now) - lease, now))
            _end(span, "lost", now, WorkerLostError(row.key.name, row.lost + 1))

    def commit(self, instance: InstanceRow, commit: Commit, outcome: Completed | Failed | None) -> None:
        """Tell of the waits that a commit has ended, and of the instance, if that is its end."""
        for row in commit.rows:
            if row.key.kind in _WAITS and row.status in (StepStatus.COMPLETE, StepStatus.ERRORED):
                self._wait(instance, row)
        if commit.end is not None and not commit.end.rolls_back:
            failed = isinstance(outcome, Failed) and commit.status == Status.ERRORED
            self.end(instance, commit.status, commit.at, outcome.error if failed else None)  # type: ignore[union-attr]

    def end(self, instance: InstanceRow, status: str, at: float, error: BaseException | None = None) -> None:
        """End the root, with a link to that of the generation before."""
        if (parent := self._parent(instance)) is None:
            return
        trace = _trace(instance)
        links = [Link(trace._replace(generation=trace.generation - 1).root)] if trace.generation > 1 else []
        root = self._root(instance, links)
        if root.get_span_context().trace_id != trace.ids[0]:
            root = self._root(instance, links, parent)
        _end(root, status, at, error)
        self._parents.pop(trace, None)

    def terminated(self, journal: Journal, key: int) -> None:
        """End the root of an instance that was ended from outside; the journal knows the rest of it."""
        if self._is_live() and (found := journal.load(key, seen=sys.maxsize, from_seq=_NO_STEP)) is not None:
            self.end(found.instance, found.instance.status, self._clock.now())

    def _wait(self, instance: InstanceRow, row: StepRow) -> None:
        if (parent := self._parent(instance)) is None:
            return
        ended, config = row.ended_at or self._clock.now(), row.config or {}
        length = config.get("duration", config.get("timeout", 0.0))
        span = self._begin(parent, instance, row, min((row.wake_at or ended) - length, ended))  # less the time in pause
        if "type" in config:
            span.set_attribute("wf.event", config["type"])
        _end(span, row.status, ended, None if row.error is None else decode_error(row.error))

    def _begin(
        self, parent: Context, instance: InstanceRow, row: StepRow, at: float, links: Sequence[Link] = ()
    ) -> Span:  # fmt: skip
        name = f"rollback of {row.key.name}" if row.key.kind is Kind.ROLLBACK else row.key.name
        about = _about(instance) | {"wf.step": str(row.key), "wf.type": str(row.key.kind)}
        if row.attempt:
            about["wf.attempt"] = row.attempt
        return self._tracer.start_span(name, parent, attributes=about, links=links, start_time=_ns(at))

    def _parent(self, instance: InstanceRow) -> Context | None:
        """What the spans of an instance are begun in; None if no tracer provider is set up."""
        if not self._is_live():
            return None
        trace = _trace(instance)
        if (parent := self._parents.get(trace)) is not None:
            return parent
        root = self._root(instance).get_span_context()
        if (root.trace_id, root.span_id) != trace.ids:
            root = trace.root
            if not self._warned:
                self._warned = True
                log.warning("traces of instances have no roots: the tracer provider needs wf.contrib.otel.InstanceIds")
        if len(self._parents) >= ROOTS:
            self._parents.clear()
        parent = self._parents[trace] = set_span_in_context(NonRecordingSpan(root), Context())
        return parent

    def _is_live(self) -> bool:
        """Whether a tracer provider is set up by now; until then the one of the API gives spans that do nothing."""
        if not self._live and (provider := get_tracer_provider()) is not self._idle:
            self._live = self._tracer.start_span("probe", Context()).get_span_context().is_valid
            self._idle = None if self._live else provider
        return self._live

    def _root(self, instance: InstanceRow, links: Sequence[Link] = (), parent: Context | None = None) -> Span:
        """Begin the root, with the ids that it should have, if the provider lets us."""
        # A later generation did not wait for its first worker: it goes on from an end.
        at = instance.created_at if instance.generation == 1 else instance.started_at or instance.created_at
        token = IDS.set(_trace(instance).ids)
        try:
            return self._tracer.start_span(
                instance.workflow, parent or Context(), attributes=_about(instance), links=links, start_time=_ns(at)
            )
        finally:
            IDS.reset(token)


def _trace(instance: InstanceRow) -> Trace:
    return Trace(instance.workflow, instance.id, instance.key, instance.created_at, instance.generation)


def _about(instance: InstanceRow) -> dict[str, Any]:
    return {
        "wf.workflow": instance.workflow, "wf.instance": instance.id, "wf.version": instance.version,
        "wf.generation": instance.generation,
    }  # fmt: skip


def _end(span: Span, status: str, at: float, error: BaseException | None) -> None:
    span.set_attribute("wf.status", str(status))
    if error is not None:
        span.record_exception(error, timestamp=_ns(at))
        span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}")
    span.end(_ns(at))


def _ns(at: float) -> int:
    return round(at * 1_000_000) * 1_000


def _release() -> str:
    try:
        return version("celery-wf")
    except PackageNotFoundError:  # run from its sources
        return ""
