"""Checks of who is there: workers, what they know, beat and the alarm, queues that nobody takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wf.catalog import Catalog
from wf.doctor.findings import note, well, wrong
from wf.durations import about
from wf.status import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wf.answers import Answer
    from wf.doctor.findings import Finding
    from wf.doctor.subject import Subject

LOADED = 100
"""Messages for each step that may run at once from which on a queue is long."""

BUDGET = 1.0
"""Seconds in which versions of workflows are looked at."""


def present(subject: Subject) -> Iterator[Finding]:
    """Whether workers are alive, take the queue that clients use, and are of one release; whether the alarm ticks."""
    vitals = subject.overview.vitals()
    alive = [worker for worker in vitals.workers if worker.alive]
    yield from _workers(subject, vitals, alive)
    yield from _gone(vitals)
    if len(releases := sorted({str(worker.release) for worker in alive})) > 1:
        yield note(
            "releases", f"Workers of several releases are at work: {', '.join(releases)}.",
            "That is as it should be during a deployment; restart the old ones if there is none.", releases=releases,
        )  # fmt: skip
    yield from _alarm(vitals, alive)
    yield from _lengths(vitals, alive)


def _workers(subject: Subject, vitals: Answer, alive: list[Answer]) -> Iterator[Finding]:
    queue = subject.settings.queue
    names = [worker.name for worker in alive]
    if not alive:
        yield wrong(
            "workers", "No worker is alive: nothing runs.",
            "Start one: `wf worker MODULE`; if some should be there, see their logs.",
            gone=[worker.name for worker in vitals.workers],
        )  # fmt: skip
    elif all(worker.queue != queue for worker in alive):
        taken = sorted({worker.queue for worker in alive})
        yield wrong(
            "workers", f"Clients with these settings send to the queue {queue!r}, but workers take {', '.join(taken)}.",
            "Set WF_QUEUE to the same for workers and clients.", queue=queue, taken=taken,
        )  # fmt: skip
    else:
        threads = sum(worker.concurrency for worker in alive)
        yield well("workers", f"{len(alive)} worker(s) are alive, for {threads} steps at once.", workers=names)


def _gone(vitals: Answer) -> Iterator[Finding]:
    if gone := [worker for worker in vitals.workers if not worker.alive]:
        newest = max(gone, key=lambda worker: worker.seen_at)
        since = about((vitals.at - newest.seen_at).total_seconds())
        yield note(
            "workers gone", f"{len(gone)} worker(s) of the last day did not stop in order; the last one, "
            f"{newest.name}, was seen {since} ago.", "See its log, and the system's for kills for want of memory.",
            workers=[worker.name for worker in gone],
        )  # fmt: skip


def _alarm(vitals: Answer, alive: list[Answer]) -> Iterator[Finding]:
    alarm = vitals.alarm
    age = None if alarm.ticked_at is None else (vitals.at - alarm.ticked_at).total_seconds()
    if not alarm.late and age is not None:
        yield well("alarm", f"The alarm ran {about(max(age, 0.0))} ago.", seconds=age)
        return
    remedy = (
        "Start `wf beat`; workers stand in for it, so if they are alive, see their logs."
        if alive else "Start a worker and `wf beat`."
    )  # fmt: skip
    last = "has never run" if age is None else f"last ran {about(age)} ago"
    yield wrong("alarm", f"The alarm {last}: sleeps, retries and lost nudges wait for it.", remedy, seconds=age)


def _lengths(vitals: Answer, alive: list[Answer]) -> Iterator[Finding]:
    """Whether queues are longer than their workers can do soon; None while Redis is away, as another check says."""
    lengths = {queue.name: queue.length for queue in vitals.queues if queue.length is not None}
    long = []
    for name, length in lengths.items():
        threads = sum(worker.concurrency for worker in alive if worker.queue == name)
        if threads and length > threads * LOADED:
            long.append(name)
            yield note(
                "queues", f"{length:,} messages wait in the queue {name}, for {threads} steps at once.",
                "Start more workers, or see which steps take so long: `wf top`.", queue=name, length=length,
            )  # fmt: skip
    if lengths and not long:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        yield well("queues", f"Messages in the queues: {told}.", **lengths)


def untaken(seen: Answer) -> Iterator[Finding]:
    """Queues with messages that no worker takes, and workflows that none knows."""
    for queue in seen.queues:
        yield wrong(
            "queues", f"{queue.length:,} message(s) lie in the queue {queue.name}, which no living worker takes.",
            f"Start a worker there: wf worker MODULE --queue {queue.name.removesuffix('.alarm')}", queue=queue.name,
            length=queue.length,
        )  # fmt: skip
    if seen.unserved:
        told = ", ".join(f"{workflow} {_number(number, seen.cap)}" for workflow, number in seen.unserved.items())
        yield wrong(
            "unserved", f"Live instances of workflows that no living worker knows: {told}. They stand still.",
            "Start a worker with the modules that define them, or terminate them: wf instances terminate-all WORKFLOW",
            **seen.unserved,
        )  # fmt: skip


def versions(subject: Subject) -> Iterator[Finding]:
    """Versions with instances in flight that no living worker knows; those run on the newest one, if it fits."""
    known: dict[str, set[str]] = {}
    for worker in subject.overview.vitals().workers:
        for name, numbers in worker.workflows.items() if worker.alive else ():
            known.setdefault(name, set()).update(numbers)
    catalog, ends, found = Catalog(subject.database, subject.clock), time.monotonic() + BUDGET, False
    for workflow in sorted(known):
        if time.monotonic() > ends:
            yield note("versions", f"There was no time to look at workflow {workflow!r} and those after it.")
            return
        for version in catalog.versions(workflow, exact=False) if workflow in catalog.workflows() else ():
            live = sum(number for status, number in version.instances.items() if status not in TERMINAL)
            if live and version.version not in known[workflow]:
                found = True
                yield note(
                    "versions", f"{live} live instance(s) of version {version.version!r} of workflow {workflow!r}, "
                    "which no living worker knows: the newest version runs them.",
                    f"See whether it fits: wf replay-check MODULE --workflow {workflow}; or start the old code, too.",
                    workflow=workflow, version=version.version, instances=live,
                )  # fmt: skip
    if known and not found:
        yield well("versions", "Every version with instances in flight is known to a living worker.")


def _number(number: int, cap: int) -> str:
    return f"{cap:,} or more" if number >= cap else f"{number:,}"
