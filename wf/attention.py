"""What wants a human: errors by kind, workers and attempts lost, waits for an event, what is late, paused, or unserved.

A look costs the same however many instances there are: each part looks at a bounded number of rows, the newest ones.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from wf.answers import Answer
from wf.breakers import listed
from wf.codec import CodecError
from wf.dispatch import alarm_queue
from wf.faults import summary
from wf.fingerprints import Fingerprint, common_text, fingerprint, first_lines
from wf.overview import CAP, SILENCE
from wf.sql import statements
from wf.status import LIVE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from wf.clock import Clock
    from wf.database import Database, Rows
    from wf.overview import Overview
    from wf.settings import Settings

EACH = 200
"""Errored instances of one workflow that are grouped, the newest ones; of all workflows, `CAP`."""

EXAMPLES = 3
"""Instances that are named of each group of errors."""

LISTED = 50
"""Lost attempts, poisonous steps, halted instances and waits that are told of one by one."""

DEPTH = 20
"""Steps of each waiting instance among which waits are looked for, the newest ones."""

BUDGET = 10_000
"""Steps among which waits are looked for in all; those of older instances are not looked at."""

LATE = 20
"""Late instances that are told of one by one."""

DAY = 86_400.0
"""Seconds for which lost attempts are told of."""

POISON = 2
"""How often a step must have lost its worker to be suspected of killing it."""

PATIENCE = 10.0
"""Seconds for which an instance may be due before it counts as late, however short the ticks of the alarm are."""

BYTES = 65_536
"""A stored error that is bigger is not read."""

_UNREAD = "[the error is too big to be read here, or damaged, or encrypted with another key]"


class Attention:
    """Looks for what wants a human.

    Args:
        database: The journal.
        clock: Whose time.
        settings: Queue and tick.
        overview: Knows workers, queues and the alarm.
    """

    def __init__(self, database: Database, clock: Clock, settings: Settings, overview: Overview) -> None:
        self._database, self._clock, self._settings, self._overview = database, clock, settings, overview
        self._sql = statements()

    def look(self, only: Collection[str] | None = None) -> Answer:
        """What wants a human.

        Args:
            only: The workflows to tell of, with the workers that know one of them; None means all.

        Returns:
            `at`; `errors` in `groups`, the biggest first, with how many instances were `looked` at and whether there
            may be more (`capped`); `lost` attempts of the last day; `poison`, the steps among these that have lost
            their worker more than once; `waits` for events, the soonest deadline first; `late` instances; of `lost`,
            `waits` and `late` also whether there may be more than were looked at (`capped`), among the `CAP` first ones
            of all workflows; `workers` that are `gone`, `queues` with messages that no worker takes, the `alarm`;
            numbers of live instances that are `unserved`, because no worker knows their workflow, and of `paused` ones,
            both by workflow; `halted`, those of the `CAP` newest paused ones that the engine has paused, and why;
            `breakers` that are not closed; and `cap`: a number as high as it means "or more".

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        vitals = self._overview.vitals(only)
        of = {"now": self._clock.override(), "cap": CAP, "only": None if only is None else sorted(only)}
        lost, lost_capped = _first(self._read("attention_lost", of | {"within": DAY}))
        waits = self._read("attention_waits", of | {"limit": LISTED, "depth": DEPTH, "budget": BUDGET})
        paused: dict[str, int] = dict(self._read("attention_paused", of))
        served = {name for worker in vitals.workers if worker.alive for name in worker.workflows}
        return Answer(
            at=vitals.at,
            errors=_errors(self._read("attention_errors", of | {"each": EACH, "limit": CAP, "bytes": BYTES})),
            lost=Answer(total=len(lost), attempts=[_lost(row) for row in lost[:LISTED]], capped=lost_capped),
            poison=_poison(lost),
            waits=_waits(waits),
            late=self._late(of, vitals),
            workers=Answer(gone=[_gone(worker) for worker in vitals.workers if not worker.alive]),
            queues=self._untaken(vitals),
            alarm=vitals.alarm,
            unserved=self._unserved(sorted(paused.keys() - served)),
            breakers=listed(self._database, only, cap=CAP),
            halted=_halted(self._read("attention_halted", of | {"bytes": BYTES})),
            paused=Answer({name: number for name, number in paused.items() if number}),
            cap=CAP,
        )  # fmt: skip

    def _read(self, statement: str, params: dict[str, Any]) -> Rows:
        return self._database.read(self._sql[statement], params)

    def _late(self, of: dict[str, Any], vitals: Answer) -> Answer:
        after = max(self._settings.alarm_tick * SILENCE, PATIENCE)
        rows, capped = _first(self._read("attention_late", of | {"after": after}))
        oldest = [
            Answer(
                workflow=workflow, instance=id, status=status, dueAt=due_at, nudges=nudges,
                late=max((vitals.at - due_at) / timedelta(seconds=1), 0.0),
            )
            for workflow, id, status, due_at, nudges in rows[:LATE]
        ]  # fmt: skip
        return Answer(total=len(rows), oldest=oldest, capped=capped)

    def _untaken(self, vitals: Answer) -> list[Answer]:
        """Queues with messages that no living worker takes; any worker of ours takes the alarm's, too."""
        taken = {worker.queue for worker in vitals.workers if worker.alive}
        if self._settings.queue in taken:
            taken.add(alarm_queue(self._settings))
        return [queue for queue in vitals.queues if queue.length and queue.name not in taken]

    def _unserved(self, workflows: list[str]) -> Answer:
        """Numbers of live instances of these workflows; each version of a workflow is served by any of its workers."""
        counts = Answer()
        if workflows:
            of = {"only": workflows, "statuses": sorted(LIVE), "cap": CAP}
            for name, _, number in self._read("instance_counts", of):
                counts[name] = min(counts.get(name, 0) + number, CAP)
        return counts


