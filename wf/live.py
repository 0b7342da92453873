"""One instance as a worker sees it: its open rows, its suspended pass, and what the next commit will say.

Nothing here reads or writes: the engine feeds what the journal holds, and carries the `Commit` to it. Changes lie over
the known rows until the journal has taken them, so that a lost race costs a re-read and no more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from wf.core import Completed, Failed, Kind, StepConfig
from wf.errors import WorkerLostError, WorkflowTimeoutError
from wf.facts import Commit
from wf.faults import encode_error
from wf.journal import ROWS_MAX
from wf.rollback import Undoing, can_be_undone
from wf.rows import envelope, new_row, result_of
from wf.status import STEP_ENDED, TERMINAL, Status, StepStatus

if TYPE_CHECKING:
    from uuid import UUID

    from wf.core import Key, Pass, Request
    from wf.facts import End, InstanceRow, Loaded, PendingEvent, StepRow
    from wf.settings import Settings


_FED = STEP_ENDED - {StepStatus.CANCELLED}


_RUN = (Kind.DO, Kind.ROLLBACK)
"""Kinds of rows that are run by user code."""


def _is_rollback(key: Key) -> bool:
    return key.kind is Kind.ROLLBACK


class _Due(NamedTuple):
    """Something that may be resolved without user code."""

    at: float
    seq: int
    row: StepRow
    event: PendingEvent | None


class Live:
    """An instance in the hands of one worker thread.

    Attributes:
        instance: Its hot row, as last loaded or committed.
        replay: The suspended pass of `run`.
        inbox: Events that no wait has taken; None if the mailbox has not been read since the last load.
        fresh: Rows that the last commits opened, and that have not been nudged; the engine empties it.
        last_rev: The fact after which `run` ended.
        doubtful: Whether nobody knows if the last commit is in the journal.
        unsure: The lease of a claim of which nobody knows whether it is in the journal.
        trusts_mailbox: Whether events may be taken from the mailbox; if it has misled us, Postgres is asked.
        undoing: The rollback, if that is what is left to do.
        limited: Whether its workflow has a limit of concurrency.
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
        self.limited = self.queued = False
        self.slotted = instance.status == Status.RUNNING
        self.last_rev: int | None = None
        self.doubtful = False
        self.unsure: UUID | None = None
        self.trusts_mailbox = True
        self._settings = settings
        self._open: dict[Key, StepRow] = {}
        self._changes: dict[Key, StepRow] = {}
        self._taken: list[tuple[PendingEvent, int]] = []
        self._rev, self._seq = instance.rev, instance.seq
        self._beside = False

    # What the journal says.

    def absorb(self, found: Loaded) -> None:
        """Take in the rows that changed since the last time, in the order of their facts."""
        self.instance = instance = found.instance
        self._rev, self._seq = instance.rev, instance.seq
        self._beside = False
        self.slotted = instance.status == Status.RUNNING
        self._changes.clear()
        self._taken.clear()
        self.inbox = None
        for row in found.rows:
            self.compensable = self.compensable or can_be_undone(row)
            if row.status in STEP_ENDED:
                self._open.pop(row.key, None)
            else:
                self._open[row.key] = row
        fed = (row for row in found.rows if row.status in _FED and row.key.kind is not Kind.ROLLBACK)
        self.replay.feed(*map(result_of, fed))
        self._note_end(found.rows)

    def begin_rollback(self, rows: list[StepRow]) -> None:
        """The pass has found the handlers again; from now on they are what there is to do.

        Args:
            rows: All rows of the journal.
        """
        outcome = self.replay.outcome
        self.replay.end_for_rollback()
        self.undoing = Undoing(
            rows, self.replay.rollbacks, outcome.error if isinstance(outcome, Failed) else None,
            self._settings.max_lost, Status(self.instance.ends_as or Status.ERRORED),
        )  # fmt: skip

    def _note_end(self, rows: list[StepRow]) -> None:
        """Remember the fact after which `run` ended."""
        if self.replay.ended_by is not None and self.last_rev is None:
            self.last_rev = next(row.rev for row in rows if row.key == self.replay.ended_by)

    @property
    def from_seq(self) -> int:
        """Every row with a lower number has ended and was fed."""
        return min((row.seq for row in self._open.values()), default=self.instance.seq + 1)

    @property
    def unreached(self) -> list[Key]:
        """Steps of the journal that the code has not asked for, although all results have been fed."""
        asked = self.replay.asked
        return [*self.replay.unreached, *(key for key in self._open if not asked(key))]

    @property
    def unrecorded(self) -> list[Key]:
        """What the code asks for that the journal does not hold."""
        return [request.key for request in self.replay.requests() if self._row(request.key) is None]

    @property
    def wants_events(self) -> bool:
        """Whether a wait is open, and the mailbox holds events that have not been read."""
        if not self.instance.inbox or self.inbox is not None or self.replay.outcome is not None:
            return False
        return any(request.key.kind is Kind.WAIT for request in self.replay.requests())

    # What can be done without user code.

    def settle(self, now: float) -> bool:
        """Write down what `run` asks for, and resolve what is due, until nothing more happens.

        Returns:
            Whether that is all; if not, there is more than fits into one commit.
        """
        if self.undoing is not None:
            return self._settle_rollback(self.undoing, now)
        while self.replay.outcome is None:
            if len(self._changes) >= ROWS_MAX:
                return False
            requests = self.replay.requests()
            if not requests:
                self.replay.fail_stuck()
                break
            if not self._register(requests, now):
                return False
            due = self._next_due(requests, now)
            if due is None:
                break
            self._resolve(due, now)
        return True

    def _settle_rollback(self, undoing: Undoing, now: float) -> bool:
        while (row := undoing.next(self._row, self._seq + 1, now)) is not None:
            self._seq = max(self._seq, row.seq)
            self.end_attempt(row)
        return True

    def _register(self, requests: list[Request], now: float) -> bool:
        """Give every request a row; False if there are too many for one commit."""
        wanted = set()
        for request in requests:
            wanted.add(request.key)
            if self._row(request.key) is None:
                if len(self._changes) >= ROWS_MAX:
                    return False
                self._seq += 1
                self._change(new_row(request, self._seq, now))
        for key in [*self._open, *self._changes]:
            row = self._changes.get(key) or self._open[key]
            withdrawn = key not in wanted and self.replay.asked(key)
            if withdrawn and row.status not in STEP_ENDED and row.status is not StepStatus.RUNNING:
                self._change(replace(row, status=StepStatus.CANCELLED, ended_at=now, wake_at=None))
        return True

    def _next_due(self, requests: list[Request], now: float) -> _Due | None:
        """The first thing that is due: by its time, then by the order in which it was asked for."""
        spoken_for: set[int] = set()
        found: list[_Due] = []
        for request in requests:
            row = self._row(request.key)
            if row is None:
                continue
            if request.key.kind is Kind.DO:
                if row.status is StepStatus.RETRYING and row.lost and self.gives_up(row):
                    found.append(_Due(now, row.seq, row, None))
                continue
            assert row.wake_at is not None, "sleeps, timers and waits have a wake_at"
            event = self._event_for(request.event_type, row.wake_at, spoken_for) if request.event_type else None
            if event is not None:
                spoken_for.add(event.id)
                found.append(_Due(event.accepted_at, row.seq, row, event))
            elif row.wake_at <= now:
                found.append(_Due(row.wake_at, row.seq, row, None))
        return min(found, key=lambda due: due[:2], default=None)

    def _event_for(self, type: str, deadline: float, spoken_for: set[int]) -> PendingEvent | None:
        for event in self.inbox or ():
            if event.type == type and event.accepted_at <= deadline and event.id not in spoken_for:
                return event
        return None

    def gives_up(self, row: StepRow) -> bool:
        """Whether a row has lost too many attempts to be tried again."""
        return row.lost >= self._settings.max_lost or StepConfig.load(row.config or {}).at_most_once

    def _resolve(self, due: _Due, now: float) -> None:
        row = replace(due.row, status=StepStatus.COMPLETE, ended_at=now)
        if due.event is not None:
            assert self.inbox is not None, "the event came out of it"
            self.inbox.remove(due.event)
            self._taken.append((due.event, row.seq))
            row.output = envelope(due.event)
        elif row.key.kind is Kind.WAIT:
            row.status = StepStatus.ERRORED
            row.error = encode_error(WorkflowTimeoutError((row.config or {}).get("timeout", 0.0)))
        elif row.key.kind is Kind.DO:
            row.status, row.wake_at = StepStatus.ERRORED, None
            row.error = encode_error(WorkerLostError(row.key.name, row.lost))
        self.end_attempt(row)

    # Steps.

    def request(self, key: Key) -> Request:
        """What `run` asked for under this key."""
        if self.undoing is not None:
            return self.undoing.request(key)
        return next(request for request in self.replay.requests() if request.key == key)

    def claimable(self, now: float, hint: int) -> StepRow | None:
        """A step whose attempt may begin: the hinted one, or the first."""
        first: StepRow | None = None
        for row in self._do_rows():
            retried = row.status is StepStatus.RETRYING and (row.wake_at or 0) <= now
            if row.status is StepStatus.READY or (retried and row.failure is None):  # else its failure must be written
                if row.seq == hint:
                    return row
                first = first or row
        return first

    def take_unsure(self) -> StepRow | None:
        """The step of the claim that nobody was sure of, if the journal holds it; asked once."""
        lease, self.unsure = self.unsure, None
        return None if lease is None else next((row for row in self._do_rows() if row.lease == lease), None)

    def leased(self, row: StepRow, lease: UUID, now: float) -> StepRow:
        """The row as an attempt begins: counted, and leased from now on."""
        until = now + self._settings.lease
        return replace(
            row, status=StepStatus.RUNNING, attempt=row.attempt + 1, lease=lease, wake_at=until, failure=None
        )

    def claim(self, row: StepRow, lease: UUID, now: float) -> StepRow:
        """Count an attempt, before its user code runs, in the next commit."""
        claimed = self.leased(row, lease, now)
        if row.key not in self._changes:
            return self._change(claimed)
        self._changes[row.key] = claimed  # asked for and claimed at once is one fact, in the order of asking
        return claimed

    def claimed_beside(self, claimed: StepRow) -> None:
        """The journal has counted an attempt on its own; what else it holds now is not known here."""
        self._open[claimed.key] = claimed
        self.compensable = self.compensable or can_be_undone(claimed)
        self._beside = True

    def end_attempt(self, row: StepRow) -> None:
        """Write down how a row ended, or that it will be tried again, and let `run` go on."""
        self._change(row)
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
        rows = self._do_rows()
        return next((r for r in rows if r.status is StepStatus.RUNNING and (r.wake_at or 0) <= now), None)

    def has_siblings(self, row: StepRow) -> bool:
        """Whether another step runs or is ready, on any worker."""
        active = (StepStatus.RUNNING, StepStatus.READY)
        return any(other.status in active and other.seq != row.seq for other in self._do_rows())

    def is_beside(self, row: StepRow) -> bool:
        """Whether others may have moved the instance on while this step's attempt ran."""
        return self._beside or any(r.status is StepStatus.RUNNING and r.seq != row.seq for r in self._do_rows())

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
        return bool(self._changes) or self.over or self._status() != self.instance.status

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
            key=self.instance.key, generation=self.instance.generation, rev=self.instance.rev, rev_after=self._rev,
            seq=self._seq, status=status, at=now, due_at=due_at, keep_from=keep_from, moves=moves,
            started_at=self.replay.began_at,
            rows=list(self._changes.values()), events=[(event.id, seq) for event, seq in self._taken], end=end,
            frees_slot=self.limited and status not in (Status.RUNNING, Status.ROLLING_BACK),
            keep=self._settings.error_retention if status is Status.ERRORED else self._settings.success_retention,
        )  # fmt: skip

    def _moves(self, status: Status) -> bool:
        """Whether the feed is to be told of a new status; each, and the end, gets a rev at which it stands."""
        before, rev = self.instance.status, self.instance.rev
        if status != before and self._rev == rev:
            self._rev += 1
        return status != before and status not in TERMINAL and (rev > 0 or status is not Status.RUNNING)

    def _cancel_open(self, now: float) -> None:
        """What `run` asked for in its last breath is not wanted any more."""
        for row in list(self._changes.values()):
            if row.status not in STEP_ENDED:
                self._change(replace(row, status=StepStatus.CANCELLED, ended_at=now, wake_at=None, lease=None))

    def inherit(self, other: Live) -> None:
        """Take over what the pass before this one had still to do."""
        self.fresh += other.fresh
        if other.doubtful:  # its last commit may have opened rows that nobody has nudged
            self.fresh += [row for row in self._rows() if row.status is not StepStatus.RUNNING]
        self.unsure, self.trusts_mailbox = other.unsure, other.trusts_mailbox

    def committed(self, commit: Commit) -> list[PendingEvent]:
        """The journal has taken the commit.

        Returns:
            The events that were consumed.
        """
        self.instance = self.instance._replace(
            rev=commit.rev_after, seq=commit.seq, status=commit.status, due_at=commit.due_at,
            inbox=self.instance.inbox - len(commit.events), size=self.instance.size + commit.size,
        )  # fmt: skip
        idle = (StepStatus.READY, StepStatus.RETRYING, StepStatus.WAITING)
        self.fresh += [row for row in self._changes.values() if row.status in idle]
        self.slotted = self.slotted and not commit.frees_slot
        taken = [event for event, _ in self._taken]
        for key, row in self._changes.items():
            self.compensable = self.compensable or can_be_undone(row)
            if row.status in STEP_ENDED:
                self._open.pop(key, None)
            else:
                row.failure = None
                self._open[key] = row
        self._changes.clear()
        self._taken.clear()
        self.tainted = False
        return taken

    def due_at(self, now: float) -> float:
        """When the alarm must look at the instance if nothing else happens."""
        settings, times = self._settings, []
        for row in self._rows():
            if row.status is StepStatus.READY or row.wake_at is None:
                times.append(now + settings.renudge)
            elif row.status is StepStatus.RUNNING:
                times.append(row.wake_at)
            else:
                # A wait this short has a nudge of its own on the way; the alarm only stands behind it.
                soon = row.wake_at - now <= self.countdown_for(row)
                times.append(max(row.wake_at, now) + (settings.alarm_tick if soon else 0.0))
        return min(times, default=now + settings.renudge)

    def countdown_for(self, row: StepRow) -> float:
        """Waits up to so many seconds get a countdown message instead of being left to the alarm."""
        settings = self._settings
        return settings.countdown_max if row.status is StepStatus.RETRYING else 2 * settings.alarm_tick

    def next_wake(self) -> StepRow | None:
        """The row that wakes first."""
        rows = (row for row in self._rows() if row.status in (StepStatus.WAITING, StepStatus.RETRYING))
        return min(rows, key=lambda row: row.wake_at or 0.0, default=None)

    def ready(self) -> list[StepRow]:
        """All steps that wait for a worker."""
        return [row for row in self._do_rows() if row.status is StepStatus.READY]

    def _status(self) -> Status:
        if self.undoing is not None:
            return self.undoing.ends_as if self.undoing.outcome is not None else Status.ROLLING_BACK
        if self.replay.outcome is not None:
            return Status.COMPLETE if isinstance(self.replay.outcome, Completed) else Status.ERRORED
        active = (StepStatus.RUNNING, StepStatus.READY)
        return Status.RUNNING if any(row.status in active for row in self._do_rows()) else Status.WAITING

    def _row(self, key: Key) -> StepRow | None:
        return self._changes.get(key) or self._open.get(key)

    def _rows(self) -> list[StepRow]:
        """What is open and was asked for; a row that the code of today does not reach yet keeps its state."""
        asked = self.replay.asked if self.undoing is None else _is_rollback
        rows = [row for key, row in self._open.items() if key not in self._changes and asked(key)]
        return [row for row in [*rows, *self._changes.values()] if row.status not in STEP_ENDED]

    def _do_rows(self) -> list[StepRow]:
        return [row for row in self._rows() if row.key.kind in _RUN]

    def _change(self, row: StepRow) -> StepRow:
        self._rev += 1
        row.rev = self._rev
        self._changes[row.key] = row
        return row
