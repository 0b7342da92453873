"""Check of clocks: whether this machine, Postgres and Redis agree on the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from wf.doctor.findings import well, wrong
from wf.durations import about
from wf.errors import WfError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.doctor.findings import Finding
    from wf.doctor.subject import Subject

SKEW = 1.0
"""Seconds by which clocks may differ."""


def clocks(subject: Subject) -> Iterator[Finding]:
    """Leases and waits go by Postgres alone; countdowns begin by it, and end by the clock of who holds the nudge."""
    skews = {}
    with subject.postgres() as connection:
        skews["Postgres"] = _skew(subject, lambda: float(subject.ask(connection, "doctor_time")[0][0]))
    try:
        with subject.redis() as redis:
            redis.ping()  # connecting takes its time
            skews["Redis"] = _skew(subject, lambda: _redis_time(redis.time()))
    except (RedisError, WfError):
        pass  # as another check says
    for name, skew in skews.items():
        if abs(skew) > SKEW:
            yield wrong(
                "clock", f"This machine's clock is {about(abs(skew))} {'ahead of' if skew > 0 else 'behind'} that of "
                f"{name}: nudges with a countdown go on too {'early' if skew > 0 else 'late'}.",
                "Set the clocks by NTP on both (timedatectl, chronyc tracking).", server=name, seconds=round(skew, 3),
            )  # fmt: skip
    if not any(abs(skew) > SKEW for skew in skews.values()):
        told = ", ".join(f"{name} by {about(abs(skew))}" for name, skew in skews.items())
        yield well("clock", f"Clocks differ little from this machine's: {told}.", **skews)


def _skew(subject: Subject, look: Callable[[], float]) -> float:
    """How far this machine is ahead of a server, which was asked in the middle of a round trip."""
    sent = subject.wall()
    found = look()
    return (sent + subject.wall()) / 2 - found


def _redis_time(told: Any) -> float:
    return float(told[0]) + float(told[1]) / 1e6
