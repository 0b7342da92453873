"""An instance in parts, for those who look at a big one: a page of its steps, one step, its log lines, its events.

A description holds all of it; an instance may have ten thousand steps. What is asked for here costs what is shown.
"""

from __future__ import annotations

import re
from functools import partial
from logging import getLevelName
from typing import TYPE_CHECKING, Any, NamedTuple

from wf.answers import Answer, Page
from wf.deployments import Deployments
from wf.descriptions import ALL, TRUNCATED, Extent, outlines, source_of, step_entries, to_show
from wf.errors import StepOutputNotFound
from wf.listing import KEY_MAX, LOOK, InvalidQuery, is_cursor
from wf.plain import legible, plain
from wf.status import StepStatus

if TYPE_CHECKING:
    from collections.abc import Collection

    from wf.database import Rows

PAGE = 100
"""Steps on a page, at most."""

OUTLINES = 1_000
"""The same, if they are told of without outputs."""

EVENTS = 50
"""Events on a page, unless somebody asks for more."""

LINES, LINES_MAX = 200, 1_000
"""Log lines on a page, unless somebody asks for more; and at most."""

ATTEMPTS = 100
"""Failed attempts of a step that is told of by itself; the newest ones."""

SEARCH = 200
"""Characters of a text that is looked for."""

SHOWN = to_show(5_000)
"""How much of each step stands on a page."""

_SEQ_MAX = 2**31 - 1
_COUNT = re.compile(r"[1-9][0-9]{0,8}")
_KINDS = {"step": "do"}

_readable = partial(legible, read=plain)


class Inside(NamedTuple):
    """Where the parts of an instance stand: its key and generation, and the number of its last step."""

    key: int
    generation: int
    seq: int


