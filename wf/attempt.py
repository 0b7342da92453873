"""One attempt: what is known of a callback that runs, and who may say how it ended."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wf.codec import CodecError, decode, encode
from wf.errors import AttemptStopped, SerializationError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from wf.core import StepConfig
    from wf.facts import InstanceRow, StepRow
    from wf.journal import Held
    from wf.lines import Part
    from wf.spans import AttemptSpan

GRACE = 5.0
"""Seconds after its timeout at which an async attempt is given up that does not let itself be cancelled."""


class AttemptGone(BaseException):
    """The attempt is not ours any more: its lease is lost, or its time ran out and was recorded. Drop its result."""


@dataclass(eq=False, slots=True)
class Attempt:
    """One execution of a callback.

    Attributes:
        instance: The instance as it was at the claim.
        row: The claimed step row.
        config: The step's configuration, the first-used one.
        deadline: When it must be over, on this process's monotonic clock.
        held_until: When its lease ends unless a heartbeat succeeds, on the same clock.
        details_max: Most bytes of what a heartbeat may tell.
        before: What the heartbeats of earlier attempts told last, encoded.
        begun: When it began, on the same clock.
        claimed_at: When it began, on the journal's clock.
        cancelled: Set when the callback should stop.
        stopped: Whether it should because nobody wants its result any more.
        recorded: Whether the journal already holds its end.
        is_async: Whether the callback is a coroutine function, which has a timeout of its own on the loop.
        future: The coroutine on the shared loop, if the callback is async.
        details: What its own heartbeats told last, encoded.
        details_kept: The same, as far as the journal holds it.
        lines: What it logs; None if that is not kept.
        span: What is told of it to OpenTelemetry; None if nothing is.
    """

    instance: InstanceRow
    row: StepRow
    config: StepConfig
    deadline: float
    held_until: float
    details_max: int
    before: bytes | None = None
    begun: float = field(default_factory=time.monotonic)
    claimed_at: float = 0.0
    cancelled: threading.Event = field(default_factory=threading.Event)
    stopped: bool = False
    recorded: bool = False
    is_async: bool = False
    future: Future[Any] | None = None
    details: bytes | None = None
    details_kept: bytes | None = None
    lines: Part | None = None
    span: AttemptSpan | None = None
    _settled: threading.Lock = field(default_factory=threading.Lock)

    @property
    def limit(self) -> float:
        """When the minder ends it: a coroutine should have been cancelled by then, unless it holds up the loop."""
        return self.deadline + (GRACE if self.is_async or self.future is not None else 0.0)

    @property
    def held(self) -> Held:
        """Where its lease stands, and the lease."""
        assert self.row.lease is not None, "a claimed row has a lease"
        return self.instance.key, self.instance.generation, self.row.seq, self.row.lease

    @property
    def has_news(self) -> bool:
        """Whether a heartbeat told something that the journal does not hold yet."""
        return self.details is not self.details_kept

    def settle(self) -> bool:
        """Decide, once, who says how the attempt ended."""
        return self._settled.acquire(blocking=False)

    def stop(self) -> None:
        """Tell the callback to stop; a coroutine is cancelled."""
        self.stopped = True
        self.cancelled.set()
        if self.future is not None:
            self.future.cancel()

    def tell(self, details: Any) -> None:
        """Take what a heartbeat of the callback tells; None leaves what was told before.

        Raises:
            AttemptStopped: The callback should stop.
            PayloadTooLarge: The details are larger than `details_max`.
            SerializationError: They cannot be stored.
        """
        if self.cancelled.is_set():
            raise AttemptStopped(str(self.row.key), self.instance.id)
        if details is None:
            return
        what = f"The heartbeat's details of step {str(self.row.key)!r}"
        data = encode(details, what=what, limit=self.details_max)
        try:
            decode(data)
        except CodecError as error:  # the next attempt would stumble over it
            raise SerializationError("$", f"it could not be read back: {error}") from error
        self.details = data
