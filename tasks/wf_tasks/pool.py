"""The default worker pool: Celery's threads, taking a message only when a thread is free for it.

With prefetching, a nudge may wait behind a step that takes an hour while another worker idles. Celery's
`worker_disable_prefetch` cures that, but with early acknowledgement nothing tells the worker's main loop that a thread
has become free: it would sleep until the next timer. This pool tells it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery.concurrency.base import apply_target
from celery.concurrency.thread import ApplyResult, TaskPool
from kombu.asynchronous import get_event_loop

if TYPE_CHECKING:
    from collections.abc import Callable


class ThreadPool(TaskPool):
    """Named in the Celery setting `worker_pool`."""

    def on_start(self) -> None:
        """Turn prefetching off; the consumer reads the setting after the pool has started."""
        self.app.conf.worker_disable_prefetch = True

    def on_apply(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **_: Any,
    ) -> ApplyResult:
        """Run a task on a thread, and wake the main loop when the thread is free again."""
        future = self.executor.submit(apply_target, target, args, kwargs, callback, accept_callback)
        future.add_done_callback(_wake_main_loop)
        return ApplyResult(future)


def _wake_main_loop(_: object) -> None:
    hub = get_event_loop()
    if hub is not None:
        hub.call_soon(_nothing)


def _nothing() -> None:
    """Being called is all."""
