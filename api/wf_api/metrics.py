"""What Prometheus reads: requests of this process, and the engine as the journal and the broker tell it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """The metrics of one app.

    Args:
        watchers: Tells how many feeds are followed.
    """

    def __init__(self, watchers: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        names = ["method", "route", "status"]
        self.requests = Counter("wf_api_requests", "Requests answered.", names, registry=self.registry)
        self.seconds = Histogram(
            "wf_api_request_seconds", "Time to the first byte of an answer.", names[:2], registry=self.registry,
            buckets=SECONDS,
        )  # fmt: skip
        feeds = Gauge("wf_api_feeds", "Feeds that are followed now.", registry=self.registry)
        feeds.set_function(watchers)


class Measured:
    """Counts every request, by its route and not by its path: paths hold ids, of which there is no end."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and look when its answer begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def measured(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._count(scope, status, time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, measured)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route: Any = scope.get("route")
        path = getattr(route, "path_format", None) or "none"
        self._metrics.requests.labels(scope["method"], path, status).inc()
        self._metrics.seconds.labels(scope["method"], path).observe(seconds)
