"""Writing the end of an attempt on its own, beside whatever its siblings do."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from wf import crashpoints
from wf.delays import delay_of
from wf.ends import failed, no_room
from wf.errors import JournalUnavailable, WorkflowTimeoutError
from wf.leases import Leases
from wf.log import log_failure
from wf.nudges import nudge_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.attempt import Attempt
    from wf.dispatch import Dispatcher
    from wf.facts import StepRow
    from wf.journal import Journal
    from wf.meter import Meter
    from wf.settings import Settings
    from wf.tracing import Tracing

T = TypeVar("T")


def patiently(call: Callable[[], T], patience: float) -> T:
    """Call again for so many seconds while Postgres does not answer.

    Raises:
        JournalUnavailable: It still does not.
    """
    give_up, pause = time.monotonic() + patience, 0.05
    while True:
        try:
            return call()
        except JournalUnavailable:
            if time.monotonic() + pause > give_up:
                raise
            time.sleep(pause)
            pause = min(pause * 2, 1.0)


class Recorder:
    """Writes how attempts ended, and what their heartbeats told.

    Args:
        settings: The settings.
        journal: Where.
        dispatcher: Announces the retries of attempts that took too long.
        meter: Counts what was written.
        tracing: Is told of attempts that took too long.
    """

    def __init__(
        self, settings: Settings, journal: Journal, dispatcher: Dispatcher, meter: Meter, tracing: Tracing
    ) -> None:  # fmt: skip
        self._settings, self._journal, self._dispatcher, self._meter = settings, journal, dispatcher, meter
        self._tracing = tracing
        self._leases = Leases(journal.database)

    def record(self, row: StepRow, attempt: Attempt) -> bool:
        """Write the end of an attempt on its own, trying for as long as the lease lasts.

        Returns:
            Whether it was still ours.
        """
        if attempt.recorded:
            return True
        lease, due_in, state = attempt.row.lease, self._settings.renudge, self._settings.max_state
        assert lease is not None, "a claimed row has a lease"
        record = partial(self._journal.record, attempt.instance, lease=lease, due_in=due_in, max_state=state)
        patience = attempt.held_until - time.monotonic()
        rev = patiently(lambda: record(row), patience)
        if rev is None and row.output is not None:  # not ours any more, or siblings have left no room for it
            full = no_room(attempt.row, attempt.config, len(row.output), now=self._journal.clock.now(), state=state)
            rev, row = patiently(lambda: record(full), patience), full
        if rev is not None:
            self._meter.attempt_ended(attempt, row)
        crashpoints.reached(crashpoints.AFTER_RECORD)
        return rev is not None

    def record_timeout(self, attempt: Attempt) -> None:
        """A sync callback has taken too long: its attempt is over, whatever it still does."""
        now = self._journal.clock.now()
        error = WorkflowTimeoutError(attempt.config.timeout, f"an attempt of {attempt.row.key}")
        self.keep_details(attempt)
        row = failed(attempt.row, attempt.config, error, now=now, delay=delay_of(attempt))
        log_failure(attempt.instance, row, error)
        self._tracing.end(attempt, row, error)
        if self.record(row, attempt):  # whoever gets the nudge says that the instance waits, and when to look again
            self._dispatcher.publish([nudge_for(attempt.instance, row, 0.0)])

    def keep_details(self, attempt: Attempt) -> None:
        """Write what the heartbeats of an attempt told, before its failure: the next attempt shall know it."""
        if attempt.has_news:
            patiently(lambda: self._leases.keep(attempt), attempt.held_until - time.monotonic())

    def details_before(self, attempt: Attempt) -> bytes | None:
        """What the heartbeats of earlier attempts told last."""
        key, generation, seq, _ = attempt.held
        if attempt.row.attempt == 1:
            return None
        patience = attempt.held_until - time.monotonic()
        return patiently(lambda: self._leases.details(key, generation, seq), patience)
