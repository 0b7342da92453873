"""Running attempts of this process: callbacks, their time limits, and the heartbeat of their leases.

Async callbacks share one event loop on a thread of its own, so that clients and pools can be shared; sync callbacks
run on the thread of their Celery task. One more thread, the minder, extends leases and keeps the time.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from concurrent.futures import CancelledError as FutureCancelled
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from wf import crashpoints
from wf.context import StepContext, call
from wf.errors import StepError, WfError, WorkflowTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from wf.core import Request, StepConfig
    from wf.facts import InstanceRow, StepRow
    from wf.journal import Journal

GRACE = 5.0
"""Seconds after its timeout at which an async attempt is given up that does not let itself be cancelled."""

log = structlog.get_logger("wf")


class AttemptGone(BaseException):
    """The attempt is not ours any more: its lease is lost, or its time ran out and was recorded. Drop its result."""


@dataclass(eq=False, slots=True)
class Attempt:
    """One execution of a callback.

    Attributes:
        instance: The instance as it was at the claim.
        row: The claimed step row.
        config: The step's configuration, the first-used one.
        deadline: When it must be over, on this process's monotonic clock.
        held_until: When its lease ends unless a heartbeat succeeds, on the same clock.
        cancelled: Set when the callback should stop.
        future: The coroutine on the shared loop, if the callback is async.
    """

    instance: InstanceRow
    row: StepRow
    config: StepConfig
    deadline: float
    held_until: float
    cancelled: threading.Event = field(default_factory=threading.Event)
    future: Future[Any] | None = None
    _settled: threading.Lock = field(default_factory=threading.Lock)

    @property
    def limit(self) -> float:
        """When the minder ends it: a coroutine should have been cancelled by then, unless it holds up the loop."""
        return self.deadline + (GRACE if self.future is not None else 0.0)

    def settle(self) -> bool:
        """Decide, once, who says how the attempt ended."""
        return self._settled.acquire(blocking=False)

    def stop(self) -> None:
        """Tell the callback to stop; a coroutine is cancelled."""
        self.cancelled.set()
        if self.future is not None:
            self.future.cancel()


class Attempts:
    """The attempts that run in this process.

    Args:
        journal: Where leases are extended.
        lease: Seconds a lease lasts without a heartbeat.
        on_overdue: Called, on the minder's thread, with a sync attempt whose time is over.
    """

    def __init__(self, journal: Journal, lease: float, on_overdue: Callable[[Attempt], None]) -> None:
        self._journal, self._lease, self._on_overdue = journal, lease, on_overdue
        self._running: dict[int, Attempt] = {}
        self._changed = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._minder: threading.Thread | None = None
        self._earliest = float("inf")
        self._closed = False

    def run(self, attempt: Attempt, request: Request) -> Any:
        """Run the callback and give its result.

        Raises:
            AttemptGone: The result, whatever it would be, belongs to nobody.
            Exception: Whatever the callback raised; WorkflowTimeoutError if it took too long.
        """
        self._begin(attempt)
        try:
            crashpoints.reached(crashpoints.IN_USER_CODE)
            result = self._result(attempt, request)
        except FutureCancelled:
            if attempt.cancelled.is_set() or not attempt.settle():
                raise AttemptGone from None
            raise StepError("CancelledError", "the callback was cancelled by its own code") from None
        except BaseException:  # whatever it is: if the minder has spoken for this attempt, it counts no more
            if not attempt.settle():
                raise AttemptGone from None
            raise
        finally:
            self._end(attempt)
        if not attempt.settle():
            raise AttemptGone
        return result

    def _result(self, attempt: Attempt, request: Request) -> Any:
        def context() -> StepContext:
            return StepContext(attempt.instance, attempt.row, attempt.config.as_dict(), attempt.cancelled)

        if inspect.iscoroutinefunction(request.callback):
            return self._on_loop(attempt, lambda: call(request, context))
        with _no_exit():
            result = call(request, context)
        return self._on_loop(attempt, lambda: result) if inspect.isawaitable(result) else result

    def _on_loop(self, attempt: Attempt, make: Callable[[], Any]) -> Any:
        async def body() -> Any:
            try:
                async with asyncio.timeout(seconds) as limit:
                    with _no_exit():
                        return await make()
            except TimeoutError:
                if limit.expired():
                    raise WorkflowTimeoutError(attempt.config.timeout) from None
                raise

        seconds = attempt.deadline - time.monotonic()
        future = asyncio.run_coroutine_threadsafe(body(), self._event_loop())
        attempt.future = future
        if attempt.cancelled.is_set():
            future.cancel()
        return future.result()

    def _begin(self, attempt: Attempt) -> None:
        with self._changed:
            self._running[id(attempt)] = attempt
            if self._minder is None:
                self._minder = threading.Thread(target=self._mind, name="wf-minder", daemon=True)
                self._minder.start()
            elif attempt.deadline < self._earliest:
                self._changed.notify()

    def _end(self, attempt: Attempt) -> None:
        with self._changed:
            self._running.pop(id(attempt), None)

    # The minder: heartbeat and time limits.

    def _mind(self) -> None:
        period = self._lease / 3
        beat_at = time.monotonic() + period
        while True:
            with self._changed:
                if self._closed:
                    return
                self._earliest = min([beat_at, *(attempt.limit for attempt in self._running.values())])
                self._changed.wait(max(self._earliest - time.monotonic(), 0))
                running = list(self._running.values())
            now = time.monotonic()
            for attempt in running:
                if attempt.limit <= now:
                    self._overdue(attempt)
            if now >= beat_at:
                beat_at = now + period
                try:
                    self.beat(running)
                except Exception as error:  # without this thread every longer step would lose its lease
                    log.warning("leases not extended", reason=f"{type(error).__name__}: {error}")

    def _overdue(self, attempt: Attempt) -> None:
        if attempt.settle():
            self._end(attempt)
            attempt.stop()
            # On a thread of its own: it may have to wait for a lock, and the heartbeat must not.
            threading.Thread(target=self._tell, args=(attempt,), name="wf-overdue", daemon=True).start()

    def _tell(self, attempt: Attempt) -> None:
        try:
            self._on_overdue(attempt)
        except Exception as error:  # nobody else would say so
            reason = f"{type(error).__name__}: {error}"
            log.warning("overdue attempt not recorded; its lease will run out", reason=reason)

    def beat(self, running: list[Attempt] | None = None) -> None:
        """Extend the leases of all running attempts, and stop those that are lost."""
        attempts = list(self._running.values()) if running is None else running
        if not attempts:
            return
        mine = [(a.instance.key, a.instance.generation, a.row.seq, a.row.lease) for a in attempts if a.row.lease]
        now = time.monotonic()
        try:
            held = self._journal.extend(mine, self._lease)
        except WfError as error:
            log.warning("leases not extended", attempts=len(mine), reason=str(error))
            held = {a.row.lease for a in attempts if a.row.lease is not None and a.held_until > now}
        else:
            for attempt in attempts:
                attempt.held_until = now + self._lease
        for attempt in attempts:
            if attempt.row.lease not in held and id(attempt) in self._running:
                log.warning("lease lost; attempt stopped", instance=attempt.instance.id, step=str(attempt.row.key))
                attempt.stop()

    # The event loop of async callbacks.

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            with self._changed:
                if self._loop is None:
                    self._loop = _start_loop()
        return self._loop

    def close(self) -> None:
        """Stop the minder and the loop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)


@contextmanager
def _no_exit() -> Iterator[None]:
    """An author's `sys.exit()` fails the attempt; it does not end the worker.

    On the main thread (prefork, solo) it may be the worker's own order to stop, which must pass.
    """
    try:
        yield
    except (SystemExit, KeyboardInterrupt) as error:
        if threading.current_thread() is threading.main_thread():
            raise
        raise StepError(type(error).__name__, f"the callback called for the end of the process ({error})") from error


def _start_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        while not stopped(loop):
            log.warning("an author's task called for the end of the process; the event loop of steps goes on")
        loop.close()

    def stopped(loop: asyncio.AbstractEventLoop) -> bool:
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            return False
        return True

    threading.Thread(target=serve, name="wf-steps", daemon=True).start()
    return loop
