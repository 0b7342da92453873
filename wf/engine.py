"""`advance`: the one place where journal, replay, user code and nudges meet.

::

    load      the instance and the rows since the cached pass; finished, paused or unknown -> stop
    settle    feed; resolve what is due without user code, until quiet
    claim     commit 1: the facts so far, and one attempt with its lease
    run       the callback; no transaction is open
    record    commit 2: the attempt's end, what `run` did next, perhaps the next claim, perhaps the end
    nudge     what is ready now, after the commit

A commit that finds the instance at another rev writes nothing: load, feed, try again. So two siblings that finish at
the same moment cannot both believe that the other one goes on: one of them commits later, and sees it all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from wf import crashpoints
from wf.attempt import Attempt, AttemptGone, Attempts
from wf.core import StepConfig
from wf.ends import end_of, failed, succeeded
from wf.errors import JournalUnavailable, WorkflowTimeoutError
from wf.facts import StepRow
from wf.log import log_end, log_failure, log_lost
from wf.nudges import nudge_for, nudges_after
from wf.passes import Passes
from wf.status import Status, StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.dispatch import Dispatcher, Nudge
    from wf.facts import Commit, End
    from wf.journal import Journal
    from wf.live import Live
    from wf.mailbox import Mailbox
    from wf.settings import Settings
    from wf.workflow import Registry

T = TypeVar("T")

Ended = tuple[StepRow, Attempt]
"""How an attempt ended, as the row shall say, and the attempt."""


@dataclass(slots=True)
class Progress:
    """What one `advance` came to, for the Celery task to show.

    Attributes:
        steps: Attempts that this task ran.
        retry_in: Seconds until the failed attempt is retried, if it was the last thing that happened.
        error: What it failed with.
    """

    steps: int = 0
    retry_in: float | None = None
    error: BaseException | None = None


class Engine:
    """Advances instances.

    Args:
        settings: The settings.
        journal: The truth.
        mailbox: Delivers events.
        dispatcher: Publishes nudges.
        registry: Finds workflow classes.
    """

    def __init__(
        self, settings: Settings, journal: Journal, mailbox: Mailbox, dispatcher: Dispatcher, registry: Registry
    ) -> None:
        self.settings, self.journal = settings, journal
        self._mailbox, self._dispatcher, self._registry = mailbox, dispatcher, registry
        self.attempts = Attempts(journal, settings.lease, self._record_timeout)
        self.passes = Passes(settings, journal, registry)

    def advance(self, nudge: Nudge) -> Progress:
        """Move an instance on by one step, or by up to `steps_per_task`.

        Args:
            nudge: Which instance, and which step first. A stale or repeated one finds nothing to do.

        Raises:
            JournalUnavailable: Postgres does not answer; the alarm will find the instance again.
        """
        progress = Progress()
        live = self.passes.load(nudge)
        try:
            while live is not None:
                live = self._go_on(live, nudge, progress)
        except BaseException:  # even the order to stop: nobody will drop this pass but us
            if live is not None:
                self.passes.drop(live)
            raise
        return progress

    def _go_on(self, live: Live, nudge: Nudge, progress: Progress) -> Live | None:
        """Commit and run until the pass must be brought up to date; None if this task is done."""
        ended: Ended | None = None
        while True:
            hint = nudge.seq if not progress.steps else 0
            may_claim = progress.steps < self.settings.steps_per_task
            try:
                moved, claimed = self._move(live, hint, ended, may_claim=may_claim)
            except Exception:  # what an attempt has given must not be lost with the rest
                if ended is not None:
                    self._record(*ended)
                raise
            if not moved:
                return self._catch_up(live, ended)
            self._publish(live, nudge, claimed)
            if claimed is None:
                return None
            progress.steps += 1
            ended = self._attempt(live, claimed, progress)
            if ended is None:
                self.passes.drop(live)
                return None
            if live.is_beside(claimed):  # do not race a sibling for the rev
                return self._catch_up(live, ended)
            live.end_attempt(ended[0])

    def _catch_up(self, live: Live, ended: Ended | None) -> Live | None:
        """Others have moved the instance on: write the end of our attempt beside them, and read what they did."""
        if ended is not None:
            self._record(*ended)
        patience = self.settings.lease / 2 if live.unsure is not None else 0.0
        again = self._patiently(lambda: self.passes.reload(live), patience)
        if again is not None and ended is not None and ended[0].status is StepStatus.RETRYING:
            again.fresh.append(ended[0])
        return again

    # Settle and commit.

    def _move(self, live: Live, hint: int, ended: Ended | None, *, may_claim: bool) -> tuple[bool, StepRow | None]:
        """Settle, claim a step if there is one, and commit.

        Args:
            live: The instance.
            hint: The step to claim first.
            ended: The attempt whose end goes into this commit, if there is one.
            may_claim: Whether this task may run one more step.

        Returns:
            Whether the instance was still where this pass believed it to be, and the claimed row.
        """
        if (mine := live.take_unsure()) is not None:
            return True, mine  # the claim whose answer was lost had come through
        now = self.journal.clock.now()
        if (expired := live.expired(now)) is not None:
            self._lose(live, expired)
            return False, None
        while not self._settle(live, now):
            if not self._commit(live, live.commit(now, None), ended, None):
                return False, None
        end = self._end(live, now) if live.replay.outcome is not None else None
        claimed = live.claimable(now, hint) if end is None and may_claim else None
        if claimed is not None:
            crashpoints.reached(crashpoints.BEFORE_CLAIM)
            if not live.changed and live.has_siblings(claimed):
                return self._claim_beside(live, claimed, now)
            claimed = live.claim(claimed, uuid4(), now)
        if end is None and not live.changed and not self._due_is_wrong(live, now):
            return True, None
        commit = live.commit(now, end)
        if commit.status == Status.WAITING:
            crashpoints.reached(crashpoints.BEFORE_PARK)
        moved = self._commit(live, commit, ended, claimed)
        if moved and ended is not None:
            crashpoints.reached(crashpoints.AFTER_RECORD)
        return moved, claimed

    def _lose(self, live: Live, expired: StepRow) -> None:
        if self.journal.lose(live.instance, expired):
            log_lost(live.instance, expired)

    def _claim_beside(self, live: Live, row: StepRow, now: float) -> tuple[bool, StepRow | None]:
        """Claim one of several steps without racing its siblings for the instance's rev."""
        claimed = live.leased(row, uuid4(), now)
        try:
            if self.journal.claim(live.instance, row, claimed) is None:
                return False, None
        except JournalUnavailable:
            live.tainted, live.unsure = True, claimed.lease
            return False, None
        live.claimed_beside(claimed)
        return True, claimed

    def _settle(self, live: Live, now: float) -> bool:
        """Resolve what is due, with the mailbox if a wait is open; False if it is too much for one commit."""
        self._open_mailbox(live)  # before anything times out: an event may have come in time
        settled = live.settle(now)
        if settled and live.wants_events:  # a wait has only now been asked for
            self._open_mailbox(live)
            settled = live.settle(now)
        return settled

    def _open_mailbox(self, live: Live) -> None:
        if not live.wants_events:
            return
        key, expected = live.instance.key, live.instance.inbox
        live.inbox = self._mailbox.read(key, expected) if live.trusts_mailbox else self.journal.pending_events(key)

    def _commit(self, live: Live, commit: Commit, ended: Ended | None, claimed: StepRow | None) -> bool:
        try:
            done = self.journal.commit(commit)
        except JournalUnavailable:
            live.tainted = live.doubtful = True
            if ended is None and claimed is None:
                raise
            live.unsure = claimed.lease if claimed is not None else None
            return False
        if not done:
            if commit.events:
                live.trusts_mailbox = False
                self._mailbox.refill(commit.key)
            return False
        taken = live.committed(commit)
        if commit.end is not None:
            log_end(live)
            self.passes.drop(live)
            if taken or live.instance.inbox:
                self._mailbox.forget(commit.key)
        elif taken:
            self._mailbox.remove(commit.key, taken)
        return True

    def _end(self, live: Live, now: float) -> End:
        cls = self._registry.find(live.instance.workflow, live.instance.version)
        return end_of(live, cls.restart_policy if cls else None, now=now, limit=self.settings.max_payload)

    def _due_is_wrong(self, live: Live, now: float) -> bool:
        """Whether the alarm has moved `due_at` to where it does not belong."""
        due_at = live.instance.due_at
        return due_at is None or due_at > live.due_at(now) + 0.001

    # Run.

    def _attempt(self, live: Live, row: StepRow, progress: Progress) -> Ended | None:
        """Run one attempt; None if it is not ours any more."""
        crashpoints.reached(crashpoints.AFTER_CLAIM)
        config = StepConfig.load(row.config or {})
        now = time.monotonic()
        attempt = Attempt(live.instance, row, config, now + config.timeout, now + self.settings.lease)
        progress.retry_in = progress.error = None
        try:
            value = self.attempts.run(attempt, live.request(row.key))
        except AttemptGone:
            return None
        except Exception as error:
            ended = failed(row, config, error, now=self.journal.clock.now())
            progress.error = error
        else:
            limit = self.settings.max_payload
            ended = succeeded(row, config, value, now=self.journal.clock.now(), limit=limit)
        crashpoints.reached(crashpoints.AFTER_USER_CODE)
        if progress.error is not None:
            log_failure(live.instance, ended, progress.error)
        if ended.status is StepStatus.RETRYING and ended.wake_at is not None:
            progress.retry_in = max(ended.wake_at - self.journal.clock.now(), 0.0)
        return ended, attempt

    # Record.

    def _record(self, row: StepRow, attempt: Attempt) -> bool:
        """Write the end of an attempt on its own, trying for as long as the lease lasts.

        Returns:
            Whether it was still ours.
        """
        lease, due_in = attempt.row.lease, self.settings.renudge
        assert lease is not None, "a claimed row has a lease"
        patience = attempt.held_until - time.monotonic()
        rev = self._patiently(lambda: self.journal.record(attempt.instance, row, lease, due_in=due_in), patience)
        crashpoints.reached(crashpoints.AFTER_RECORD)
        return rev is not None

    def _patiently(self, call: Callable[[], T], patience: float) -> T:
        """Call again for so many seconds while Postgres does not answer."""
        give_up, pause = time.monotonic() + patience, 0.05
        while True:
            try:
                return call()
            except JournalUnavailable:
                if time.monotonic() + pause > give_up:
                    raise
                time.sleep(pause)
                pause = min(pause * 2, 1.0)

    def _record_timeout(self, attempt: Attempt) -> None:
        """A sync callback has taken too long: its attempt is over, whatever it still does."""
        error, now = WorkflowTimeoutError(attempt.config.timeout), self.journal.clock.now()
        row = failed(attempt.row, attempt.config, error, now=now)
        log_failure(attempt.instance, row, error)
        if self._record(row, attempt):
            delay = max((row.wake_at or 0.0) - self.journal.clock.now(), 0.0)
            if delay <= self.settings.countdown_max:
                self._dispatcher.publish([nudge_for(attempt.instance, row, delay)])

    # Nudge.

    def _publish(self, live: Live, cause: Nudge, claimed: StepRow | None) -> None:
        """Nudge what is ready, and what will be soon; keep the pass if it will be needed again soon."""
        if live.replay.outcome is not None:
            return
        nudges = nudges_after(live, cause, claimed, self.journal.clock.now())
        if nudges:
            crashpoints.reached(crashpoints.BEFORE_NUDGE)
        if claimed is None:
            wanted_soon = live.ready() or any(not nudge.delay for nudge in nudges)
            self.passes.keep(live) if wanted_soon else self.passes.drop(live)
        self._dispatcher.publish(nudges)
        if nudges:
            crashpoints.reached(crashpoints.AFTER_NUDGE)

    def close(self) -> None:
        """Stop the threads and forget every pass."""
        self.attempts.close()
        self.passes.clear()
