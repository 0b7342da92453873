"""A workflow in workers that tell OpenTelemetry what they do, each into a file of its own."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from celery.signals import worker_process_shutdown
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from wf import WorkflowEntrypoint
from wf.contrib.otel import InstanceIds

if TYPE_CHECKING:
    from wf import Event, Step, StepContext

out = (Path(os.environ["SPANS"]) / f"{os.getpid()}.jsonl").open("a")
exporter = ConsoleSpanExporter(out=out, formatter=lambda span: span.to_json(indent=None) + "\n")
provider = TracerProvider(id_generator=InstanceIds())
provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=float(os.environ["SPANS_EVERY"])))
trace.set_tracer_provider(provider)


@worker_process_shutdown.connect
def flush(**_: object) -> None:
    """What is left goes out when a process of the pool stops."""
    provider.shutdown()


class Traced(WorkflowEntrypoint, name="traced"):
    """A step that is quick, and one whose first attempt waits for the end of its process."""

    async def run(self, event: Event, step: Step) -> None:
        folder = Path(event.payload["folder"])

        def stuck(ctx: StepContext) -> None:
            if ctx.attempt == 1:
                (folder / "stuck").touch()
                time.sleep(60)

        await step.do("first", lambda: None)
        await step.sleep("nap", 0.1)
        await step.do("second", stuck)
