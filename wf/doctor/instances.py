"""Checks of instances that do not move as they should."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from wf.attention import BYTES
from wf.codec import CodecError
from wf.doctor.findings import note, well, wrong
from wf.doctor.workers import untaken
from wf.durations import about
from wf.errors import NonDeterminismError
from wf.faults import summary
from wf.overview import CAP
from wf.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wf.answers import Answer
    from wf.doctor.findings import Finding
    from wf.doctor.subject import Subject

NUDGED = 4
"""Nudges without effect from which on something is wrong: that many take some minutes."""

QUEUED = 3600.0
"""Seconds in a queue for a slot that are told of."""

UNDELIVERED = 60.0
"""Seconds after which an accepted event must have woken whoever waits for it."""

DEPTH = 100
"""Steps and events of an instance that are looked at."""

HALTED = 200
"""Paused instances whose error is looked at, the newest ones."""

NAMED = 3
"""Instances that are named."""

DIVERGED = NonDeterminismError.__name__


def noticed(subject: Subject) -> Iterator[Finding]:
    """What `wf attention` tells, too: what is late, kills its workers, is served by nobody, held or paused."""
    seen = subject.attention.look()
    parts = [
        *untaken(seen), *_late(seen), *_poison(seen), *_lost(seen), *_breakers(seen), *_errored(seen),
        *_paused(seen),
    ]  # fmt: skip
    yield from parts
    if not seen.late.total and not seen.poison.total:
        yield well("instances", "No instance is late, and no step kills its workers.")


def _late(seen: Answer) -> Iterator[Finding]:
    late = seen.late
    if not late.total:
        return
    worst = max(one.late for one in late.oldest) if late.oldest else 0.0
    leases = sum(one.status in {Status.RUNNING, Status.ROLLING_BACK} for one in late.oldest)
    of = f"; of the {len(late.oldest)} oldest, {leases} run: the leases of their attempts are over" if leases else ""
    yield wrong(
        "late", f"{_more(late.total, capped=late.capped)} instance(s) should have been woken, the first one "
        f"{about(worst)} ago ({_names(late.oldest)}){of}.",
        "The alarm wakes them: see its finding, then those of workers, queues and locks.",
        total=late.total, seconds=worst, instances=[dict(one) for one in late.oldest],
    )  # fmt: skip


def _poison(seen: Answer) -> Iterator[Finding]:
    for step in seen.poison.steps[:NAMED]:
        yield wrong(
            "poison", f"Step {step.step!r} of {step.workflow}/{step.instance} has lost its worker {step.lost} times: "
            "does it kill it?",
            f"See the worker's log and its memory; terminate it if it does: wf instances terminate {step.workflow} "
            f"{step.instance}", workflow=step.workflow, instance=step.instance, step=step.step, lost=step.lost,
        )  # fmt: skip
    if (more := seen.poison.total - NAMED) > 0:
        yield wrong("poison", f"{more} more step(s) have lost their worker again and again.", "See `wf attention`.")


def _lost(seen: Answer) -> Iterator[Finding]:
    if seen.lost.total:
        yield note(
            "lost attempts", f"{_more(seen.lost.total, capped=seen.lost.capped)} attempt(s) lost their worker in the "
            "last day, and were made again.",
            "See whether workers are killed: by deployments that do not wait, or for want of memory.",
            total=seen.lost.total,
        )  # fmt: skip


def _breakers(seen: Answer) -> Iterator[Finding]:
    for breaker in seen.breakers:
        told = wrong if breaker.state == "open" else note
        yield told(
            "breakers", f"The breaker of workflow {breaker.workflow!r} is {breaker.state}: {breaker.failures} "
            f"instances errored, and {breaker.queued} are held.",
            f"Mend what they fail of (wf attention), then close it: wf breaker close {breaker.workflow}",
            workflow=breaker.workflow, state=breaker.state, held=breaker.queued,
        )  # fmt: skip


def _errored(seen: Answer) -> Iterator[Finding]:
    if seen.errors.groups:
        first = seen.errors.groups[0]
        yield note(
            "errors", f"{_more(seen.errors.looked, capped=seen.errors.capped)} instance(s) are errored; most often "
            f"{first.name} in {first.workflow!r} ({first['count']}).",
            "See `wf attention` for all kinds; then wf instances bulk restart WORKFLOW --status errored.",
            looked=seen.errors.looked, kinds=len(seen.errors.groups),
        )  # fmt: skip


def _paused(seen: Answer) -> Iterator[Finding]:
    if seen.paused:
        told = ", ".join(f"{name} {_more(number, capped=number >= seen.cap)}" for name, number in seen.paused.items())
        yield note(
            "paused",
            f"Paused instances: {told}.",
            "wf instances bulk resume WORKFLOW, when their time has come.",
            **seen.paused,
        )


def nudged(subject: Subject) -> Iterator[Finding]:
    """Instances that the alarm nudges again and again, and that do not move."""
    rows = subject.journal("doctor_nudged", cap=CAP, nudges=NUDGED, statuses=[Status.QUEUED, Status.RUNNING])
    if rows:
        found = [
            {"workflow": workflow, "instance": id, "status": status, "nudges": n} for workflow, id, status, n in rows
        ]
        yield wrong(
            "nudged", f"{len(rows)} instance(s) do not move although they were nudged again and again, up to "
            f"{rows[0][3]} times ({_shown(found)}).",
            "See the workers' logs for what they say of these; if they say nothing, whether workers take the queue "
            "that nudges go to.", total=len(rows), instances=found[:DEPTH],
        )  # fmt: skip
    else:
        yield well("nudged", "Every nudge has an effect.")


def halted(subject: Subject) -> Iterator[Finding]:
    """Instances that were paused because the code of today does not fit their journal, or cannot read it."""
    rows = subject.journal("attention_halted", only=None, cap=HALTED, bytes=BYTES)
    kinds = sorted((workflow, id, _kind(error)) for workflow, id, _, error in rows if error is not None)
    yield from _unreadable([(workflow, id) for workflow, id, kind in kinds if kind == CodecError.__name__])
    found = [{"workflow": workflow, "instance": id} for workflow, id, kind in kinds if kind == DIVERGED]
    if found:
        workflow = found[0]["workflow"]
        yield wrong(
            "replay", f"{_more(len(found), capped=len(found) >= HALTED)} instance(s) were paused because the code does "
            f"not fit their journal ({_shown(found)}).",
            f"See why: wf replay-check MODULE --workflow {workflow}; deploy code that fits, then resume.",
            total=len(found), instances=found,
        )  # fmt: skip
    else:
        yield well("replay", "No instance is paused because its code has changed.")


def _unreadable(found: list[tuple[str, str]]) -> Iterator[Finding]:
    if found:
        instances = [{"workflow": workflow, "instance": id} for workflow, id in found]
        workflow, id = found[0]
        yield wrong(
            "unreadable", f"{_more(len(found), capped=len(found) >= HALTED)} instance(s) were paused because rows of "
            f"theirs cannot be read ({_shown(instances)}).",
            f"See which row: wf instances describe {workflow} {id}; then start workers that can read it and resume, "
            "or restart from an earlier step, or terminate.", total=len(found), instances=instances,
        )  # fmt: skip
    else:
        yield well("unreadable", "No instance is paused because its rows cannot be read.")


def _kind(error: bytes) -> str:
    """Class name of a stored error; that of what cannot be read, if it is that itself."""
    try:
        return summary(error).name
    except CodecError:
        return CodecError.__name__


def queued(subject: Subject) -> Iterator[Finding]:
    """Instances that wait for long because so many others of their workflow run."""
    rows = subject.journal("doctor_queued", cap=CAP, after=QUEUED)
    ((at, _),) = subject.journal("overview_tick")
    for workflow, limit, number, oldest, taken_at in rows:
        moves = taken_at is not None and at - taken_at < timedelta(seconds=QUEUED)
        what = (
            f"{_more(number, capped=number >= CAP)} instance(s) of workflow {workflow!r} have been queued for up to "
            f"{about((at - oldest).total_seconds())} (concurrency {limit})"
        )  # fmt: skip
        facts = {"workflow": workflow, "limit": limit, "queued": number, "seconds": (at - oldest).total_seconds()}
        if moves:
            yield note("limits", f"{what}; slots are given on.", "Raise the limit if that is too long.", **facts)
        else:
            yield wrong(
                "limits", f"{what}, and no slot was given on for an hour.",
                f"See what holds them: wf instances list {workflow} --status running; terminate what hangs, or raise "
                "the limit.", **facts,
            )  # fmt: skip
    if not rows:
        yield well("limits", f"Nobody has waited for a slot for more than {about(QUEUED)}.")


def undelivered(subject: Subject) -> Iterator[Finding]:
    """Events that were accepted while somebody waits for just these."""
    rows = subject.journal("doctor_undelivered", cap=CAP, depth=DEPTH, after=UNDELIVERED)
    if rows:
        found = [{"workflow": workflow, "instance": id, "type": type} for workflow, id, type, _ in rows]
        yield wrong(
            "events", f"{len(rows)} accepted event(s) have not reached instances that wait for them, the first since "
            f"{rows[0][3]:%Y-%m-%d %H:%M} UTC ({_shown(found)}).",
            "None is lost: they are in Postgres, and the alarm wakes who waits; see its finding and those of workers.",
            total=len(rows), events=found[:DEPTH],
        )  # fmt: skip
    else:
        yield well("events", "No accepted event waits for long.")


def _names(instances: Iterable[Answer]) -> str:
    return _shown([{"workflow": one.workflow, "instance": one.instance} for one in instances])


def _shown(found: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(f"{one['workflow']}/{one['instance']}" for one in found))
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _more(number: int, *, capped: bool) -> str:
    return f"{number:,} or more" if capped else f"{number:,}"
