"""When the breaker of a workflow opens, probes and closes. Nothing here reads or writes: `wf.breakers` does.

::

    closed --(so many errored within so long)--> open --(pause is over)--> probing --(one ends well)--> closed
                                                  ^                           |
                                                  +------(one errors)---------+   the pause is doubled, up to 8 times

Failures are counted from `wf.metric`, which workers add to every few seconds, by the minute of the failure. The errored
instances themselves would not do: there is no index by the time of their end, a restart makes them forget it, and the
newest ones by key are not those that ended last. So the numbers are some seconds old, the window is up to a minute
longer than declared, and what a killed worker had not written yet is not counted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 8
"""A pause is doubled each time that a probe fails, up to so many times its length."""


class State(StrEnum):
    """What a breaker lets through."""

    CLOSED = "closed"
    """Everything."""
    OPEN = "open"
    """Nothing begins, and nothing that waited goes on."""
    PROBING = "probing"
    """One instance at a time."""


_ADMITS = {State.CLOSED: None, State.OPEN: 0, State.PROBING: 1}


class Action(StrEnum):
    """What happens to a breaker, as the audit names it."""

    OPEN = "breaker_open"
    PROBE = "breaker_probe"
    CLOSE = "breaker_close"


@dataclass(frozen=True, slots=True)
class Policy:
    """The class keyword.

    Attributes:
        failures: So many instances errored open it,
        within: if it happened in so many seconds;
        pause: seconds until it is tried whether things go well again.
    """

    failures: int
    within: float
    pause: float


class Counts(NamedTuple):
    """What was counted.

    Attributes:
        errored: Instances errored: since the last change if that was within the window, or opened a probe; else in the
            window.
        completed: Instances complete in the same time.
        errored_now: Those errored in the minute that runs: what is counted later begins there.
        completed_now: Those complete in it.
    """

    errored: int
    completed: int
    errored_now: int
    completed_now: int


@dataclass(frozen=True, slots=True)
class Breaker:
    """A breaker after its last change, as `wf.workflow.breaker` holds it; times are seconds since the epoch.

    Attributes:
        state: What it lets through.
        since: When it changed.
        until: When a probe begins, if it is open.
        failures: What opened it; 0 if somebody did.
        times: How often it was opened in a row.
        errored: What had been counted already in the minute of `since`: the changes of before.
        completed: The same of those that ended well.
    """

    state: State
    since: float
    until: float | None
    failures: int
    times: int
    errored: int
    completed: int

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Read what the journal holds."""
        fields = {name: value for name, value in stored.items() if name != "admits"}
        return cls(**fields | {"state": State(stored["state"])})

    def stored(self) -> dict[str, Any]:
        """What the journal shall hold, with how many instances may run at once: `wf/sql/slots.sql` goes by that."""
        return asdict(self) | {"admits": _ADMITS[self.state]}


class Change(NamedTuple):
    """What a breaker becomes; `action` is None if nobody need hear of it."""

    after: Breaker | None
    action: Action | None


def changed(breaker: Breaker | None, policy: Policy | None, counts: Counts, now: float) -> Change | None:
    """What becomes of a breaker by itself; None if it stays as it is.

    Args:
        breaker: As it is; None if it has been closed for long.
        policy: What the workflow declares; None if it declares none any more.
        counts: What was counted.
        now: The time.
    """
    state = State.CLOSED if breaker is None else breaker.state
    if policy is None:
        return None if breaker is None else closed(counts, now) if state != State.CLOSED else Change(None, None)
    if breaker is None or state == State.CLOSED:
        if counts.errored >= policy.failures:
            return opened(policy, counts, now, failures=counts.errored)
        # Long enough for every failure of before to be out of the window, and in any case for what the change began.
        over = breaker is not None and now >= breaker.since + max(policy.within, 60.0) + 60.0
        return Change(None, None) if over else None
    if state == State.OPEN:
        return probing(breaker, counts, now) if now >= (breaker.until or 0.0) else None
    if counts.errored:
        return opened(policy, counts, now, failures=counts.errored, times=breaker.times + 1)
    return closed(counts, now) if counts.completed else None


def opened(policy: Policy, counts: Counts, now: float, *, failures: int, times: int = 1) -> Change:
    """A breaker that opens.

    Args:
        policy: How long it shall pause.
        counts: What was counted.
        now: The time.
        failures: What opens it.
        times: How often that has happened in a row.
    """
    until = now + policy.pause * min(2.0 ** min(times - 1, 10), LONGEST)
    return Change(_since(State.OPEN, counts, now, until=until, failures=failures, times=times), Action.OPEN)


def probing(breaker: Breaker, counts: Counts, now: float) -> Change:
    """A breaker whose pause is over."""
    after = _since(State.PROBING, counts, now, until=None, failures=breaker.failures, times=breaker.times)
    return Change(after, Action.PROBE)


def closed(counts: Counts, now: float) -> Change:
    """A breaker that closes: failures count from now on."""
    return Change(_since(State.CLOSED, counts, now, until=None, failures=0, times=0), Action.CLOSE)


def _since(
    state: State, counts: Counts, now: float, *, until: float | None, failures: int, times: int
) -> Breaker:  # fmt: skip
    return Breaker(state, now, until, failures, times, counts.errored_now, counts.completed_now)
