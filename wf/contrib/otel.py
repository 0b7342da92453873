"""wf with OpenTelemetry: ids for the traces of instances. See `wf.tracing` for what they tell.

::

    from celery.signals import worker_process_init                         # each process that runs steps
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from wf.contrib.otel import InstanceIds

    provider = TracerProvider(id_generator=InstanceIds())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
"""

from __future__ import annotations

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from wf.spans import IDS


class InstanceIds(RandomIdGenerator):
    """Gives the root of an instance's trace the ids that all workers know, and every other span random ones."""

    def generate_trace_id(self) -> int:
        """The id of the instance's trace, or a random one."""
        wanted = IDS.get()
        return super().generate_trace_id() if wanted is None else wanted[0]

    def generate_span_id(self) -> int:
        """The id of the instance's root, or a random one."""
        wanted = IDS.get()
        return super().generate_span_id() if wanted is None else wanted[1]
