"""Makes the checks: each for itself, in so much time, and whatever happens to it, the others are made, too.

Checks that need the same server follow each other in a lane, so that a server in trouble gets few connections
more; the lanes go side by side. A gate ends its lane if it finds something wrong: whoever comes after it would only say
the same.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from redis.exceptions import RedisError

from wf.doctor.findings import Finding, Level, Report, note, wrong
from wf.errors import JournalBusy, WfError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wf.doctor.subject import Subject

EACH = 3.0
"""Seconds that one check may take: a little more than a connection that hangs until it is given up."""

LANE = 10.0
"""Seconds after which a lane begins no more checks."""

_SLOW = "Look at the load of the server and at what the other findings say, then ask again."
_AWAY = "See what the other findings say of the server, then ask again."
_FAULT = "This is a fault of `wf doctor` itself: please report it with this line. The other findings stand."


@dataclass(frozen=True, slots=True)
class Check:
    """A check.

    Attributes:
        name: What its findings are called if it cannot be made.
        make: Makes it.
        quick: Whether it is made when somebody is in a hurry.
        gate: Whether the rest of its lane makes no sense if this finds something wrong.
    """

    name: str
    make: Callable[[Subject], Iterable[Finding]]
    quick: bool = True
    gate: bool = False


def examine(subject: Subject, lanes: Sequence[Sequence[Check]], *, quick: bool = False) -> Report:
    """Make all checks.

    Args:
        subject: What is examined.
        lanes: The checks.
        quick: Whether to leave out those that are not.
    """
    began = time.monotonic()
    found: list[list[Finding]] = [[] for _ in lanes]
    threads = [
        threading.Thread(target=_walk, args=(subject, lane, found[n], quick), name="wf-doctor", daemon=True)
        for n, lane in enumerate(lanes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LANE + EACH + 1)  # a lane ends by itself
    return Report.of([finding for lane in found for finding in lane], time.monotonic() - began)


def _walk(subject: Subject, lane: Sequence[Check], found: list[Finding], quick: bool) -> None:
    """Make the checks of a lane, one after the other."""
    ends = time.monotonic() + LANE
    wanted = [check for check in lane if check.quick or not quick]
    for n, check in enumerate(wanted):
        if time.monotonic() > ends:
            found.append(_left_out(wanted[n:], f"there was no time left after {LANE:g} s"))
            return
        made = _make(subject, check)
        found += made
        if check.gate and any(finding.level == Level.WRONG for finding in made):
            if rest := wanted[n + 1 :]:
                found.append(_left_out(rest, f"{check.name!r} found something wrong"))
            return


def _left_out(checks: Sequence[Check], why: str) -> Finding:
    names = [check.name for check in checks]
    return note("left out", f"Not looked at, because {why}: {', '.join(names)}.", "Mend that first.", checks=names)


def _make(subject: Subject, check: Check) -> list[Finding]:
    """What a check finds; if it hangs or fails, that is what it finds."""
    found: list[Finding] = []

    def make() -> None:
        try:
            found.extend(check.make(subject))
        except Exception as error:  # a fault of one check must not hide what the others find
            found.append(_failed(check.name, error))

    thread = threading.Thread(target=make, name=f"wf-doctor-{check.name}", daemon=True)
    thread.start()
    thread.join(EACH)
    if thread.is_alive():
        return [*found, wrong(check.name, f"This could not be found out within {EACH:g} s.", _SLOW)]
    return found


def _failed(name: str, error: Exception) -> Finding:
    reason = " ".join(str(error).split()) or type(error).__name__
    what = f"This could not be found out: {reason}"
    if isinstance(error, JournalBusy | psycopg.errors.QueryCanceled):
        return wrong(name, what, _SLOW, error=type(error).__name__)
    if isinstance(error, WfError | psycopg.Error | RedisError):
        return wrong(name, what, _AWAY, error=type(error).__name__)
    return wrong(name, f"{what} ({type(error).__name__})", _FAULT, error=type(error).__name__)
