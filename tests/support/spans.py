"""Spans as OpenTelemetry's own SDK exports them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from wf.contrib.otel import InstanceIds

if TYPE_CHECKING:
    import pytest
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler


class Told:
    """What a process tells while a test runs.

    Args:
        patch: Takes the tracer provider away again: a process may set up one only once.
        ids: For the tracer provider.
        sampler: The same.
    """

    def __init__(
        self, patch: pytest.MonkeyPatch, ids: IdGenerator | None = None, sampler: Sampler | None = None
    ) -> None:  # fmt: skip
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(id_generator=ids or InstanceIds(), sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        patch.setattr(trace, "_TRACER_PROVIDER", provider)

    @property
    def spans(self) -> list[ReadableSpan]:
        """All that have ended, in the order of their ends."""
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        """Those of this name."""
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        """The only one of this name."""
        (span,) = self.named(name)
        return span


def seconds(span: ReadableSpan) -> tuple[float, float]:
    """When it began and ended, since the epoch."""
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time / 1e9, span.end_time / 1e9


def about(span: ReadableSpan) -> dict[str, Any]:
    """Its attributes, without our prefix."""
    return {name.removeprefix("wf."): value for name, value in (span.attributes or {}).items()}


def parent(span: ReadableSpan) -> int | None:
    """The id of its parent."""
    return None if span.parent is None else span.parent.span_id


def ids(span: ReadableSpan) -> tuple[int, int]:
    """Its trace's id and its own."""
    context = span.get_span_context()
    assert context is not None
    return context.trace_id, context.span_id
