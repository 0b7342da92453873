"""Log lines of steps: what a callback logs while its attempt runs is kept with the step.

::

    the callback logs   through Python's `logging`, or `ctx.log`
    the handler         one on the root logger; it finds the attempt in a context variable, and nothing if there is none
    the attempt's part  the first `WF_STEP_LINES` lines, and in the end one that says how many there were more
    the buffer          bounded; a thread, begun with the first line, writes it every half a second in one statement
    the journal         takes the lines of instances that are there, in this generation

Coroutines and tasks that a callback starts inherit the context variable, and so does `asyncio.to_thread`; threads that
it starts by itself do not. `ctx.log` needs no context variable. Whoever logs elsewhere pays for one look-up, and a
worker whose steps log nothing for none. Where no logging is set up, warnings are still printed; but as the root logger
has a handler once a step has begun, `logging.basicConfig` does nothing then: call it before, or with `force=True`.

Lines are no part of what is promised: those of the last half second die with a worker, and while Postgres is away they
wait in the buffer, for a minute at most. How many were lost is logged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from wf.codec import encode
from wf.errors import WfError
from wf.logged import bounded, rendered, trace_of
from wf.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.clock import Clock
    from wf.database import Database
    from wf.facts import InstanceRow, StepRow

EVERY = 0.5
"""Seconds between two writes."""

BUFFER = 10_000
"""Lines that a process keeps in memory at most; what comes beyond them is dropped, and counted."""

BATCH = 1_000
"""Lines in one statement."""

PATIENCE = 60.0
"""Seconds for which a line waits for Postgres, or for whoever holds its instance."""

LEVEL = logging.INFO
"""Nothing below it is kept, even if its logger lets it through."""

CONTEXT_LOGGER = "wf.step"
"""The logger of `ctx.log`, whose lines come here by a way of their own."""

_HIGHEST = 32_767  # level that the column holds
_LOGGER_LENGTH = 200
_PASSED_BY = frozenset({CONTEXT_LOGGER, "celery.redirected"})  # what is printed is no log line
_MORE = "{} more line(s) of this attempt were not kept (WF_STEP_LINES is {})."

log = structlog.get_logger("wf")


class Line(NamedTuple):
    """A line on its way.

    Attributes:
        key: The instance.
        generation: Its generation.
        seq: The step.
        attempt: The number of the attempt.
        at: When, by the clock of the journal.
        level: As `logging` numbers it.
        logger: The logger's name.
        message: Encoded.
        since: When it came into the buffer, on this process's monotonic clock.
    """

    key: int
    generation: int
    seq: int
    attempt: int
    at: float
    level: int
    logger: str
    message: bytes
    since: float


class Part:
    """The lines of one attempt.

    Args:
        lines: Where they go.
        instance: Whose they are.
        row: The step, claimed.
    """

    __slots__ = ("_ended", "_instance", "_lines", "_numbers", "_row")

    def __init__(self, lines: Lines, instance: InstanceRow, row: StepRow) -> None:
        self._lines, self._instance, self._row = lines, instance, row
        self._numbers = count(1)  # several threads may take from it
        self._ended = False

    def has_room(self, level: int) -> bool:
        """Whether a line of this level is kept; it is counted. To be asked before a line is made, which costs more."""
        return level >= LEVEL and not self._ended and next(self._numbers) <= self._lines.limit

    def put(self, level: int, logger: str, text: str, trace: str = "") -> None:
        """Keep a line for which there is room.

        Args:
            level: As `logging` numbers it.
            logger: The logger's name.
            text: What was logged.
            trace: The traceback, if an error was logged.
        """
        instance, row = self._instance, self._row
        name = logger[:_LOGGER_LENGTH].encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
        self._lines.put(
            Line(
                instance.key, instance.generation, row.seq, row.attempt, self._lines.clock.now(), min(level, _HIGHEST),
                name, encode(bounded(text, trace)), time.monotonic(),
            )
        )  # fmt: skip

    def keep(self, _logger: Any, method: str, event: Any) -> Any:
        """A processor for structlog: keeps what passes, and lets it pass as it is."""
        level = logging.ERROR if method == "exception" else logging.getLevelNamesMapping().get(method.upper(), LEVEL)
        if self.has_room(level):
            try:
                self.put(level, CONTEXT_LOGGER, *rendered(event))
            except Exception as error:  # a repr of the author's own; where the line goes to, that is dealt with
                self.put(level, CONTEXT_LOGGER, f"[a line that cannot be shown: {type(error).__name__}]")
        return event

    @contextmanager
    def current(self) -> Iterator[None]:
        """While this is entered, what is logged belongs to this attempt."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)
            self._ended = True
            if (more := next(self._numbers) - 1 - self._lines.limit) > 0:
                self.put(logging.WARNING, "wf", _MORE.format(more, self._lines.limit))


