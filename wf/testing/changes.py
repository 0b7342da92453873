"""What a test wants to be otherwise in an instance: plain data, asked by the interceptor, written by the modifier."""

from __future__ import annotations

import math
import threading
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

When = Literal["before", "during", "after"]
"""When a worker crashes: after the claim, inside the callback, or after it and before the record."""


class Selected(NamedTuple):
    """A step by its name and its occurrence, from 1."""

    name: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls


@dataclass(slots=True)
class Faults:
    """What attempts fail with, by their number.

    Attributes:
        given: Each with the number of the last attempt that it counts for.
    """

    given: list[tuple[float, BaseException]] = field(default_factory=list)

    def add(self, error: BaseException, times: int | None) -> None:
        """Let the next `times` attempts fail with it, or all that follow."""
        before = self.given[-1][0] if self.given else 0
        self.given.append((math.inf if times is None else before + times, error))

    def of(self, attempt: int) -> BaseException | None:
        """What this attempt fails with."""
        return next((error for last, error in self.given if attempt <= last), None)


@dataclass
class Changes:
    """All changes to one instance; they stay over a restart.

    Attributes:
        sleeps_off: Sleeps that are over at once.
        all_sleeps_off: Whether all are.
        delays_off: Steps that are retried at once.
        all_delays_off: Whether all are.
        results: What steps give, without being called.
        errors: What attempts of a step fail with, without being called.
        timeouts: Attempts of a step that time out, without being called.
        late: Waits that time out at once.
        events: Events for the waits, by type, in their order.
        crashes: How attempts of a step end their worker; each happens once.
    """

    sleeps_off: set[Selected] = field(default_factory=set)
    all_sleeps_off: bool = False
    delays_off: set[Selected] = field(default_factory=set)
    all_delays_off: bool = False
    results: dict[Selected, Any] = field(default_factory=dict)
    errors: dict[Selected, Faults] = field(default_factory=dict)
    timeouts: dict[Selected, Faults] = field(default_factory=dict)
    late: set[Selected] = field(default_factory=set)
    events: dict[str, list[Any]] = field(default_factory=dict)
    crashes: dict[Selected, list[When]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def copied(self) -> Changes:
        """The same changes, to be gone on with apart."""
        return Changes(
            set(self.sleeps_off), self.all_sleeps_off, set(self.delays_off), self.all_delays_off, dict(self.results),
            {step: Faults(copy(faults.given)) for step, faults in self.errors.items()},
            {step: Faults(copy(faults.given)) for step, faults in self.timeouts.items()},
            set(self.late), {type: copy(held) for type, held in self.events.items()},
            {step: copy(held) for step, held in self.crashes.items()},
        )  # fmt: skip

    def take(self, other: Changes) -> None:
        """Add other changes, which win where both say something."""
        self.sleeps_off |= other.sleeps_off
        self.all_sleeps_off = self.all_sleeps_off or other.all_sleeps_off
        self.delays_off |= other.delays_off
        self.all_delays_off = self.all_delays_off or other.all_delays_off
        self.late |= other.late
        for mine, more in (
            (self.results, other.results), (self.errors, other.errors), (self.timeouts, other.timeouts),
            (self.events, other.events), (self.crashes, other.crashes),
        ):  # fmt: skip
            mine.update(more)  # type: ignore[arg-type]  # of the same type, pair by pair

    def skips_sleep(self, step: Selected) -> bool:
        """Whether a sleep is over at once."""
        return self.all_sleeps_off or step in self.sleeps_off

    def skips_delay(self, step: Selected) -> bool:
        """Whether a step is retried at once."""
        return self.all_delays_off or step in self.delays_off

    def fault(self, step: Selected, attempt: int) -> BaseException | None:
        """What an attempt fails with instead of being run: a mocked error before a forced timeout."""
        for faults in (self.errors.get(step), self.timeouts.get(step)):
            if faults is not None and (error := faults.of(attempt)) is not None:
                return error
        return None

    def crash(self, step: Selected) -> When | None:
        """How the attempt that begins now ends its worker; told once."""
        with self._lock:
            held = self.crashes.get(step)
            return held.pop(0) if held else None
