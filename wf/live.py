"""One instance as a worker sees it: its open rows, its suspended pass, and what the next commit will say.

Nothing here reads or writes: the engine feeds what the journal holds, and carries the `Commit` to it. Changes lie over
the known rows until the journal has taken them, so that a lost race costs a re-read and no more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wf.core import Completed, Failed, Kind
from wf.facts import Commit
from wf.openrows import ACTIVE, RUN, OpenRows
from wf.rollback import Undoing, can_be_undone
from wf.rows import config_of, result_of
from wf.status import STEP_ENDED, TERMINAL, Status, StepStatus
from wf.waking import due_at

if TYPE_CHECKING:
    from uuid import UUID

    from wf.core import Key, Pass, Request
    from wf.facts import End, InstanceRow, Loaded, PendingEvent, StepRow
    from wf.settings import Settings


_FED = STEP_ENDED - {StepStatus.CANCELLED}


def _is_rollback(key: Key) -> bool:
    return key.kind is Kind.ROLLBACK


class Live:
    """An instance in the hands of one worker thread.

    Attributes:
        instance: Its hot row, as last loaded or committed.
        replay: The suspended pass of `run`.
        rows: Its open rows, and what is to be written.
        inbox: Events that no wait has taken; None if the mailbox has not been read since the last load.
        fresh: Rows that the last commits opened, and that have not been nudged; the engine empties it.
        last_rev: The fact after which `run` ended.
        doubtful: Whether nobody knows if the last commit is in the journal.
        unsure: The lease of a claim of which nobody knows whether it is in the journal.
        trusts_mailbox: Whether events may be taken from the mailbox; if it has misled us, Postgres is asked.
        undoing: The rollback, if that is what is left to do.
        limited: Whether it needs a slot to run: its workflow has a limit of concurrency, or a breaker.
        guarded: Whether it has a breaker, which holds back even what would end without a step.
        declares_limit: Whether its class has a limit of concurrency; operators may set one, too.
        shares: Whether somebody may wait for the slot that it gives back; a breaker alone leaves that to the alarm.
        slotted: Whether it holds a slot, if it needs one.
        queued: Whether there was no slot for it.
        compensable: Whether a step with a rollback has begun.
        tainted: Whether the pass knows something that the journal may not hold; if a commit fails it is worthless.
    """

    def __init__(self, instance: InstanceRow, replay: Pass, settings: Settings) -> None:
        self.instance = instance
        self.replay = replay
        self.inbox: list[PendingEvent] | None = None
        self.fresh: list[StepRow] = []
        self.tainted = False
        self.undoing: Undoing | None = None
        self.compensable = False
        self.limited = self.guarded = self.shares = self.declares_limit = self.queued = False
        self.slotted = instance.status == Status.RUNNING
        self.last_rev: int | None = None
        self.doubtful = False
        self.unsure: UUID | None = None
        self.trusts_mailbox = True
        self._settings = settings
        self.rows = OpenRows(instance)
        self._taken: list[tuple[PendingEvent, int]] = []
        self._beside = False

    # What the journal says.

    def absorb(self, found: Loaded) -> None:
        """Take in the rows that changed since the last time, in the order of their facts."""
        self.instance = instance = found.instance
        self._beside = False
        self.slotted = instance.status == Status.RUNNING
        self._taken.clear()
        self.inbox = None
        self.rows.absorb(instance, found.rows)
        self.compensable = self.compensable or any(map(can_be_undone, found.rows))
        fed = (row for row in found.rows if row.status in _FED and row.key.kind is not Kind.ROLLBACK)
        self.replay.feed(*map(result_of, fed))
        self._note_end(found.rows)

    def begin_rollback(self, rows: list[StepRow], error: BaseException | None) -> None:
        """The pass has found the handlers again; from now on they are what there is to do.

        Args:
            rows: All rows of the journal.
            error: What made the instance fail; None if it did not.
        """
        if error is not None:
            self.replay.outcome = Failed(error)
        self.replay.end_for_rollback()
        self.slotted = True  # it needs none: what is to be undone does not wait for others
        self.undoing = Undoing(
            rows, self.replay.rollbacks, error, self.gives_up,
            Status(self.instance.ends_as or Status.ERRORED),
        )  # fmt: skip

    def _note_end(self, rows: list[StepRow]) -> None:
        """Remember the fact after which `run` ended."""
        if self.replay.ended_by is not None and self.last_rev is None:
            self.last_rev = next(row.rev for row in rows if row.key == self.replay.ended_by)

    @property
    def unreached(self) -> list[Key]:
        """Steps of the journal that the code has not asked for, although all results have been fed."""
        asked = self.replay.asked
        return [*self.replay.unreached, *(key for key in self.rows.known_keys if not asked(key))]

    @property
    def unrecorded(self) -> list[Key]:
        """What the code asks for that the journal does not hold."""
        return [request.key for request in self.replay.requests() if self.rows.get(request.key) is None]

    @property
    def wants_events(self) -> bool:
        """Whether a wait is open, and the mailbox holds events that have not been read."""
        if not self.instance.inbox or self.inbox is not None or self.replay.outcome is not None:
            return False
        return any(request.key.kind is Kind.WAIT for request in self.replay.requests())

    def take(self, event: PendingEvent, seq: int) -> None:
        """The wait of this number has got this event."""
        assert self.inbox is not None, "the event came out of it"
        self.inbox.remove(event)
        self._taken.append((event, seq))

    # Steps.

    def gives_up(self, row: StepRow) -> bool:
        """Whether a row has lost too many attempts to be tried again."""
        return row.lost >= self._settings.max_lost or config_of(row).at_most_once

    def request(self, key: Key) -> Request:
        """What `run` asked for under this key."""
        if self.undoing is not None:
            return self.undoing.request(key)
        return next(request for request in self.replay.requests() if request.key == key)

    def claimable(self, now: float, hint: int) -> StepRow | None:
        """A step whose attempt may begin: the hinted one, or the first."""
        first: StepRow | None = None
        for row in self.run_rows():
            retried = row.status is StepStatus.RETRYING and (row.wake_at or 0) <= now
            if row.status is StepStatus.READY or (retried and row.failure is None):  # else its failure must be written
                if row.seq == hint:
                    return row
                first = first or row
        return first

    def take_unsure(self) -> StepRow | None:
        """The step of the claim that nobody was sure of, if the journal holds it; asked once."""
        lease, self.unsure = self.unsure, None
        if lease is None:
            return None
        wanted = {request.key for request in self.replay.requests()}  # `run` may have withdrawn it since
        rows = (row for row in self.run_rows() if row.lease == lease)
        return next((row for row in rows if row.key in wanted or self.undoing is not None), None)

    def leased(self, row: StepRow, lease: UUID, now: float) -> StepRow:
        """The row as an attempt begins: counted, and leased from now on."""
        config_of(row)  # what cannot be read must not cost an attempt
        until = now + self._settings.lease
        return replace(
            row, status=StepStatus.RUNNING, attempt=row.attempt + 1, lease=lease, wake_at=until, failure=None
        )

    def claim(self, row: StepRow, lease: UUID, now: float) -> StepRow:
        """Count an attempt, before its user code runs, in the next commit."""
        return self.rows.claim(self.leased(row, lease, now))

    def claimed_beside(self, claimed: StepRow) -> None:
        """The journal has counted an attempt on its own; what else it holds now is not known here."""
        self.rows.know(claimed)
        self.compensable = self.compensable or can_be_undone(claimed)
        self._beside = True

    def end_attempt(self, row: StepRow) -> None:
        """Write down how a row ended, or that it will be tried again, and let `run` go on."""
        self.rows.change(row)
        if row.status in STEP_ENDED and self.undoing is not None:
            self.undoing.note(row)
        elif row.status in STEP_ENDED:
            self.tainted = True
            self.replay.feed(result_of(row))
            self._note_end([row])

    def expired(self, now: float) -> StepRow | None:
        """A running attempt whose lease seems to be over, while that still matters."""
        if self.over:
            return None
        rows = self.run_rows()
        return next((r for r in rows if r.status is StepStatus.RUNNING and (r.wake_at or 0) <= now), None)

    def has_siblings(self, row: StepRow) -> bool:
        """Whether another step runs or is ready, on any worker."""
        return any(other.status in ACTIVE and other.seq != row.seq for other in self.run_rows())

    def is_beside(self, row: StepRow) -> bool:
        """Whether others may have moved the instance on while this step's attempt ran."""
        return self._beside or any(r.status is StepStatus.RUNNING and r.seq != row.seq for r in self.run_rows())

    # What goes into the journal, and what comes after.

    @property
    def over(self) -> bool:
        """Whether `run` has ended, and nothing is left to roll back."""
        if self.undoing is not None:
            return self.undoing.outcome is not None
        return self.replay.outcome is not None

    @property
    def changed(self) -> bool:
        """Whether there is something to write."""
        return bool(self.rows.changes) or self.over or self._status() != self.instance.status

    def commit(self, now: float, end: End | None) -> Commit:
        """Everything since the last commit."""
        status, due_at = self._status(), None
        keep_from = None
        if end is not None:
            self._cancel_open(now)
        if end is not None and end.rolls_back:
            status, due_at = Status.ROLLING_BACK, now + self._settings.renudge
        elif end is None:
            due_at = self.due_at(now)
            # While steps run an early look does no harm, and a later one might never come.
            keep_from = now if status is Status.RUNNING else due_at
        moves = self._moves(status)
        return Commit(
            key=self.instance.key, generation=self.instance.generation, rev=self.instance.rev, rev_after=self.rows.rev,
            seq=self.rows.seq, status=status, at=now, due_at=due_at, keep_from=keep_from, moves=moves,
            started_at=self.replay.began_at,
            rows=list(self.rows.changes.values()), events=[(event.id, seq) for event, seq in self._taken], end=end,
            frees_slot=self.limited and status not in (Status.RUNNING, Status.ROLLING_BACK),
            keep=self._settings.error_retention if status is Status.ERRORED else self._settings.success_retention,
        )  # fmt: skip

    def _moves(self, status: Status) -> bool:
        """Whether the feed is to be told of a new status; each, and the end, gets a rev at which it stands."""
        before, rev = self.instance.status, self.instance.rev
        if status != before and self.rows.rev == rev:
            self.rows.rev += 1
        return status != before and status not in TERMINAL and (rev > 0 or status is not Status.RUNNING)

    def _cancel_open(self, now: float) -> None:
        """What `run` asked for in its last breath is not wanted any more."""
        for row in list(self.rows.changes.values()):
            if row.status not in STEP_ENDED:
                self.rows.change(replace(row, status=StepStatus.CANCELLED, ended_at=now, wake_at=None, lease=None))

    def inherit(self, other: Live) -> None:
        """Take over what the pass before this one had still to do."""
        self.fresh += other.fresh
        if other.doubtful:  # its last commit may have opened rows that nobody has nudged
            self.fresh += [row for row in self.open_rows() if row.status is not StepStatus.RUNNING]
        self.unsure, self.trusts_mailbox = other.unsure, other.trusts_mailbox

    def committed(self, commit: Commit) -> list[PendingEvent]:
        """The journal has taken the commit.

        Returns:
            The events that were consumed.
        """
        self.instance = self.instance._replace(
            rev=commit.rev_after, seq=commit.seq, status=commit.status, due_at=commit.due_at,
            inbox=self.instance.inbox - len(commit.events), size=self.instance.size + commit.size,
            started_at=self.instance.started_at or (commit.started_at if commit.begins else None),
        )  # fmt: skip
        self.slotted = self.slotted and not commit.frees_slot
        taken = [event for event, _ in self._taken]
        written = self.rows.written()
        idle = (StepStatus.READY, StepStatus.RETRYING, StepStatus.WAITING)
        self.fresh += [row for row in written if row.status in idle]
        self.compensable = self.compensable or any(map(can_be_undone, written))
        self._taken.clear()
        self.tainted = False
        return taken

    def due_at(self, now: float) -> float:
        """When the alarm must look at the instance if nothing else happens."""
        return due_at(self.open_rows(), now, self._settings)

    def _status(self) -> Status:
        if self.undoing is not None:
            return self.undoing.ends_as if self.undoing.outcome is not None else Status.ROLLING_BACK
        if self.replay.outcome is not None:
            return Status.COMPLETE if isinstance(self.replay.outcome, Completed) else Status.ERRORED
        return Status.RUNNING if any(row.status in ACTIVE for row in self.run_rows()) else Status.WAITING

    def open_rows(self) -> list[StepRow]:
        """What has not ended and is wanted."""
        return self.rows.wanted(self.replay.asked if self.undoing is None else _is_rollback)

    def run_rows(self) -> list[StepRow]:
        """Those of them that are run by user code."""
        return [row for row in self.open_rows() if row.key.kind in RUN]
