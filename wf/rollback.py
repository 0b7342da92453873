"""Rollback: undo what an instance did, last step first, one handler in each Celery task.

It begins when `run` has failed, or when an instance is terminated with `rollback=True`. Handlers are functions, which
no journal can keep: a replay of `run` has asked for the steps again, and with them come their handlers. Which steps
have begun, and which handlers are done, the journal knows: a handler has a row of its own, of kind `rollback`, under
the name and occurrence of its step, with attempts and retries like any step. The first handler that fails for good
ends it all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.codec import decode
from wf.core import Key, Kind, Request, StepConfig
from wf.errors import RollbackMissing, StepError, WorkerLostError
from wf.facts import End, StepRow
from wf.faults import encode_error, summary
from wf.status import STEP_ENDED, Status, StepStatus
from wf.undo import call_rollback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wf.context import StepContext
    from wf.core import Rollback


def can_be_undone(row: StepRow) -> bool:
    """Whether a step has begun that has a rollback."""
    return bool(row.attempt and row.config and row.config.get("rollback")) and row.key.kind is Kind.DO


def handler_key(step: Key) -> Key:
    """The key of the row that belongs to a step's handler."""
    return Key(Kind.ROLLBACK, step.name, step.count)


class Undoing:
    """The rollback of one instance, in the hands of one worker thread.

    Args:
        rows: All rows of the journal.
        handlers: What the replay of `run` has found, by the key of the step.
        error: What made the run fail.
        gives_up: Whether a row has lost too many attempts to be tried again.
        ends_as: The status that the instance comes to afterwards.

    Attributes:
        outcome: How it ended, for the instance's record; None while there is something to do.
    """

    def __init__(
        self, rows: list[StepRow], handlers: Mapping[Key, Rollback], error: BaseException | None,
        gives_up: Callable[[StepRow], bool], ends_as: Status,
    ) -> None:  # fmt: skip
        self.ends_as = ends_as
        self.error = error or StepError("Terminated", "Instance terminated during rollback")
        self.outcome: dict[str, Any] | None = None
        self._steps = sorted(filter(can_be_undone, rows), key=lambda row: row.seq, reverse=True)
        self._ended = {row.key: row for row in rows if row.key.kind is Kind.ROLLBACK and row.status in STEP_ENDED}
        self._handlers, self._gives_up = handlers, gives_up

    def note(self, row: StepRow) -> None:
        """A handler's row has ended."""
        self._ended[row.key] = row

    def next(self, open_row: Callable[[Key], StepRow | None], seq: int, now: float) -> StepRow | None:
        """The next change of a row: a handler's turn has come, or it cannot be run. None: nothing to write.

        Args:
            open_row: Finds the row of a handler that has not ended.
            seq: Number for a new row.
            now: Seconds since the epoch.
        """
        for step in self._steps:
            key = handler_key(step.key)
            ended = self._ended.get(key)
            if ended is None:
                return self._turn(step, open_row(key), seq, now)
            if ended.status is StepStatus.ERRORED:
                self.outcome = {"outcome": "failed", "error": _shown(ended)}
                return None
        self.outcome = {"outcome": "complete", "error": None}
        return None

    def _turn(self, step: StepRow, row: StepRow | None, seq: int, now: float) -> StepRow | None:
        key = handler_key(step.key)
        if step.key not in self._handlers:
            return self._failed(row or StepRow(seq, key, StepStatus.READY), RollbackMissing(str(step.key)), now)
        if row is None:
            config = self._handlers[step.key].config
            return StepRow(seq, key, StepStatus.READY, config=config.dump() or None)
        if row.status is StepStatus.RETRYING and row.lost and self._gives_up(row):
            return self._failed(row, WorkerLostError(key.name, row.lost), now)
        return None

    def _failed(self, row: StepRow, error: Exception, now: float) -> StepRow:
        row.status, row.error, row.ended_at, row.wake_at = StepStatus.ERRORED, encode_error(error), now, None
        return row

    def request(self, key: Key) -> Request:
        """What the engine runs for a handler's row."""
        step = next(row for row in self._steps if handler_key(row.key) == key)
        handler = self._handlers[step.key]

        def undo(ctx: StepContext) -> Any:
            ctx.update(attempt=step.attempt, config=StepConfig.shown(step.config))
            output = decode(step.output) if step.output is not None else None
            return call_rollback(handler.handler, ctx, self.error, output)

        return Request(key, callback=undo, config=handler.config)

    def end(self) -> End:
        """How the instance ends, once there is an `outcome`; its own error stays what it was."""
        return End(rollback=self.outcome)


def _shown(row: StepRow) -> dict[str, str] | None:
    if row.error is None:
        return None
    found = summary(row.error)
    return {"name": found.name, "message": found.message}