class Insides(Deployments):
    """What is inside an instance.

    Args:
        database: Where.
        clock: Whose time.
    """

    def steps(
        self, workflow: str, id: str, *, after: str | None = None, limit: int = PAGE,
        status: str | Collection[str] | None = None, search: str | None = None, newest_first: bool = False,
        outputs: bool = True, extent: Extent = SHOWN,
    ) -> Page:  # fmt: skip
        """A page of the steps of an instance, each as in its description.

        A termination, which a description adds as its last entry, is no step; `steps_summary` tells of it.

        Args:
            workflow: Its workflow.
            id: Its id.
            after: The `cursor` of the page before.
            limit: Steps on the page: 100 at most, 1,000 without outputs.
            status: Only those in this status, or in one of these.
            search: Only those with this text in their names, counter included; upper and lower case are the same.
            newest_first: Else in the order in which `run` asked for them.
            outputs: False leaves out configuration, output, error and heartbeat: enough for a timeline, and quick.
            extent: How much of each.

        Returns:
            The page. With a filter it may have fewer entries, or none, and a cursor to go on: they are looked for
            among so many steps (`wf.listing.LOOK`).

        Raises:
            InvalidQuery: A value cannot be used.
            InstanceNotFound: There is no such instance.
        """
        statuses = None if status is None else [status] if isinstance(status, str) else list(status)
        _check(after, limit, PAGE if outputs else OUTLINES, statuses or (), search)
        inside = self._inside(workflow, id)
        filtered = status is not None or search is not None
        low, high = _window(inside, after, newest_first=newest_first, look=LOOK if filtered else _SEQ_MAX)
        found = self._read_inside(
            inside, "steps_back" if newest_first else "steps_forth",
            low=low, high=high, statuses=statuses, search=search, number=limit + 1,
        )  # fmt: skip
        seqs = [seq for (seq,) in found]
        cursor = seqs[limit - 1] if len(seqs) > limit else _end_of(inside, low, high, newest_first=newest_first)
        entries = self._entries(inside, seqs[:limit], extent, outputs=outputs)
        if newest_first:
            entries.reverse()
        return Page(entries, None if cursor is None else str(cursor))

    def step(self, workflow: str, id: str, seq: int) -> Answer:
        """All of one step, with the generation of its instance: configuration, output, error, newest 100 attempts.

        Args:
            workflow: Its workflow.
            id: The id of its instance.
            seq: Its number, as on a page of steps.

        Raises:
            InstanceNotFound: There is no such instance.
            StepOutputNotFound: It has no such step.
        """
        inside = self._inside(workflow, id)
        entries = self._entries(inside, [min(seq, _SEQ_MAX)], ALL._replace(attempts=ATTEMPTS))
        if not entries:
            raise StepOutputNotFound(workflow, id, seq)
        return Answer(entries[0], generation=inside.generation)

    def steps_summary(self, workflow: str, id: str) -> Answer:
        """What a timeline needs to know of all steps together.

        Returns:
            `at`, the time now; `start` of the first step and `end` of the last one that has ended; `steps` by status,
            and their `total`; and `termination`: its `at` and `source`, or None.

        Raises:
            InstanceNotFound: There is no such instance.
        """
        params = {"workflow": workflow, "id": id, "now": self.clock.override()}
        rows = self.database.read(self._sql["steps_summary"], params)
        if not rows:
            raise self.missing(workflow, id)
        at, start, end, steps, ended_at, actor = rows[0]
        termination = None if actor is None else Answer(at=ended_at, source=source_of(actor))
        numbers = Answer(steps or {})
        return Answer(at=at, start=start, end=end, steps=numbers, total=sum(numbers.values()), termination=termination)

    def events(
        self, workflow: str, id: str, *, cursor: str | None = None, limit: int = EVENTS, waiting: bool | None = None,
        extent: Extent = SHOWN,
    ) -> Page:  # fmt: skip
        """A page of the events that an instance has received, in the order in which they came.

        Every event that was accepted is among them: the mailbox in Redis holds copies.

        Args:
            workflow: Its workflow.
            id: Its id.
            cursor: That of the page before.
            limit: Events on the page, 100 at most.
            waiting: True leaves out what a wait has taken, False what none has.
            extent: How much of each payload.

        Returns:
            Of each `id`, `type`, `payload`, `eventId`, `acceptedAt` and `consumedBy`: the wait that took it, as
            `"approval-1"`, or None. With a filter a page may have fewer entries, or none, and a cursor to go on.

        Raises:
            InvalidQuery: A value cannot be used.
            InstanceNotFound: There is no such instance.
        """
        _check(cursor, limit, PAGE)
        inside = self._inside(workflow, id)
        of = {"after": min(int(cursor or 0), KEY_MAX), "look": LOOK, "waiting": waiting, "number": limit + 1}
        rows = self._read_inside(inside, "events_page", **of, bytes=extent.output_bytes, total=extent.total)
        last = rows[limit - 1][:1] if len(rows) > limit else None
        if last is None and waiting is not None:
            last = next(iter(self._read_inside(inside, "events_looked", **of)), None)
        return Page([_event(row) for row in rows[:limit]], None if last is None else str(last[0]))

    def lines(
        self, workflow: str, id: str, step: str, type: str = "step", *, attempt: int | None = None,
        cursor: str | None = None, limit: int = LINES,
    ) -> Page:  # fmt: skip
        """A page of what the attempts of a step have logged, in its order.

        Args:
            workflow: Its workflow.
            id: The id of its instance.
            step: Its name with its counter, as in `"upload-1"`.
            type: `step`, or `rollback` for the handler that undoes it.
            attempt: Only this one; all by default.
            cursor: That of the page before.
            limit: Lines on the page, 1,000 at most.

        Returns:
            Of each `at`, `level` by its name, `logger`, `message` and `attempt`. That of one attempt may have fewer
            lines, or none, and a cursor to go on.

        Raises:
            InvalidQuery: A value cannot be used.
            InstanceNotFound: There is no such instance.
            StepOutputNotFound: It has no such step, or the step had no such attempt.
        """
        _check(cursor, limit, LINES_MAX)
        name, count = split_step(step)
        which = {"workflow": workflow, "id": id, "kind": _KINDS.get(type, type), "name": name, "count": count}
        found = self.database.read(self._sql["line_step"], which)
        if not found or (attempt is not None and attempt > found[0][-1]):
            self._inside(workflow, id)  # which tells of an instance that is not there
            raise StepOutputNotFound(workflow, id, step, type, attempt)
        inside = Inside(*found[0][:3])
        of = {"after": min(int(cursor or 0), KEY_MAX), "look": LOOK, "attempt": attempt, "number": limit + 1}
        rows = self._read_inside(inside, "lines_page", **of)
        last = rows[limit - 1][:1] if len(rows) > limit else None
        if last is None and attempt is not None:
            last = next(iter(self._read_inside(inside, "lines_looked", **of)), None)
        return Page([_line(row) for row in rows[:limit]], None if last is None else str(last[0]))

    def _entries(self, inside: Inside, seqs: list[int], extent: Extent, *, outputs: bool = True) -> list[Answer]:
        if not seqs:
            return []
        of = {"seqs": seqs, "attempts": extent.attempts, "outputs": outputs, "total": extent.total}
        attempts = self._read_inside(inside, "attempts_of", **of)
        if not outputs:
            of |= {"total": -1}  # nothing fits
        steps = self._read_inside(inside, "steps_of", **of, bytes=extent.output_bytes)
        entries = step_entries(steps, attempts, _readable)
        return entries if outputs else outlines(entries)

    def _inside(self, workflow: str, id: str) -> Inside:
        rows = self.database.read(self._sql["inside_find"], {"workflow": workflow, "id": id})
        if not rows:
            raise self.missing(workflow, id)
        return Inside(*rows[0])

    def _read_inside(self, inside: Inside, statement: str, **params: Any) -> Rows:
        return self.database.read(self._sql[statement], inside._asdict() | params)


