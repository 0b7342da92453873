"""The workers of a test: threads that do with nudges what Celery's workers do, and a timekeeper in place of beat.

Each thread is a worker with a runtime of its own, connections and suspended passes included, so that one can die and
the others not notice. There is one at first; another comes when a nudge waits and all are busy.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog

from wf.dispatch import Nudge
from wf.sql import statements
from wf.testing.stage import WorkerCrash
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.database import Database
    from wf.instance import Instance
    from wf.settings import Settings
    from wf.testing.clock import MovableClock
    from wf.testing.messages import Messages, Taker
    from wf.testing.stage import Stage

TICK = 0.02
"""Seconds between two looks of the timekeeper."""

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
        self._sql = statements()
        self._workers: list[threading.Thread] = []
        self._idle = 0
        self._fresh, self._stopping = fresh, False
        self._failed: list[BaseException] = []
        self.changed = threading.Condition()
        self._timekeeper = threading.Thread(target=self._keep_time, name="wf-test-timekeeper", daemon=True)
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to work."""
        self._hire()
        self._timekeeper.start()

    def stop(self, patience: float = 5.0) -> None:
        """Stop all; a callback that does not come back is left alone."""
        with self.changed:
            self._stopping = True
            workers = list(self._workers)
        self._stop.set()
        self._messages.stop(len(workers))
        deadline = time.monotonic() + patience
        for thread in [*workers, self._timekeeper]:
            thread.join(max(deadline - time.monotonic(), 0))

    def settle(self, timeout: float) -> bool:
        """Wait until every nudge has had its effect.

        Returns:
            Whether that came about in time.
        """
        deadline = time.monotonic() + timeout
        with self.changed:
            while self._messages.pending():
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

    def _hire(self) -> None:
        with self.changed:
            if len(self._workers) < self._size and not self._stopping:
                name = f"wf-test-worker-{len(self._workers) + 1}"
                self._workers.append(thread := threading.Thread(target=self._work, name=name, daemon=True))
                thread.start()

    def _work(self) -> None:
        taker, runtime = self._messages.taker(), self._runtime()
        try:
            while (nudge := self._take(taker)) is not None:
                if self._advance(runtime, nudge):
                    runtime.close()  # nothing of it goes on, as of a dead process
                    runtime = self._runtime()
                taker.done()
                with self.changed:
                    self.changed.notify_all()
        finally:
            runtime.close()
            taker.close()

    def _take(self, taker: Taker) -> Nudge | None:
        with self.changed:
            self._idle += 1
        nudge = taker.take()
        with self.changed:
            self._idle -= 1
            short = not self._idle and len(self._workers) < self._size
        if nudge is not None and short and self._messages.waiting():
            self._hire()
        return nudge

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
            log.exception("a worker of the test failed", instance=nudge.id or nudge.key)
            with self.changed:
                self._failed.append(error)
        finally:
            for instance, id, type, payload in self._stage.owed():
                self._instance(instance.workflow, instance.id).send_event(type, payload, event_id=id)
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
        runtime = self._runtime()
        try:
            while not self._stop.wait(TICK):
                if not self._clock.flows:
                    continue
                try:
                    self._messages.release()
                    runtime.alarm.wake()
                except Exception as error:
                    with self.changed:
                        self._failed.append(error)
        finally:
            runtime.close()
