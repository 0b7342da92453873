"""The workers of a test: threads that do with nudges what Celery's workers do, and a timekeeper in place of beat.

Each thread is a worker with a runtime of its own, connections and suspended passes included, so that one can die and
the others not notice. There is one at first; another comes when a nudge waits and all are busy.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from wf.dispatch import Nudge
from wf.errors import InstanceFinished, InstanceNotFound
from wf.sql import statements
from wf.testing.mocked import MockedEvents
from wf.testing.stage import WorkerCrash
from wf_reaper.restarts import Restarts
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.database import Database
    from wf.instance import Instance
    from wf.settings import Settings
    from wf.testing.clock import MovableClock
    from wf.testing.messages import Messages
    from wf.testing.stage import Stage

TICK = 0.02
"""Seconds between two looks of the timekeeper."""

REAPER_TICK = 0.5
"""Seconds between two looks whether an instance is to be restarted."""

log = structlog.get_logger("wf")


class Crew:
    """Works off the nudges of one test.

    Args:
        settings: Of the test.
        clock: Its time.
        messages: Its messages.
        stage: What it wants of its instances.
        database: Its journal.
        instance: Gives an instance to send an event to, by workflow and id.
        size: Workers at most, which is how many steps can run at once.
        fresh: Whether each nudge replays its instance from the first line.
    """

    def __init__(
        self, settings: Settings, clock: MovableClock, messages: Messages, stage: Stage, database: Database,
        *, instance: Callable[[str, str], Instance], size: int, fresh: bool,
    ) -> None:  # fmt: skip
        self._settings, self._clock, self._messages, self._stage = settings, clock, messages, stage
        self._database, self._instance, self._size = database, instance, size
        self._sql, self._mocked = statements(), MockedEvents(database, stage)
        self._workers: list[threading.Thread] = []
        self._idle, self._short = 0, False
        self._fresh, self._stopping = fresh, False
        self._failed: list[BaseException] = []
        self.changed = threading.Condition()
        self._timekeeper = threading.Thread(target=self._keep_time, name="wf-test-timekeeper", daemon=True)
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to work.

        Raises:
            InvalidSettings: WF_ENV names no function, or it fails.
        """
        first = self._runtime()  # here, where whoever starts it is told what is wrong
        self._hire(first)
        self._timekeeper.start()

    def stop(self, patience: float = 5.0) -> None:
        """Stop all; a callback that does not come back is left alone, and its worker takes nothing more."""
        with self.changed:
            self._stopping = True
            workers = list(self._workers)
        self._stop.set()
        self._messages.stop(len(workers))
        deadline = time.monotonic() + patience
        for thread in [*workers, self._timekeeper]:
            thread.join(max(deadline - time.monotonic(), 0))
        if left := [thread.name for thread in workers if thread.is_alive()]:
            log.warning("a callback has not come back at the end of its test; it counts no more", workers=left)

    def settle(self, timeout: float) -> bool:
        """Wait until every nudge has had its effect.

        Returns:
            Whether that came about in time.

        Raises:
            Exception: What has gone wrong in a worker.
        """
        deadline = time.monotonic() + timeout
        with self.changed:
            while self._messages.pending():
                self.check()
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(min(left, 0.05))
        return True

    def look_again(self, key: int, generation: int) -> None:
        """Let an instance be replayed from its first line, because a test wants something else of it now."""
        with self.changed:
            self._fresh = True
        self._messages.publish([Nudge(key, generation, 0)])

    def check(self) -> None:
        """Raise what has gone wrong in a worker, if anything: that is no failure of a workflow, but of this engine."""
        with self.changed:
            if self._failed:
                raise self._failed.pop(0)

    # One worker.

    def _hire(self, runtime: Runtime | None = None) -> None:
        with self.changed:
            if len(self._workers) < self._size and not self._stopping:
                name = f"wf-test-worker-{len(self._workers) + 1}"
                thread = threading.Thread(target=self._work, args=(runtime,), name=name, daemon=True)
                self._workers.append(thread)
                self._idle += 1
                thread.start()

    def _hire_if_short(self) -> None:
        """One more, if nobody has been free to take what waits, at two looks one after the other."""
        with self.changed:
            short = not self._idle and len(self._workers) < self._size
        was_short, self._short = self._short, short and self._messages.queued() > 0
        if was_short and self._short:
            self._hire()

    def _work(self, runtime: Runtime | None) -> None:
        try:
            self._serve(runtime or self._runtime())
        except BaseException as error:  # nobody else would say so, and everybody would wait for this worker
            log.exception("a worker of the test failed")
            self._fail(error)

    def _serve(self, runtime: Runtime) -> None:
        taker = self._messages.taker()
        try:
            while (nudge := taker.take()) is not None and not self._stopping:
                with self.changed:
                    self._idle -= 1
                try:
                    if self._advance(runtime, nudge):
                        runtime.close()  # nothing of it goes on, as of a dead process
                        runtime = self._runtime()
                finally:
                    taker.done()
                    with self.changed:
                        self._idle += 1
                        self.changed.notify_all()
        finally:
            runtime.close()
            taker.close()

    def _fail(self, error: BaseException) -> None:
        with self.changed:
            self._failed.append(error)
            self.changed.notify_all()

    def _advance(self, runtime: Runtime, nudge: Nudge) -> bool:
        """Do what the Celery task does; whether the worker has crashed in it."""
        if self._fresh:
            runtime.engine.passes.clear()
        try:
            runtime.engine.advance(nudge)
        except WorkerCrash as crash:
            self._fresh = True  # what other workers remember of the lease is out of date
            self._end_lease(crash)
            return True
        except Exception as error:
            log.exception("a worker of the test failed", workflow=nudge.workflow, instance=nudge.id)
            self._fail(error)
        for event in self._mocked.owed(nudge.key):
            with suppress(InstanceFinished, InstanceNotFound):  # it has ended meanwhile, and needs it no more
                instance = self._instance(event.workflow, event.id)
                instance.send_event(event.type, event.payload, event_id=event.event_id)
        return False

    def _runtime(self) -> Runtime:
        runtime = Runtime(self._settings, self._clock, dispatcher=self._messages, interceptor=self._stage)
        runtime.environment.load()
        return runtime

    def _end_lease(self, crash: WorkerCrash) -> None:
        """A test need not wait for the end of the lease, as the others would have to."""
        attempt = crash.attempt
        self._database.rows(self._sql["testing_lease_end"], {"lease": attempt.row.lease, "now": self._clock.now()})
        instance = attempt.instance
        nudge = Nudge(instance.key, instance.generation, 0, workflow=instance.workflow, id=instance.id)
        self._messages.publish([nudge])

    # The timekeeper.

    def _keep_time(self) -> None:
        try:
            runtime = self._runtime()
        except Exception as error:
            self._fail(error)
            return
        restarts, looked_at = Restarts(runtime), 0.0
        try:
            while not self._stop.wait(TICK):
                try:
                    self._hire_if_short()
                    if not self._clock.flows:
                        continue
                    self._messages.release()
                    runtime.alarm.wake()
                    if time.monotonic() > looked_at + REAPER_TICK:
                        looked_at = time.monotonic()
                        restarts.run_once()
                except Exception as error:
                    self._fail(error)
        finally:
            runtime.close()