def _event(row: tuple[Any, ...]) -> Answer:
    id, type, payload, cut, event_id, accepted_at, name, count = row
    return Answer(
        id=id, type=type, payload=TRUNCATED if cut else _readable(payload), eventId=event_id, acceptedAt=accepted_at,
        consumedBy=None if name is None else f"{name}-{count}",
    )  # fmt: skip


def _line(row: tuple[Any, ...]) -> Answer:
    _, at, level, logger, message, attempt = row
    return Answer(at=at, level=getLevelName(level), logger=logger, message=_readable(message), attempt=attempt)


def split_step(step: str) -> tuple[str, int]:
    """Name and counter out of `"upload-1"`; a counter that none can be, if it has none."""
    name, _, number = step.rpartition("-")
    return name, int(number) if _COUNT.fullmatch(number) else 0


def _window(inside: Inside, after: str | None, *, newest_first: bool, look: int) -> tuple[int, int]:
    """The numbers between which steps are looked for; neither is one of them."""
    if newest_first:
        high = inside.seq + 1 if after is None else min(int(after), _SEQ_MAX)
        return max(high - look - 1, 0), high
    low = 0 if after is None else min(int(after), _SEQ_MAX)
    return low, min(low + look + 1, _SEQ_MAX)


def _end_of(inside: Inside, low: int, high: int, *, newest_first: bool) -> int | None:
    """Where to go on if there are too few steps in the window; None if that was the last one."""
    if newest_first:
        return low + 1 if low > 0 else None
    return high - 1 if high <= inside.seq else None


def _check(
    after: str | None, limit: int, limit_max: int, statuses: Collection[str] = (), search: str | None = None
) -> None:
    if after is not None and not is_cursor(after):
        raise InvalidQuery(f"The cursor {after!r:.40} is not one that a list has given.")
    if not 1 <= limit <= limit_max:
        raise InvalidQuery(f"limit must be from 1 to {limit_max}, not {limit}.")
    for status in statuses:
        if status not in set(StepStatus):
            raise InvalidQuery(f"There is no status {status!r:.40} of steps. Valid ones are: {', '.join(StepStatus)}.")
    if search is not None and (len(search) > SEARCH or "\0" in search):
        raise InvalidQuery(f"search must be a text of at most {SEARCH} characters, without NUL.")
