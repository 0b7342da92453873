"""Moving an instance from one rev of the journal to the next: what its pass has found out, and the claim of a step.

::

    settle    what is due without user code, with the mailbox if a wait is open
    lose      an attempt whose lease has run out, before anything else
    slot      if the workflow may run only so many at once; none free -> the instance is queued
    claim     a step: in the same commit, or beside its siblings, fenced by its own row
    commit    all of it, or nothing: if somebody else has moved the instance the pass is brought up to date first
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

from wf import crashpoints
from wf.core import Failed
from wf.ends import end_of, plan_restart, policy_in_force
from wf.errors import JournalUnavailable
from wf.log import log_end, log_lost
from wf.settling import settle
from wf.slots import Slots
from wf.status import Status, StepStatus

if TYPE_CHECKING:
    from wf.attempt import Attempt
    from wf.dispatch import Dispatcher
    from wf.facts import Commit, End, StepRow
    from wf.journal import Journal
    from wf.live import Live
    from wf.mailbox import Mailbox
    from wf.meter import Meter
    from wf.settings import Settings
    from wf.tracing import Tracing
    from wf.workflow import Registry

Ended = tuple["StepRow", "Attempt"]
"""How an attempt ended, as the row shall say, and the attempt."""


class Mover:
    """Moves instances on in the journal. It runs no user code but `run` itself.

    Args:
        settings: Limits.
        journal: The truth.
        mailbox: Delivers events.
        dispatcher: Nudges whoever gets a slot that is given back.
        registry: Knows how workflows are restarted.
        meter: Counts what was committed.
        tracing: Is told of it.
    """

    def __init__(
        self, settings: Settings, journal: Journal, mailbox: Mailbox, dispatcher: Dispatcher, registry: Registry,
        *, meter: Meter, tracing: Tracing,
    ) -> None:  # fmt: skip
        self._settings, self._journal, self._mailbox, self._registry = settings, journal, mailbox, registry
        self._meter, self._tracing = meter, tracing
        self.slots = Slots(journal.database, journal.clock, dispatcher)

    def move(self, live: Live, hint: int, ended: Ended | None, *, may_claim: bool) -> tuple[bool, StepRow | None]:
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
        now = self._journal.clock.now()
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
        live.slotted = self.slots.take(live.instance)
        if not live.slotted:
            live.queued = True
            self.slots.wait(live.instance)
            self.slots.grant(live.instance.workflow, due_in=self._settings.renudge)
        return live.slotted

    def _lose(self, live: Live, expired: StepRow) -> None:
        again = not live.gives_up(replace(expired, lost=expired.lost + 1))
        if self._journal.lose(live.instance, expired, again=again):
            log_lost(live.instance, expired, again=again)
            self._meter.attempt_lost(live.instance.workflow)
            self._tracing.lost(live.instance, expired)

    def _claim_beside(self, live: Live, row: StepRow, now: float) -> tuple[bool, StepRow | None]:
        """Claim one of several steps without racing its siblings for the instance's rev."""
        claimed = live.leased(row, uuid4(), now)
        try:
            if self._journal.claim(live.instance, row, claimed, limited=live.limited) is None:
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
        live.inbox = self._mailbox.read(key, expected) if live.trusts_mailbox else self._journal.pending_events(key)

    def _commit(self, live: Live, commit: Commit, ended: Ended | None, claimed: StepRow | None) -> bool:
        """Whether the journal has taken it; False, too, if nobody knows and that can be found out."""
        try:
            done = self._journal.commit(commit)
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
            self.slots.grant(live.instance.workflow, due_in=self._settings.renudge)
        if commit.end is None:
            if taken:
                self._mailbox.remove(commit.key, taken)
        elif not commit.end.rolls_back:
            log_end(live)
            if taken or live.instance.inbox:
                self._mailbox.forget(commit.key)
        return True

    def _end(self, live: Live, now: float) -> End:
        """How the instance goes into the journal whose `run` or whose rollback has ended."""
        cls = self._registry.find(live.instance.workflow, live.instance.version)
        end = live.undoing.end() if live.undoing is not None else end_of(live, self._settings.max_payload)
        if isinstance(live.replay.outcome, Failed):
            end.rolls_back = live.undoing is None and live.compensable
            if not end.rolls_back and live.instance.ends_as != Status.TERMINATED:
                over = self._journal.restart_over(live.instance.workflow)
                declared = cls.restart_policy if cls else None
                plan_restart(end, live, policy_in_force(live.instance.workflow, declared, over), now)
        return end

    def _due_is_wrong(self, live: Live, now: float) -> bool:
        """Whether the alarm has moved `due_at` to where it does not belong."""
        due_at = live.instance.due_at
        return due_at is None or due_at > live.due_at(now) + self._settings.alarm_tick + 0.001
