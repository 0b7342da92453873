"""What `wf attention` shows: a table for each thing that wants a human, and nothing of what does not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.text import Text

from wf.cli.show import labelled, table
from wf.cli.words import duration, moment, status_label, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    from wf.answers import Answer

CALM = "Nothing wants your attention."


def view(seen: Answer) -> list[RenderableType]:
    """Everything that wants a human.

    Args:
        seen: What `Attention.look` gives.
    """
    facts = labelled(dict(_facts(seen)))
    parts: list[RenderableType] = [facts] if facts else []
    parts += [table(columns, rows) for columns, rows in _tables(seen) if rows]
    return parts or [Text(CALM)]


def _facts(seen: Answer) -> Iterator[tuple[str, str | None]]:
    """What a line says."""
    alarm = seen.alarm
    if alarm.late:
        last = "never" if alarm.ticked_at is None else f"{duration(seen.at - alarm.ticked_at)} ago"
        yield "Alarm", f"{last}: is there a worker or a beat?"
    yield "Errored", _errored(seen.errors)
    yield "Lost attempts", _total(seen, "lost", "in the last day", more=seen.lost.capped)
    yield "Poison", _total(seen, "poison", "step(s) that have lost their worker again and again")
    yield (
        "Waits",
        _total(seen, "waits", "for an event" + (", of the newest steps" if seen.waits.capped else "")),
    )
    yield "Late", _total(seen, "late", "instance(s)", more=seen.late.capped)
    yield "Queues", ", ".join(f"{queue.name}: {queue.length} that no worker takes" for queue in seen.queues) or None
    yield "Unserved", _by_workflow(seen.unserved, seen.cap)
    yield "Breakers", ", ".join(_breaker(found, seen.cap) for found in seen.breakers) or None
    yield "Halted", _total(seen, "halted", "instance(s) that the engine has paused")
    yield "Paused", _by_workflow(seen.paused, seen.cap)


def _breaker(found: Answer, cap: int) -> str:
    until = f" until {moment(found.until)}" if found.until else ""
    return f"{found.workflow} {found.state}{until}, {_number(found.queued, cap)} held"


def _errored(errors: Answer) -> str | None:
    if not errors.looked:
        return None
    of = f"the newest {errors.looked}" if errors.capped else str(errors.looked)
    return f"{of} instance(s), {len(errors.groups)} kind(s) of errors"


def _total(seen: Answer, part: str, what: str, *, more: bool = False) -> str | None:
    number = seen[part].total
    told = f"{number}+" if more else _number(number, seen.cap)
    return f"{told} {what}" if number or more else None


def _by_workflow(numbers: Mapping[str, int], cap: int) -> str | None:
    return ", ".join(f"{name}: {_number(number, cap)}" for name, number in numbers.items()) or None


def _number(number: int, cap: int) -> str:
    return f"{number}+" if number >= cap else str(number)


def _tables(seen: Answer) -> Iterator[tuple[tuple[str, ...], list[tuple[object, ...]]]]:
    yield ("Error", "Workflow", "Instances", "Restarting", "Last", "For example"), [
        (
            Text(f"{group.name}: {group.message}", "red"), group.workflow, group["count"], group.restarting or "",
            moment(group.newest_at), ", ".join(group.examples),
        )
        for group in seen.errors.groups
    ]  # fmt: skip
    yield (
        ("Lost attempt", "Step", "Try", "Lost", "At", "Worker"),
        [
            (_name(lost), lost.step, lost.attempt, lost.lost, moment(lost.at), lost.worker or "")
            for lost in seen.lost.attempts
        ],
    )
    yield (
        ("Poison", "Step", "Lost", "Last", "Status"),
        [(_name(step), step.step, step.lost, moment(step.at), status_label(step.status)) for step in seen.poison.steps],
    )
    yield (
        ("Halted", "Why", "Since"),
        [
            (_name(one), Text(f"{one.name}: {one.message}", "red"), moment(one.at) if one.at else "")
            for one in seen.halted.instances
        ],
    )
    yield (
        ("Waits", "Step", "For", "Since", "Until"),
        [
            (_name(wait), wait.step, wait.event_type, moment(wait.since), until(wait.deadline) if wait.deadline else "")
            for wait in seen.waits.soonest
        ],
    )
    yield ("Late", "Status", "Due", "Late by", "Nudges"), [
        (
            _name(late), status_label(late.status), moment(late.due_at), duration(timedelta(seconds=late.late)),
            late.nudges,
        )
        for late in seen.late.oldest
    ]  # fmt: skip
    yield (
        ("Worker gone", "Queue", "Seen", "Workflows"),
        [
            (worker.name, worker.queue, f"{duration(seen.at - worker.seen_at)} ago", ", ".join(worker.workflows))
            for worker in seen.workers.gone
        ],
    )


def _name(found: Answer) -> str:
    return f"{found.workflow}/{found.instance}"
