"""What a worker process counts: instances that began and ended, steps, attempts that failed, how long it all took.

::

    count     after the commit that made it true: a few additions in memory, under a lock
    flush     every `EVERY` seconds, by a thread of its own, and at a clean stop: one statement adds all of it up

Counts are for looking; the journal is the truth. A worker that is killed takes up to `EVERY` seconds of counts with it.
A commit whose answer was lost is not counted, though it may have come through; a flush whose answer was lost is done
again, and may so be counted twice.

A fact belongs to the minute of its own time, as the journal's row tells it, not to that of the flush. Durations are
those of the row, too: from the claim of the attempt to its end. Handlers of rollbacks are steps like any other. What
goes on from a step, after a restart or as a fork, has not started again, though it ends again.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from wf.core import Kind
from wf.histograms import added, bucket
from wf.sql import statements
from wf.status import Status, StepStatus

if TYPE_CHECKING:
    from wf.attempt import Attempt
    from wf.clock import Clock
    from wf.database import Database
    from wf.facts import Commit, InstanceRow, StepRow

EVERY = 5.0
"""Seconds between two flushes."""

SPANS = (60, 600, 3600, 21_600)
"""Seconds of the stretches that are kept."""

MOST = 5_000
"""Minutes of workflows that are held while they cannot be written; then the oldest are forgotten."""

JOIN = 2.0
"""Seconds that a process which stops gives to a flush that is on its way."""

_SLEEPS = (Kind.SLEEP, Kind.TIMER)

log = structlog.get_logger("wf")

Minute = tuple[str, int]
"""A workflow, and the number of a minute since the epoch."""


class Sums:
    """The counts of one workflow in one stretch of time; the attributes are columns of `wf.metric`."""

    __slots__ = ("completed", "errored", "failed", "lags", "lost", "retried", "started", "step_times", "steps")

    def __init__(self) -> None:
        self.started = self.completed = self.errored = 0
        self.steps = self.failed = self.retried = self.lost = 0
        self.step_times: list[int] = []
        self.lags: list[int] = []

    def add(self, other: Sums) -> None:
        """Add the counts of another stretch."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.step_times = added(self.step_times, other.step_times)
        self.lags = added(self.lags, other.lags)

    def row(self) -> dict[str, Any]:
        """The columns."""
        return {name: getattr(self, name) for name in self.__slots__}


_NUMBERS = tuple(name for name in Sums.__slots__ if name not in {"step_times", "lags"})


class Meter:
    """Counts for one process. Nothing is started or written as long as nothing is counted.

    Args:
        database: Where `wf.metric` is.
        clock: Tells when an attempt was lost; all else has a time in its row.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._sums: dict[Minute, Sums] = {}
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._blind = False

    # Count.

    def commit(self, before: InstanceRow, commit: Commit, attempt: Attempt | None) -> None:
        """Count what a commit has made true.

        Args:
            before: The instance as it was before.
            commit: What the journal has taken.
            attempt: The attempt whose end was in it, if there was one.
        """
        workflow, end = before.workflow, commit.end
        if before.started_at is None and commit.begins:
            self._count(workflow, commit.started_at or commit.at, "started")
        for row in commit.rows:
            if attempt is not None and row.key == attempt.row.key:
                self.attempt_ended(attempt, row)
            elif row.key.kind in _SLEEPS and row.status is StepStatus.COMPLETE and row.seq <= before.seq:
                self._wake_up(workflow, row)  # one that was over when it was asked for has woken nobody
        if end is not None and not end.rolls_back:
            if commit.status == Status.COMPLETE:
                self._count(workflow, commit.at, "completed")
            elif commit.status == Status.ERRORED:
                self._count(workflow, commit.at, "errored")

    def attempt_ended(self, attempt: Attempt, row: StepRow) -> None:
        """Count the end of an attempt, which the journal has taken.

        Args:
            attempt: The attempt.
            row: The row of its step, as it was written.
        """
        workflow = attempt.instance.workflow
        if row.status is StepStatus.COMPLETE and row.ended_at is not None:
            self._count(workflow, row.ended_at, "steps", "step_times", row.ended_at - attempt.claimed_at)
        elif row.failure is not None:
            at = row.failed_at or self._clock.now()
            self._count(workflow, at, "failed")
            if row.status is StepStatus.RETRYING:
                self._count(workflow, at, "retried")

    def attempt_lost(self, workflow: str) -> None:
        """Count an attempt that has lost its worker."""
        self._count(workflow, self._clock.now(), "lost")

    def _wake_up(self, workflow: str, row: StepRow) -> None:
        if row.ended_at is not None and row.wake_at is not None:
            self._count(workflow, row.ended_at, None, "lags", row.ended_at - row.wake_at)

    def _count(
        self, workflow: str, at: float, name: str | None, histogram: str | None = None, seconds: float = 0.0
    ) -> None:
        minute = (workflow, int(at // 60))
        with self._lock:
            sums = self._sums.get(minute)
            if sums is None:
                sums = self._sums[minute] = Sums()
            if name is not None:
                setattr(sums, name, getattr(sums, name) + 1)
            if histogram is not None:
                counts, number = getattr(sums, histogram), bucket(seconds)
                if number >= len(counts):
                    counts.extend([0] * (number + 1 - len(counts)))
                counts[number] += 1
            if self._thread is None and not self._closed.is_set():
                self._begin()

    def _begin(self) -> None:
        thread = threading.Thread(target=self._run, name="wf-meter", daemon=True)
        with suppress(RuntimeError):  # no more threads are to be had; the next count tries again
            thread.start()
            self._thread = thread

    # Flush.

    def flush(self) -> None:
        """Write what was counted since the last time, if anything was.

        Raises:
            WfError: It could not be written, and is kept for the next time.
        """
        with self._flushing:
            with self._lock:
                taken, self._sums = self._sums, {}
            if not taken:
                return
            try:
                self._database.rows(statements()["metric_add"], {"rows": _as_json(taken)})
            except BaseException:
                self._give_back(taken)
                raise

    def _give_back(self, taken: dict[Minute, Sums]) -> None:
        """Hold what could not be written, up to a point."""
        with self._lock:
            for minute, sums in self._sums.items():
                if minute in taken:
                    taken[minute].add(sums)
                else:
                    taken[minute] = sums
            for minute in sorted(taken, key=lambda one: one[1])[: max(len(taken) - MOST, 0)]:
                del taken[minute]
            self._sums = taken

    def _run(self) -> None:
        while not self._closed.wait(EVERY):
            self._flush_carefully()

    def _flush_carefully(self) -> None:
        try:
            self.flush()
        except Exception as error:  # this thread must outlive any outage; counts are worth no step
            if not self._blind:
                reason = f"{type(error).__name__}: {error}"
                log.warning("counts for the metrics not written; tried again until they are", reason=reason)
            self._blind = True
        else:
            self._blind = False

    def close(self) -> None:
        """Stop the thread, and write what is left, if that can be done now."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(JOIN)
            self._flush_carefully()


def _as_json(taken: dict[Minute, Sums]) -> str:
    """The rows of each span, with what was counted in the minutes of each stretch."""
    found: dict[tuple[int, str, int], Sums] = {}
    for (workflow, minute), sums in taken.items():
        for span in SPANS:
            at = minute * 60 // span * span
            found.setdefault((span, workflow, at), Sums()).add(sums)
    return json.dumps(
        [{"span": span, "workflow": workflow, "at": at} | sums.row() for (span, workflow, at), sums in found.items()]
    )
