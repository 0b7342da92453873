"""What `wf top` shows, in as many lines as there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from wf.cli.show import fit, table
from wf.cli.words import STEP, STYLE, UNKNOWN, duration, moment, safe, status_label

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import RenderableType

    from wf.answers import Answer

_AROUND = 4  # lines of a table beside its rows
_LEAST = 1  # rows of a table, however little room there is
_GIVING = ("Running", "Next wake-up", "Step", "Worker", "Queue", "Workflows")  # cut in a narrow terminal
_SPANS = {"late": "late", "minute": "in 1 min", "hour": "in 1 h", "day": "in 1 d", "later": "later"}


def view(seen: Answer, height: int | None, width: int = 1000) -> RenderableType:
    """Everything, or as much as fits: workers first, then the newest steps, then the next wake-ups.

    Args:
        seen: What `Overview.look` gives.
        height: Lines that there are; None means any number.
        width: Columns that there are.
    """
    head = _head(seen)
    tables = [_workers(seen), _steps(seen), _wakes(seen)]
    rows = [len(rows) for _, rows in tables]
    for n, room in enumerate(shares(rows, None if height is None else height - len(head))):
        columns, found = tables[n]
        tables[n] = (columns, found[:room])
    return Group(*head, *[fit(table(columns, found), width, *_GIVING) for columns, found in tables if found])


def shares(rows: list[int], height: int | None) -> list[int]:
    """How many rows each table shows: the smallest ones all of theirs, the others what is left, in equal parts."""
    if height is None:
        return rows
    wanted = [number for number in sorted(range(len(rows)), key=rows.__getitem__) if rows[number]]
    left, found = height - _AROUND * len(wanted), [0] * len(rows)
    for done, number in enumerate(wanted):
        found[number] = max(min(rows[number], left // (len(wanted) - done)), _LEAST)
        left -= found[number]
    return found


def _head(seen: Answer) -> list[Text]:
    live = {status: _number(number, seen.cap) for status, number in seen.instances.items()}
    alarm = Text("never", "red") if seen.alarm.ticked_at is None else Text(_ago(seen.at, seen.alarm.ticked_at))
    if seen.alarm.late:
        alarm = Text.assemble(alarm, (" (late: is there a worker or a beat?)", "red"))
    parts = {
        "Now": Text(moment(seen.at)),
        "Alarm": alarm,
        "Queues": Text(", ".join(f"{q.name}: {'?' if q.length is None else q.length}" for q in seen.queues)),
        "Instances": Text("  ").join(
            Text(f"{status_label(status)} {number}", STYLE.get(status, "")) for status, number in live.items()
        ),
        "Wake-ups": Text(
            ", ".join(f"{_number(seen.wake_ups.counts.get(n, 0), seen.cap)} {word}" for n, word in _SPANS.items())
        ),
        "Steps": Text(f"{_number(seen.running.total, seen.cap)} running"),
    }
    lines = [Text.assemble((f"{label + ':':<11}", "bold"), value) for label, value in parts.items()]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return lines


def _workers(seen: Answer) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    rows: list[tuple[object, ...]] = [
        (
            worker.name,
            Text("✅ Alive", "green") if worker.alive else Text(f"💥 Gone {_ago(seen.at, worker.seen_at)}", "red"),
            f"{worker.running}/{worker.concurrency}",
            worker.queue,
            worker.pool,
            duration(seen.at - worker.started_at),
            ", ".join(f"{name} {'+'.join(versions)}" for name, versions in worker.workflows.items()),
        )
        for worker in sorted(seen.workers, key=lambda worker: not worker.alive)
    ]
    return ("Worker", "State", "Steps", "Queue", "Pool", "Up", "Workflows"), rows


def _steps(seen: Answer) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    rows: list[tuple[object, ...]] = [
        (
            f"{step.workflow}/{step.instance}",
            step.step,
            step.attempt,
            duration(seen.at - step.since),
            duration(step.lease_until - seen.at) if step.lease_until > seen.at else Text("over", "red"),
            step.worker,
        )
        for step in seen.running.steps
    ]
    return ("Running", "Step", "Try", "For", "Lease", "Worker"), rows


def _wakes(seen: Answer) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    rows: list[tuple[object, ...]] = [
        (
            f"{wake.workflow}/{wake.instance}",
            f"in {duration(wake.due_at - seen.at)}" if wake.due_at > seen.at else "now",
            "" if wake.waits_for is None else STEP.get(wake.waits_for.type, UNKNOWN),
            "" if wake.waits_for is None else wake.waits_for.step,
        )
        for wake in seen.wake_ups.next
    ]
    return ("Next wake-up", "When", "Waits in", "Step"), rows


def _ago(now: datetime, then: datetime) -> str:
    return f"{duration(now - then)} ago"


def _number(number: int, cap: int) -> str:
    return safe(f"{number}+" if number >= cap else number)
