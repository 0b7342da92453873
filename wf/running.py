"""Running one attempt: from the claimed row to the row as its end shall be written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from wf import crashpoints
from wf.attempt import Attempt, AttemptGone
from wf.attempts import Attempts
from wf.delays import delay_of
from wf.ends import failed, no_room, succeeded
from wf.exactly_once import Transactions
from wf.faults import decode_error
from wf.lines import Lines
from wf.log import log_failure
from wf.rows import config_of

if TYPE_CHECKING:
    from wf.core import Request
    from wf.facts import InstanceRow, StepRow
    from wf.interceptor import Interceptor
    from wf.journal import Journal
    from wf.meter import Meter
    from wf.recording import Recorder
    from wf.settings import Settings
    from wf.tracing import Tracing


class Ran(NamedTuple):
    """An attempt that has ended.

    Attributes:
        row: The step's row, as the end shall be written.
        attempt: The attempt.
        error: What it failed with, or None.
    """

    row: StepRow
    attempt: Attempt
    error: Exception | None


class Runner:
    """Runs attempts in this process.

    Args:
        settings: Limits.
        journal: Whose clock counts, and where leases are.
        recorder: Keeps what attempts tell, and records those that take too long.
        meter: Counts the ends of transactions.
        tracing: Is told of attempts.
        interceptor: Is asked to call the callbacks.
    """

    def __init__(
        self, settings: Settings, journal: Journal, recorder: Recorder, meter: Meter,
        *, tracing: Tracing, interceptor: Interceptor | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._journal, self._recorder, self._tracing = settings, journal, recorder, tracing
        self._transactions = Transactions(settings, journal, meter)
        self.lines = Lines(journal.database, journal.clock, settings.step_lines)
        self.attempts = Attempts(settings, journal, recorder.record_timeout, interceptor)

    def run(self, instance: InstanceRow, row: StepRow, request: Request) -> Ran | None:
        """Run the callback of a claimed step.

        Args:
            instance: As it was at the claim.
            row: The step, claimed.
            request: What `run` asked for.

        Returns:
            None if the attempt is not ours any more.
        """
        crashpoints.reached(crashpoints.AFTER_CLAIM)
        config = config_of(row).reviving(request.config)
        now = time.monotonic()
        limits = (now + config.timeout, now + self._settings.lease, self._settings.max_payload)
        attempt = Attempt(instance, row, config, *limits)
        attempt.claimed_at = (row.wake_at or 0.0) - self._settings.lease  # the lease began with the claim
        attempt.lines = self.lines.of(instance, row)
        attempt.before = self._recorder.details_before(attempt)
        self._tracing.begin(attempt)
        problem: Exception | None = None
        try:
            if request.transaction:
                ended = self._transact(attempt, request)
            else:
                ended = self._succeeded(attempt, self.attempts.run(attempt, request))
        except AttemptGone:
            self._tracing.end(attempt, None)
            return None
        except Exception as error:
            self._recorder.keep_details(attempt)
            ended = failed(row, attempt.config, error, now=self._journal.clock.now(), delay=delay_of(attempt))
            problem = error
        self._tracing.end(attempt, ended, problem)
        crashpoints.reached(crashpoints.AFTER_USER_CODE)
        if problem is not None or ended.failure is not None:  # what came back could not be stored
            log_failure(instance, ended, problem or decode_error(ended.failure or b""))
        return Ran(ended, attempt, problem)

    def _transact(self, attempt: Attempt, request: Request) -> StepRow:
        """Run the callback of a transaction; its end is journaled in there if it is a good one."""
        with self._transactions.open(attempt) as transaction:
            ended = self._succeeded(attempt, self.attempts.run(attempt, request, transaction.begin))
            if ended.output is None or transaction.record(ended):
                return ended
        now, state = self._journal.clock.now(), self._settings.max_state
        return no_room(attempt.row, attempt.config, len(ended.output), now=now, state=state)

    def _succeeded(self, attempt: Attempt, value: Any) -> StepRow:
        limits = {"limit": self._settings.max_payload, "state": self._settings.max_state}
        now, held = self._journal.clock.now(), attempt.instance.size
        return succeeded(attempt.row, attempt.config, value, now=now, held=held, **limits)

    def close(self) -> None:
        """Stop the threads of attempts, write what they have logged, close the connections of transactions."""
        self.attempts.close()
        self.lines.close()
        self._transactions.close()
