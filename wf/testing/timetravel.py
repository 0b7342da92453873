"""Time travel: move the clock of a test, and let everything happen on the way that is due, in its order."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wf.durations import seconds
from wf.errors import WfError
from wf.sql import statements
from wf_reaper.restarts import Restarts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from wf.testing.clock import MovableClock
    from wf.testing.crew import Crew
    from wf.testing.messages import Messages
    from wf_tasks.runtime import Runtime

PATIENCE = 10.0
"""Real seconds that the steps on the way may take, all of one moment together."""

STOPS = 100_000
"""Moments at which something may happen in one journey."""

__tracebackhide__ = True  # of what fails here pytest shows the line of the test


class TimeStandsStill(WfError, TimeoutError):
    """Time cannot be moved, because a step does not come to its end, or because there would be no end of stops."""

    code = "testing.time_stands_still"


class Time:
    """The time of a test. It flows as real time does, unless it is frozen; waits are real unless it is moved.

    Args:
        clock: What is moved.
        crew: Does what is due.
        messages: Those that are for later.
        runtime: A worker's, for alarm and reaper.
    """

    def __init__(self, clock: MovableClock, crew: Crew, messages: Messages, runtime: Runtime) -> None:
        self._clock, self._crew, self._messages, self._runtime = clock, crew, messages, runtime
        self._restarts, self._sql = Restarts(runtime), statements()

    def now(self) -> datetime:
        """The time now, in UTC."""
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def freeze(self) -> None:
        """Stand still until `flow`: from now on only `advance` and `move_to` move time."""
        self._clock.freeze()

    def flow(self) -> None:
        """Flow as real time does, from the time that it is."""
        self._clock.flow()

    def advance(self, duration: float | str | timedelta) -> None:
        """Move time on, waking exactly what is due on the way, each at its moment, in order.

        Sleeps end, waits time out, retries begin, schedules fire, and the reaper restarts. Each moment is over when all
        that it woke has run as far as it can. Retention removes nothing, so that a test can look at what has ended.

        Args:
            duration: Seconds, a timedelta, or text such as `"3 days"`.

        Raises:
            TimeStandsStill: A step has not ended after 10 real seconds, or something is due again and again.
        """
        length = seconds(duration, what="advance()")
        with self._held():
            self._settle()  # what has begun, sleeps too, has begun before time moves
            self._travel(self._clock.now() + length)

    def move_to(self, moment: datetime) -> None:
        """As `advance`, to a moment (naive means local time).

        Raises:
            ValueError: It is past; time never runs backwards.
        """
        at = moment.astimezone().timestamp()
        if at < self._clock.now():
            raise ValueError(f"move_to() cannot go back: it is {self.now().isoformat()}, {moment.isoformat()} is past.")
        with self._held():
            self._settle()
            self._travel(at)

    def _travel(self, target: float) -> None:
        before: list[float] = []
        for _ in range(STOPS):
            at = self.next_at()
            if at is None or at > target:
                break
            before = [*before[-2:], at]
            if before.count(at) == 3:
                raise TimeStandsStill(f"Something stays due at {self.now().isoformat()}, whatever is done about it.")
            self._clock.set(at)
            self._happen()
        else:
            raise TimeStandsStill(f"Something was due {STOPS} times on the way; it is {self.now().isoformat()}.")
        self._clock.set(target)

    def next_at(self) -> float | None:
        """When something happens next by itself, in seconds since the epoch; None if nothing does."""
        due = self._runtime.database.rows(self._sql["testing_due"], {})[0][0]
        return min((at for at in (due, self._messages.next_at()) if at is not None), default=None)

    def _happen(self) -> None:
        """Let everything happen that is due now."""
        self._messages.release()
        self._runtime.alarm.run_once()
        self._restarts.run_once()
        self._settle()

    def _settle(self) -> None:
        if not self._crew.settle(PATIENCE):
            raise TimeStandsStill(
                f"Time cannot be moved on: steps still run after {PATIENCE:.0f} s. A callback that waits for something "
                f"which the test does later blocks it; let it end first, or mock its result."
            )
        self._crew.check()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Let time stand still but for what moves it here."""
        flowed = self._clock.flows
        self._clock.freeze()
        try:
            yield
        finally:
            if flowed:
                self._clock.flow()
