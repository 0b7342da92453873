"""The journal as the engine uses it: load, commit, record, lose, extend. Every write is fenced.

A commit moves an instance from the rev that the caller has seen to a later one, with all facts in between, in one
statement; if anybody else was quicker nothing is written and the answer is no.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int8

from wf.clock import Clock, journal_clock
from wf.codec import CodecError
from wf.commits import statement
from wf.core import Key, Kind
from wf.facts import Given, InstanceRow, Loaded, PendingEvent, StepRow, Wake
from wf.sql import statements
from wf.status import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from wf.database import Database
    from wf.facts import Commit
    from wf.status import Status
    from wf.transactions import Execute

Held = tuple[int, int, int, "UUID"]
"""A running attempt: instance, generation, seq, lease."""


UNLIMITED = 2**63 - 1
"""Bytes of results of an instance for whoever sets no limit."""


class Journal:
    """What the engine reads and writes.

    Args:
        database: Where.
        clock: Whose time; the database's own by default.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self.database = database
        self.clock: Clock = clock or journal_clock()
        self.worker = f"{socket.gethostname()}:{os.getpid()}"
        self._sql = statements()

    def load(self, key: int, *, seen: int = 0, from_seq: int = 0) -> Loaded | None:
        """The instance and the step rows that changed since rev `seen`, in the order of their facts.

        Args:
            key: The instance.
            seen: Rev up to which the caller knows everything.
            from_seq: Rows with a lower number have ended and are known to the caller.

        Returns:
            None if there is no such instance.
        """
        params = {"key": key, "seen": seen, "from_seq": from_seq, "now": self.clock.override()}
        found = self.database.read(self._sql["instance_load"], params)
        if not found:
            return None
        first = found[0]
        width = len(InstanceRow._fields) - 1
        self.clock.observe(first[width])
        instance = InstanceRow(key, *first[:width])
        rows = [_step_row(row[width + 1 : -3]) for row in found if row[width + 1] is not None]
        return Loaded(instance, rows, None if first[-3] is None else Given(*first[-3:]))

    def given(self, key: int) -> Given:
        """What `run` of an instance is handed."""
        return Given(*self.database.read(self._sql["instance_params"], {"key": key})[0])

    def error(self, key: int) -> bytes | None:
        """What an instance has failed with, if it has; encoded."""
        found = self.database.read(self._sql["instance_error"], {"key": key})
        return found[0][0] if found else None

    def restart_over(self, workflow: str) -> str | None:
        """What operators have set for restarts over the class of a workflow, as JSON text."""
        found = self.database.read(self._sql["workflow_restart"], {"name": workflow})
        return found[0][0] if found else None

    def commit(self, commit: Commit) -> bool:
        """Write all of it, or nothing.

        Returns:
            Whether the instance was still at `commit.rev`.
        """
        sql, params = statement(commit, self.database.cipher)
        params |= {"worker": self.worker, "now": self.clock.override()}
        found = self.database.rows(sql, params)
        if found:
            self.clock.observe(found[0][0])
        return bool(found)

    def claim(self, instance: InstanceRow, before: StepRow, claimed: StepRow, *, limited: bool = False) -> int | None:
        """Begin an attempt beside others, whatever they have done meanwhile.

        Args:
            instance: Its key and generation count.
            before: The row as the caller knows it; if it has changed since, nothing happens.
            claimed: The row with its lease.
            limited: Whether the instance may run only while it holds a slot.

        Returns:
            The rev of this fact, or None: the step is somebody else's, or no longer wanted.
        """
        params = {
            "key": instance.key, "generation": instance.generation, "seq": before.seq, "row_rev": before.rev,
            "lease": claimed.lease, "worker": self.worker, "wake_at": claimed.wake_at, "at": self.clock.now(),
            "limited": limited,
        }  # fmt: skip
        found = self.database.rows(self._sql["step_claim"], params)
        return found[0][0] if found else None

    def record(
        self, instance: InstanceRow, row: StepRow, lease: UUID, *, due_in: float, max_state: int = UNLIMITED,
        execute: Execute | None = None,
    ) -> int | None:  # fmt: skip
        """Write the end of an attempt, whatever its siblings have done meanwhile.

        Args:
            instance: Its key and generation count.
            row: The step row as it shall be.
            lease: Token of the attempt.
            due_in: Seconds until the alarm looks at the instance at the latest.
            max_state: Bytes that all results of the instance may take together.
            execute: Runs the statement in a transaction that the caller commits; in one of its own if absent.

        Returns:
            The rev of this fact, or None: the attempt is not ours any more, or there is no room for its result.
        """
        params = {
            "key": instance.key, "generation": instance.generation, "seq": row.seq, "lease": lease,
            "status": row.status, "output": row.output, "error": row.error, "wake_at": row.wake_at,
            "ended_at": row.ended_at, "failure": row.failure, "due_in": due_in,
            "failed_at": row.failed_at or self.clock.now(),
            "now": self.clock.override(), "bytes": Int8(len(row.output or b"")), "max_state": Int8(max_state),
        }  # fmt: skip
        found = (execute or self.database.rows)(self._sql["attempt_record"], params)
        return found[0][0] if found else None

    def lose(self, instance: InstanceRow, row: StepRow, *, again: bool = True) -> bool:
        """Declare an attempt lost whose lease has run out.

        Args:
            instance: The instance at its rev.
            row: The step row with its lease.
            again: Whether another attempt follows.

        Returns:
            Whether it was still so by the database's clock and nobody else was quicker.
        """
        params = {
            "key": instance.key, "generation": instance.generation, "rev": instance.rev, "seq": row.seq,
            "lease": row.lease, "again": again, "now": self.clock.override(),
        }  # fmt: skip
        return bool(self.database.rows(self._sql["attempt_lose"], params))

    def extend(self, attempts: list[Held], lease: float) -> set[UUID]:
        """Extend the leases of running attempts.

        Returns:
            The leases that are still ours.
        """
        params = {**columns(attempts), "lease": lease, "now": self.clock.override()}
        return {row[0] for row in self.database.rows(self._sql["lease_extend"], params)}

    def settle_pause(self, instance: InstanceRow) -> None:
        """Let an instance be paused if no attempt of it runs any more; else look again when the leases end."""
        params = {"key": instance.key, "rev": instance.rev, "now": self.clock.override()}
        self.database.rows(self._sql["pause_settle"], params)

    def defer(self, instance: InstanceRow, pause: float) -> None:
        """Give back an instance that this worker cannot run.

        Args:
            instance: At its rev.
            pause: Seconds until it is offered again; twice as many after each nudge that has had no effect.
        """
        params = {"key": instance.key, "generation": instance.generation, "rev": instance.rev, "pause": pause}
        self.database.rows(self._sql["instance_defer"], params | {"now": self.clock.override()})

    def halt(
        self,
        key: int,
        error: bytes,
        reason: str,
        statuses: Iterable[Status],
        *,
        rev: int | None = None,
        nudges: int = 0,
    ) -> bool:
        """Pause an instance that cannot go on.

        Args:
            key: Which instance.
            error: Says why, encoded.
            reason: The same in a word, for the audit.
            statuses: Those in which it is paused.
            rev: Only at this one.
            nudges: Only after so many in vain; while a step of it runs they are not.

        Returns:
            Whether it is paused now.
        """
        params = {
            "key": key, "error": error, "reason": reason, "statuses": sorted(map(str, statuses)), "rev": rev,
            "nudges": nudges, "now": self.clock.override(),
        }  # fmt: skip
        return bool(self.database.rows(self._sql["instance_halt"], params))

    def warn(self, key: int, warnings: list[str]) -> None:
        """Let the instance show what is wrong with it, while it goes on."""
        self.database.rows(self._sql["instance_warn"], {"key": key, "warnings": Jsonb(warnings)})

    def pending_events(self, key: int) -> list[PendingEvent]:
        """Accepted events that no wait has taken, oldest first."""
        rows = self.database.read(self._sql["event_pending"], {"key": key})
        return [PendingEvent(id, type, bytes(payload), at) for id, type, payload, at in rows]

    def due(self, *, ahead: float, limit: int, renudge: float, latest: int = 0) -> list[Wake]:
        """Take what is due within `ahead` seconds; whoever gets it must nudge it.

        Args:
            ahead: Seconds to look ahead.
            limit: Most instances to take: those that have been due for longest.
            renudge: Seconds until an instance is due again if the nudge has no effect; doubles each time.
            latest: How many of these shall be those that come to be due last.
        """
        params = {
            "ahead": ahead, "oldest": limit - latest, "latest": latest, "renudge": renudge,
            "now": self.clock.override(),
        }  # fmt: skip
        return [Wake(*row) for row in self.database.rows(self._sql["alarm_due"], params)]

    def undue(self, wakes: list[Wake], *, due_in: float) -> None:
        """Give back what `due` has taken: it could not be nudged, and shall be due again in so many seconds."""
        params = {"keys": [wake.key for wake in wakes], "due_in": due_in, "now": self.clock.override()}
        self.database.rows(self._sql["alarm_undo"], params)

    def ticked(self, name: str = "alarm") -> None:
        """Note that the alarm, or another task of beat, has run, and what time it is: countdowns count from it."""
        found = self.database.rows(self._sql["alarm_ticked"], {"name": name, "now": self.clock.override()})
        self.clock.observe(found[0][0])

    def alarm_is_silent(self, silence: float) -> bool:
        """Whether no alarm has run for so many seconds."""
        params = {"silence": silence, "now": self.clock.override()}
        return bool(self.database.read(self._sql["alarm_silent"], params)[0][0])


def columns(attempts: list[Held]) -> dict[str, list[Any]]:
    """Running attempts as parameters of a statement."""
    names = ("keys", "generations", "seqs", "leases")
    return {name: list(column) for name, column in zip(names, zip(*attempts, strict=True), strict=True)}


def _step_row(row: tuple[Any, ...]) -> StepRow:
    seq, kind, name, count, status, config, attempt, lost, lease, wake_at, ended_at, rev, output, error = row
    if config is not None and not isinstance(config, dict):
        raise CodecError(f"Config of step {f'{name}-{count}'!r}: {config!r:.120} is no configuration.")
    try:
        key, stands = Key(Kind(kind), name, count), StepStatus(status)
    except ValueError as unknown:
        raise CodecError(f"Step {f'{name}-{count}'!r}: {unknown}; a newer release wrote it.") from unknown
    return StepRow(
        seq, key, stands, rev, config=config, attempt=attempt, lost=lost,
        lease=lease, wake_at=wake_at, ended_at=ended_at, output=output, error=error,
    )  # fmt: skip
