"""`advance`: the one place where journal, replay, user code and nudges meet.

::

    load      the instance and the rows since the cached pass; finished, paused or unknown -> stop
    settle    feed; resolve what is due without user code, until quiet
    claim     commit 1: the facts so far, and one attempt with its lease
    run       the callback; no transaction is open, but that of a `step.transaction` (wf/exactly_once.py)
    record    commit 2: the attempt's end, what `run` did next, perhaps the next claim, perhaps the end
    nudge     what is ready now, after the commit

A commit that finds the instance at another rev writes nothing: load, feed, try again. So two siblings that finish at
the same moment cannot both believe that the other one goes on: one of them commits later, and sees it all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wf import crashpoints
from wf.codec import CodecError
from wf.core import Failed
from wf.ends import end_of, plan_restart, policy_in_force
from wf.errors import JournalUnavailable
from wf.log import log_end, log_lost
from wf.logfields import about, install, speaking_of
from wf.nudges import nudge_back, nudges_after
from wf.passes import Passes
from wf.quarantine import Quarantine
from wf.recording import Recorder, patiently
from wf.running import Runner
from wf.settling import settle
from wf.slots import Slots
from wf.status import Status, StepStatus
from wf.tracing import Tracing

if TYPE_CHECKING:
    from wf.attempt import Attempt
    from wf.dispatch import Dispatcher, Nudge
    from wf.facts import Commit, End, StepRow
    from wf.interceptor import Interceptor
    from wf.journal import Journal
    from wf.live import Live
    from wf.mailbox import Mailbox
    from wf.meter import Meter
    from wf.settings import Settings
    from wf.workflow import Registry

Ended = tuple["StepRow", "Attempt"]
"""How an attempt ended, as the row shall say, and the attempt."""


@dataclass(slots=True)
class Progress:
    """What one `advance` came to, for the Celery task to show.

    Attributes:
        steps: Attempts that this task ran.
        retry_in: Seconds until the failed attempt is retried, if it was the last thing that happened.
        error: What it failed with.
        handed_over: Whether the pass is kept for others, who may have taken it by now.
    """

    steps: int = 0
    retry_in: float | None = None
    error: BaseException | None = None
    handed_over: bool = False


class Engine:
    """Advances instances.

    Args:
        settings: The settings.
        journal: The truth.
        mailbox: Delivers events.
        dispatcher: Publishes nudges.
        registry: Finds workflow classes.
        meter: Counts what was committed.
        env: What these find in `self.env`.
        interceptor: Steps between these and their classes, in tests.
    """

    def __init__(
        self, settings: Settings, journal: Journal, mailbox: Mailbox, dispatcher: Dispatcher, registry: Registry,
        *, meter: Meter, env: Any = None, interceptor: Interceptor | None = None,
    ) -> None:  # fmt: skip
        install()
        self.settings, self.journal = settings, journal
        self._mailbox, self._dispatcher, self._registry, self._meter = mailbox, dispatcher, registry, meter
        self._slots = Slots(journal.database, journal.clock, dispatcher)
        self._tracing = Tracing(journal, settings.lease, enabled=settings.tracing)
        self._recorder = Recorder(settings, journal, dispatcher, meter, self._tracing)
        self.runner = Runner(settings, journal, self._recorder, meter, tracing=self._tracing, interceptor=interceptor)
        self.passes = Passes(settings, journal, registry, env, interceptor)
        self._quarantine = Quarantine(journal)

    def advance(self, nudge: Nudge) -> Progress:
        """Move an instance on by one step, or by up to `steps_per_task`; set it apart if its rows cannot be read.

        Args:
            nudge: Which instance, and which step first. A stale or repeated one finds nothing to do.

        Raises:
            JournalUnavailable: Postgres does not answer; the alarm will find the instance again.
        """
        progress = Progress()
        live: Live | None = None
        try:
            live = self.passes.load(nudge)
            while live is not None:
                with speaking_of(**about(live.instance)):
                    live = self._go_on(live, nudge, progress)
        except BaseException as error:  # even the order to stop: nobody will drop this pass but us
            if live is not None and not progress.handed_over:
                self.passes.drop(live)
            if not isinstance(error, CodecError):
                raise
            self._mailbox.forget(nudge.key)  # it may be the mailbox that is damaged: Postgres fills it again
            self._quarantine.put(nudge, error)
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
                    self._recorder.record(*ended)
                raise
            if not moved:
                return self._catch_up(live, ended)
            if live.queued:
                self.passes.drop(live)
                return None
            self._publish(live, nudge, claimed, progress)
            if claimed is None:
                return None
            progress.steps += 1
            ended = self._attempt(live, claimed, progress)
            if ended is None:
                self.passes.drop(live)
                return None
            if ended[1].recorded or live.is_beside(claimed):  # do not race a sibling for the rev
                return self._catch_up(live, ended)
            live.end_attempt(ended[0])

    def _catch_up(self, live: Live, ended: Ended | None) -> Live | None:
        """Others have moved the instance on: write the end of our attempt beside them, and read what they did."""
        if ended is not None:
            self._recorder.record(*ended)
        patience = self.settings.lease / 2 if live.unsure is not None else 0.0
        again = patiently(lambda: self.passes.reload(live), patience)
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
        claimed = live.claimable(now, hint) if may_claim and not live.over else None
        if self._lacks_slot(live, claimed) and not self._take_slot(live):
            return True, None
        if claimed is not None:
            crashpoints.reached(crashpoints.BEFORE_CLAIM)
            if not live.changed and live.has_siblings(claimed):
                return self._claim_beside(live, claimed, now)
            claimed = live.claim(claimed, uuid4(), now)
        return self._write(live, ended, claimed, now), claimed

    def _write(self, live: Live, ended: Ended | None, claimed: StepRow | None, now: float) -> bool:
        """Commit what there is to write; whether the instance was still where this pass believed it to be."""
        end = self._end(live, now) if live.over else None
        if end is None and not live.changed and not self._due_is_wrong(live, now):
            return True
        commit = live.commit(now, end)
        if commit.status == Status.WAITING:
            crashpoints.reached(crashpoints.BEFORE_PARK)
        moved = self._commit(live, commit, ended, claimed)
        if moved and ended is not None:
            crashpoints.reached(crashpoints.AFTER_RECORD)
        return moved

    def _lacks_slot(self, live: Live, claimed: StepRow | None) -> bool:
        """Whether an instance is about to run, here or on whichever worker takes what is ready, without a slot."""
        if not live.limited or live.slotted:
            return False
        if live.over:
            return live.guarded
        return claimed is not None or any(row.status is StepStatus.READY for row in live.run_rows())

    def _take_slot(self, live: Live) -> bool:
        """Whether the instance may run; if not, it is queued, and what this pass has found out is forgotten."""
        live.slotted = self._slots.take(live.instance)
        if not live.slotted:
            live.queued = True
            self._slots.wait(live.instance)
            self._slots.grant(live.instance.workflow, due_in=self.settings.renudge)
        return live.slotted

    def _lose(self, live: Live, expired: StepRow) -> None:
        again = not live.gives_up(replace(expired, lost=expired.lost + 1))
        if self.journal.lose(live.instance, expired, again=again):
            log_lost(live.instance, expired)
            self._meter.attempt_lost(live.instance.workflow)
            self._tracing.lost(live.instance, expired)

    def _claim_beside(self, live: Live, row: StepRow, now: float) -> tuple[bool, StepRow | None]:
        """Claim one of several steps without racing its siblings for the instance's rev."""
        claimed = live.leased(row, uuid4(), now)
        try:
            if self.journal.claim(live.instance, row, claimed, limited=live.limited) is None:
                return False, None
        except JournalUnavailable:
            live.tainted, live.unsure = True, claimed.lease
            return False, None
        live.claimed_beside(claimed)
        return True, claimed

    def _settle(self, live: Live, now: float) -> bool:
        """Resolve what is due, with the mailbox if a wait is open; False if it is too much for one commit."""
        self._open_mailbox(live)  # before anything times out: an event may have come in time
        settled = settle(live, now)
        if settled and live.wants_events:  # a wait has only now been asked for
            self._open_mailbox(live)
            settled = settle(live, now)
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
        self._meter.commit(live.instance, commit, None if ended is None else ended[1])
        self._tracing.commit(live.instance, commit, live.replay.outcome)
        taken = live.committed(commit)
        if commit.frees_slot and live.shares:
            self._slots.grant(live.instance.workflow, due_in=self.settings.renudge)
        if commit.end is not None:
            self.passes.drop(live)
            if commit.end.rolls_back:
                return True
            log_end(live)
            if taken or live.instance.inbox:
                self._mailbox.forget(commit.key)
        elif taken:
            self._mailbox.remove(commit.key, taken)
        return True

    def _end(self, live: Live, now: float) -> End:
        """How the instance goes into the journal whose `run` or whose rollback has ended."""
        cls = self._registry.find(live.instance.workflow, live.instance.version)
        end = live.undoing.end() if live.undoing is not None else end_of(live, self.settings.max_payload)
        if isinstance(live.replay.outcome, Failed):
            end.rolls_back = live.undoing is None and live.compensable
            if not end.rolls_back and live.instance.ends_as != Status.TERMINATED:
                over = self.journal.restart_over(live.instance.workflow)
                declared = cls.restart_policy if cls else None
                plan_restart(end, live, policy_in_force(live.instance.workflow, declared, over), now)
        return end

    def _due_is_wrong(self, live: Live, now: float) -> bool:
        """Whether the alarm has moved `due_at` to where it does not belong."""
        due_at = live.instance.due_at
        return due_at is None or due_at > live.due_at(now) + self.settings.alarm_tick + 0.001

    # Run.

    def _attempt(self, live: Live, row: StepRow, progress: Progress) -> Ended | None:
        """Run one attempt; None if it is not ours any more."""
        progress.retry_in = progress.error = None
        ran = self.runner.run(live.instance, row, live.request(row.key))
        if ran is None:
            return None
        progress.error = ran.error
        if ran.row.status is StepStatus.RETRYING and ran.row.wake_at is not None:
            progress.retry_in = max(ran.row.wake_at - self.journal.clock.now(), 0.0)
        return ran.row, ran.attempt

    # Nudge.

    def _publish(self, live: Live, cause: Nudge, claimed: StepRow | None, progress: Progress) -> None:
        """Nudge what is ready, and what will be soon; keep the pass if it will be needed again soon."""
        if live.over:
            if live.instance.status == Status.ROLLING_BACK:  # on any worker: it has to find the handlers again
                self._dispatcher.publish([nudge_back(live.instance)])
            return
        nudges = nudges_after(live, cause, claimed, self.journal.clock.now(), self.settings)
        if nudges:
            crashpoints.reached(crashpoints.BEFORE_NUDGE)
        if claimed is None:
            ready = any(row.status is StepStatus.READY for row in live.run_rows())
            wanted_soon = ready or any(not nudge.delay for nudge in nudges)
            progress.handed_over = True
            self.passes.keep(live) if wanted_soon else self.passes.drop(live)
        self._dispatcher.publish(nudges)
        if nudges:
            crashpoints.reached(crashpoints.AFTER_NUDGE)

    def close(self) -> None:
        """Stop the threads and forget every pass."""
        self.runner.close()
        self.passes.clear()