class Lines:
    """The lines of this process's attempts.

    Args:
        database: Where they are written.
        clock: Says when they were logged.
        limit: How many of one attempt are kept; 0 for none.
    """

    def __init__(self, database: Database, clock: Clock, limit: int) -> None:
        self.clock, self.limit = clock, limit
        self._database, self._sql = database, statements()
        self._buffer: deque[Line] = deque()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._dropped = 0
        self._closed = False

    def of(self, instance: InstanceRow, row: StepRow) -> Part | None:
        """The lines of the attempt that begins with a claimed row; None if none are kept."""
        if not self.limit:
            return None
        _install()
        return Part(self, instance, row)

    def put(self, line: Line) -> None:
        """Take a line; the thread will write it."""
        with self._changed:
            if len(self._buffer) >= BUFFER or self._closed:
                self._dropped += 1
                return
            self._buffer.append(line)
            if self._thread is None:
                self._begin()
            elif len(self._buffer) == 1:
                self._changed.notify()

    def _begin(self) -> None:
        thread = threading.Thread(target=self._write_on, name="wf-lines", daemon=True)
        with suppress(RuntimeError):  # no more threads are to be had; the next line tries again
            thread.start()
            self._thread = thread

    def flush(self) -> int:
        """Write what is in the buffer, once.

        Returns:
            How many lines wait for another time: Postgres is away, or somebody is at work on their instance.
        """
        with self._writing:
            waiting: list[Line] = []
            for _ in range(BUFFER // BATCH + 1):
                with self._changed:
                    batch = [self._buffer.popleft() for _ in range(min(BATCH, len(self._buffer)))]
                if not batch:
                    break
                waiting += self._write(batch)
            kept = [line for line in waiting if line.since > time.monotonic() - PATIENCE]
            with self._changed:
                room = max(BUFFER - len(self._buffer), 0)
                self._buffer.extendleft(reversed(kept[:room]))
                dropped, self._dropped = self._dropped + len(waiting) - len(kept[:room]), 0
        if dropped:
            log.warning("log lines of steps dropped; they could not be written in time", lines=dropped)
        return len(kept)

    def close(self) -> None:
        """Write what is left, and stop the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(EVERY * 10)
        elif self._buffer:
            self.flush()

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._buffer or self._closed)
                self._changed.wait_for(lambda: self._closed, EVERY)
                closed = self._closed
            self.flush()
            if closed:
                return

    def _write(self, batch: list[Line]) -> list[Line]:
        """Write lines; those that must wait."""
        names = ("keys", "generations", "seqs", "attempts", "ats", "levels", "loggers", "messages")
        columns = zip(*[line[:-1] for line in batch], strict=True)
        params = {name: list(column) for name, column in zip(names, columns, strict=True)}
        try:
            held = {key for (key,) in self._database.rows(self._sql["lines_keep"], params)}
        except WfError:  # of Postgres; whoever runs steps will say so
            return batch
        except Exception as error:  # one of them is to blame, and would be again; the thread must outlive it
            log.warning("log lines of steps lost", lines=len(batch), reason=f"{type(error).__name__}: {error}")
            return []
        return [line for line in batch if line.key in held]


class _Handler(logging.Handler):
    """Gives what is logged to the attempt that runs in this context."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record, if it belongs to an attempt."""
        resort = logging.lastResort
        if resort is not None and record.levelno >= resort.level and _is_alone(record.name):
            resort.handle(record)
        part = _CURRENT.get()
        if part is None or record.name in _PASSED_BY:
            return
        try:
            if part.has_room(record.levelno):
                error = record.exc_info[1] if record.exc_info else None
                part.put(record.levelno, record.name, record.getMessage(), trace_of(error))
        except Exception:  # an author's own arguments, which may refuse to become text
            self.handleError(record)


_CURRENT: ContextVar[Part | None] = ContextVar("wf_lines", default=None)
_HANDLER = _Handler(LEVEL)
_ROOT, _TASKS = logging.getLogger(), logging.getLogger("celery.task")


def _install() -> None:
    """See to it that the handler is there. Whoever sets up logging, Celery first of all, throws out those of others."""
    if _HANDLER not in _ROOT.handlers:
        _ROOT.addHandler(_HANDLER)
    if not _TASKS.propagate and _HANDLER not in _TASKS.handlers:  # Celery's get_task_logger
        _TASKS.addHandler(_HANDLER)


def _is_alone(name: str) -> bool:
    """Whether nobody but our handler gets what this logger logs: then `logging` would have printed it without us."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        if any(handler is not _HANDLER for handler in logger.handlers):
            return False
        logger = logger.parent if logger.propagate else None
    return True