def _first(rows: Rows) -> tuple[Rows, bool]:
    """The rows without the number of those that were looked at, and whether this may not have been all."""
    return [row[:-1] for row in rows if row[0] is not None], rows[0][-1] == CAP


def _errors(rows: Rows) -> Answer:
    """Errored instances, grouped by what is the same in their errors."""
    found: dict[tuple[str, Fingerprint], Answer] = {}
    for workflow, id, ended_at, restart_at, error, _ in rows:
        name, message = _told(error)
        kind = fingerprint(name, message)
        if (group := found.get((workflow, kind))) is None:
            group = found[workflow, kind] = Answer(
                workflow=workflow, name=name, message=first_lines(message), fingerprint=kind.hash,
                text=common_text(name, message), count=0, restarting=0, newestAt=ended_at, oldestAt=ended_at,
                examples=[],
            )  # fmt: skip
        group["count"] += 1
        group["restarting"] += restart_at is not None
        group["newestAt"], group["oldestAt"] = max(group.newest_at, ended_at), min(group.oldest_at, ended_at)
        if len(group.examples) < EXAMPLES:
            group.examples.append(id)
    groups = sorted(found.values(), key=lambda group: group.newest_at, reverse=True)
    groups.sort(key=lambda group: -group.count)
    return Answer(groups=groups, looked=len(rows), capped=len(rows) == CAP or any(row[-1] == EACH for row in rows))


def _told(error: bytes | None) -> tuple[str, str]:
    """Name and message of a stored error."""
    try:
        found = None if error is None else summary(error)
    except CodecError:
        found = None
    return ("Error", _UNREAD) if found is None else (found.name, found.message)


def _halted(rows: Rows) -> Answer:
    """Instances that cannot go on by themselves: their rows cannot be read, or do not fit the code."""
    told = ((workflow, id, at, *_told(error)) for workflow, id, at, error in rows)
    instances = [
        Answer(workflow=workflow, instance=id, at=at, name=name, message=message)
        for workflow, id, at, name, message in told
    ]
    return Answer(total=len(instances), instances=instances[:LISTED])


def _lost(row: tuple[Any, ...]) -> Answer:
    workflow, id, _, name, count, attempt, worker, at, lost = row
    return Answer(
        workflow=workflow, instance=id, step=f"{name}-{count}", attempt=attempt, worker=worker, at=at, lost=lost
    )


def _poison(rows: Rows) -> Answer:
    """The steps that have lost their worker again and again, each once, with when they last did."""
    found: dict[tuple[str, str, str], Answer] = {}
    for workflow, id, status, name, count, _, _, at, lost in rows:
        step = f"{name}-{count}"
        if lost >= POISON and (workflow, id, step) not in found:
            found[workflow, id, step] = Answer(
                workflow=workflow, instance=id, step=step, lost=lost, status=status, at=at
            )
    steps = sorted(found.values(), key=lambda step: -step.lost)
    return Answer(total=len(steps), steps=steps[:LISTED])


def _waits(rows: Rows) -> Answer:
    *_, total, capped = rows[0]
    open = [
        Answer(
            workflow=workflow, instance=id, step=f"{name}-{count}", eventType=type, since=since, deadline=deadline
        )
        for workflow, id, name, count, type, since, deadline, *_ in rows if workflow is not None
    ]  # fmt: skip
    return Answer(total=min(total, CAP), soonest=open, capped=capped)


def _gone(worker: Answer) -> Answer:
    names: Iterable[str] = ("name", "queue", "workflows", "release", "startedAt", "seenAt")
    return Answer((name, worker[name]) for name in names)
