"""The attempts that run in this process, and the minder: one thread that looks after all of them.

It extends their leases, carries what their heartbeats tell to the journal, ends those whose time is over, and looks
whether somebody has stopped them: terminated, restarted or deleted their instance.
"""

from __future__ import annotations

import inspect
import threading
import time
from concurrent.futures import CancelledError as FutureCancelled
from typing import TYPE_CHECKING, Any

import structlog

from wf import crashpoints
from wf.attempt import AttemptGone
from wf.callbacks import Callbacks
from wf.errors import AttemptStopped, StepError, WfError
from wf.leases import Leases
from wf.logfields import about

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from wf.attempt import Attempt
    from wf.core import Request
    from wf.interceptor import Interceptor
    from wf.journal import Journal
    from wf.settings import Settings

log = structlog.get_logger("wf")


class Attempts:
    """The attempts that run in this process.

    Args:
        settings: `lease` and `stop_tick` are used.
        journal: Where leases are extended.
        on_overdue: Called, on a thread of its own, with a sync attempt whose time is over.
        interceptor: Is asked to call the callbacks.
    """

    def __init__(
        self, settings: Settings, journal: Journal, on_overdue: Callable[[Attempt], None],
        interceptor: Interceptor | None = None,
    ) -> None:  # fmt: skip
        self._lease, self._tick = settings.lease, settings.stop_tick
        self._journal, self._on_overdue = journal, on_overdue
        self._leases = Leases(journal.database)
        self._callbacks, self._interceptor = Callbacks(), interceptor
        self._running: dict[int, Attempt] = {}
        self._changed = threading.Condition()
        self._minder: threading.Thread | None = None
        self._earliest = float("inf")
        self._lively = False
        self._blind = False
        self._closed = False

    def run(self, attempt: Attempt, request: Request, begin: Callable[[], Any] | None = None) -> Any:
        """Run the callback and give its result.

        Args:
            attempt: Which attempt it is.
            request: What `run` asked for.
            begin: Gives what a sync callback gets as its first argument, if it gets one beside its context.

        Raises:
            AttemptGone: The result, whatever it would be, belongs to nobody.
            Exception: Whatever the callback raised; WorkflowTimeoutError if it took too long.
        """
        attempt.is_async = inspect.iscoroutinefunction(request.callback)  # known before the minder looks
        self._begin(attempt)
        try:
            crashpoints.reached(crashpoints.IN_USER_CODE)
            result = self._call(attempt, request, begin)
        except BaseException as error:
            # If the minder has spoken for this attempt it counts no more; if it was stopped, that is why it failed.
            if not attempt.settle() or attempt.stopped:
                raise AttemptGone from None
            if isinstance(error, FutureCancelled):
                raise StepError("CancelledError", "the callback was cancelled by its own code") from None
            if isinstance(error, AttemptStopped):
                raise StepError("AttemptStopped", "the callback raised it; this attempt was not stopped") from error
            if not isinstance(error, Exception | SystemExit | KeyboardInterrupt):  # which may be meant for the worker
                raise StepError(type(error).__name__, str(error)) from error
            raise
        finally:
            self._end(attempt)
        if not attempt.settle():
            raise AttemptGone
        return result

    def _call(self, attempt: Attempt, request: Request, begin: Callable[[], Any] | None) -> Any:
        if self._interceptor is None:
            return self._callbacks.result(attempt, request, begin)
        return self._interceptor.call(attempt, request, lambda: self._callbacks.result(attempt, request, begin))

    def _begin(self, attempt: Attempt) -> None:
        with self._changed:
            self._running[id(attempt)] = attempt
            self._lively = True
            wake_at = min(attempt.deadline, attempt.begun + self._tick)
            if self._minder is None:
                self._minder = threading.Thread(target=self._mind, name="wf-minder", daemon=True)
                self._minder.start()
            elif wake_at < self._earliest:
                self._earliest = wake_at
                self._changed.notify()

    def _end(self, attempt: Attempt) -> None:
        with self._changed:
            self._running.pop(id(attempt), None)

    # The minder.

    def _mind(self) -> None:
        period, looked_at = self._lease / 3, 0.0
        beat_at = time.monotonic() + period
        while True:
            with self._changed:
                if self._closed:
                    return
                self._earliest = min(beat_at, self._next_look(looked_at), *self._limits())
                self._changed.wait(max(self._earliest - time.monotonic(), 0))
                running = list(self._running.values())
            now = time.monotonic()
            for attempt in running:
                if attempt.limit <= now and not attempt.stopped:
                    self._overdue(attempt)
            if now >= beat_at:
                beat_at = now + period
                self._carefully(self.beat, running)
            if now >= looked_at + self._pause and (old := [a for a in running if a.begun + self._tick <= now]):
                looked_at = now
                self._carefully(self.look, old)

    def _next_look(self, looked_at: float) -> float:
        """When to look at the attempts that run, or again for such; never while plain steps come and go."""
        lively, self._lively = self._lively, False
        if waiting := [attempt.begun for attempt in self._running.values() if not attempt.stopped]:
            return max(looked_at + self._pause, min(waiting) + self._tick)
        # Stay awake for a while, so that steps in quick succession need not call this thread, each of them.
        return time.monotonic() + self._tick if lively else float("inf")

    @property
    def _pause(self) -> float:
        """Seconds between two looks; fewer looks while Postgres is away: each may keep this thread from its duties."""
        return self._lease / 3 if self._blind else self._tick

    def _limits(self) -> list[float]:
        return [attempt.limit for attempt in self._running.values() if not attempt.stopped]

    def _carefully(self, call: Callable[[list[Attempt]], None], running: list[Attempt]) -> None:
        try:
            call(running)
        except Exception as error:  # without this thread every longer step would lose its lease
            log.warning("running attempts not looked after", reason=f"{type(error).__name__}: {error}")

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
            fields = about(attempt.instance, attempt.row)
            log.warning("overdue attempt not recorded; its lease will run out", **fields, reason=reason)

    def beat(self, running: list[Attempt] | None = None) -> None:
        """Extend the leases of all running attempts, stop those that are lost, and write what heartbeats told."""
        attempts = [a for a in (list(self._running.values()) if running is None else running) if not a.stopped]
        if not attempts:
            return
        now = time.monotonic()
        try:
            held = self._journal.extend([attempt.held for attempt in attempts], self._lease)
        except WfError as error:
            log.warning("leases not extended", attempts=len(attempts), reason=str(error))
            held = {a.row.lease for a in attempts if a.row.lease is not None and a.held_until > now}
        else:
            for attempt in attempts:
                attempt.held_until = now + self._lease
            self._tell_details([a for a in attempts if a.has_news and a.row.lease in held])
        for attempt in self._stop_others(attempts, held):
            log.warning("lease lost; attempt stopped", **about(attempt.instance, attempt.row))

    def _tell_details(self, attempts: list[Attempt]) -> None:
        told = [(attempt, attempt.details) for attempt in attempts]  # what an author tells meanwhile is for later
        if not told:
            return
        try:
            kept = self._leases.tell(told)
        except WfError as error:
            log.warning("details of heartbeats not written", attempts=len(told), reason=str(error))
            return
        for attempt, details in told:
            if attempt.row.lease in kept:
                attempt.details_kept = details

    def look(self, running: list[Attempt] | None = None) -> None:
        """Stop the attempts that nobody wants any more: of instances that were terminated, restarted or deleted."""
        attempts = [a for a in (list(self._running.values()) if running is None else running) if not a.stopped]
        if not attempts:
            return
        try:
            held = self._leases.wanted(attempts)
        except WfError as error:
            if not self._blind:
                log.warning("cannot see whether running attempts have been stopped", reason=str(error))
            self._blind = True
            return
        self._blind = False
        for attempt in self._stop_others(attempts, held):
            log.info("not wanted any more; attempt stopped", **about(attempt.instance, attempt.row))

    def _stop_others(self, attempts: list[Attempt], held: set[UUID]) -> list[Attempt]:
        """Stop the attempts that still run and whose leases are not among these."""
        gone = [a for a in attempts if a.row.lease not in held and id(a) in self._running]
        for attempt in gone:
            attempt.stop()
        return gone

    def close(self) -> None:
        """Stop the minder and the loop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._callbacks.close()
