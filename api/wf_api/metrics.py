"""What Prometheus reads: requests of this process, and the engine as `wf.overview` sees it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from wf.errors import WfError
from wf_api.inside import is_inside
from wf_api.measured import families, gauge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import Metric
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from wf.measures import Measures
    from wf.overview import Overview

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """The metrics of one app.

    Args:
        overview: Looks at the engine when somebody asks.
        measures: The same.
        watchers: Tells how many feeds are followed.
    """

    def __init__(self, overview: Overview, measures: Measures, watchers: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(Engine(overview, measures))
        names = ["method", "route", "status"]
        self.requests = Counter("wf_api_requests", "Requests answered.", names, registry=self.registry)
        self.seconds = Histogram(
            "wf_api_request_seconds", "Time to the first byte of an answer.", names[:2], registry=self.registry,
            buckets=SECONDS,
        )  # fmt: skip
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        feeds = Gauge("wf_api_feeds", "Feeds that are followed now.", registry=self.registry)
        feeds.set_function(watchers)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request whose answer begins after so many seconds."""
        if (known := self._known.get((method, route, status))) is None:  # looking up labels costs more than counting
            known = (self.requests.labels(method, route, status), self.seconds.labels(method, route))
            self._known[method, route, status] = known
        known[0].inc()
        known[1].observe(seconds)


class Engine(Collector):
    """The engine, looked at when it is asked for; `wf_up` is 0 while Postgres is away.

    Args:
        overview: Looks; counts end at its `cap`, so that a look costs the same however many instances there are.
        measures: Looks at what was counted.
    """

    def __init__(self, overview: Overview, measures: Measures) -> None:
        self._overview, self._measures = overview, measures

    def describe(self) -> Iterator[Metric]:
        """Nothing: to tell it in advance would be to look."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """One look."""
        try:
            seen, measured = self._overview.look(), self._measures.look()
        except WfError:
            yield GaugeMetricFamily("wf_up", "Whether Postgres answers.", 0)
            return
        yield GaugeMetricFamily("wf_up", "Whether Postgres answers.", 1)
        yield from families(measured)
        within = [((span,), number) for span, number in seen.wake_ups.counts.items()]
        yield gauge("wf_due", "Instances by when they are due, counted up to 1000.", ["within"], within)
        lengths = (((queue.name,), queue.length) for queue in seen.queues if queue.length is not None)
        yield gauge("wf_queue_length", "Messages in a queue; absent while Redis is away.", ["queue"], lengths)
        alive = sum(worker.alive for worker in seen.workers)
        yield gauge(
            "wf_workers", "Worker processes of the last day.", ["state"],
            [(("alive",), alive), (("gone",), len(seen.workers) - alive)],
        )  # fmt: skip
        yield GaugeMetricFamily("wf_running_steps", "Steps that run now.", seen.running.total)
        ticked = seen.alarm.ticked_at
        yield GaugeMetricFamily(
            "wf_alarm_age_seconds", "Since the alarm last ran.",
            float("inf") if ticked is None else max((seen.at - ticked).total_seconds(), 0.0),
        )  # fmt: skip


class Measured:
    """Counts every request from outside, by its route and not by its path: paths hold ids, of which there is no end."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and look when its answer begins."""
        if scope["type"] != "http" or is_inside(scope):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, measured)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route: Any = scope.get("route")
        path: str = getattr(route, "path_format", "none")
        self._metrics.count(scope["method"], path, status, seconds)
