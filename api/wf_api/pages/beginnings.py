"""Where a restart or a fork begins: the steps among which people choose, and what their choice means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Query

from wf.core import Key, Kind
from wf.ids import check_from_step
from wf.prospects import CHOICE

if TYPE_CHECKING:
    from wf.prospects import Named, Prospects, Stand

START = ""
"""The choice that keeps nothing."""

From = Annotated[str, Query(alias="from", max_length=256)]
Count = Annotated[int, Query(ge=1, le=2**31 - 1)]
StepType = Annotated[Literal["do", "step", "sleep", "waitForEvent"], Query()]

_GROUPS = (("Steps", Kind.DO), ("Sleeps", Kind.SLEEP), ("Waits", Kind.WAIT))


def asked(name: str, count: int, type: str) -> str | None:
    """The choice that an address means, `?from=name&count=2&type=do`; None if it names no step."""
    return step_value(Key(Kind.DO if type == "step" else Kind(type), name, count)) if name else None


def step_value(key: Key) -> str:
    """A step as the value of a choice."""
    return f"{key.kind}:{key.count}:{key.name}"


def read_step(value: str) -> Key:
    """The step that a choice means.

    Raises:
        ValueError: It is none.
    """
    kind, _, rest = value.partition(":")
    count, _, name = rest.partition(":")
    if "\0" in name:
        raise ValueError("from_step: no step has a name with a zero byte.")
    return check_from_step((name, int(count) if count.isdecimal() and len(count) < 10 else 0, kind))


def from_step(value: str) -> dict[str, Any] | None:
    """A choice as clients take it; None for the start.

    Raises:
        ValueError: It is none.
    """
    if value == START:
        return None
    step = read_step(value)
    return {"name": step.name, "count": step.count, "type": step.kind}


def choice(prospects: Prospects, stand: Stand, begin: str | None, failed: Named | None = None) -> dict[str, Any]:
    """The steps with which it can begin, and which of them is chosen.

    Args:
        prospects: Knows them.
        stand: Where the instance stands.
        begin: What is chosen; None leaves it to the page.
        failed: The step that failed last; it is chosen if nobody says otherwise.

    Raises:
        StepNotFound: There is no such step.
        ValueError: `begin` is no choice.
    """
    steps = prospects.steps(stand)
    extra = failed if begin is None else prospects.step(stand, read_step(begin)) if begin != START else None
    shown = steps if extra is None or extra in steps else [*steps, extra]
    chosen = START if extra is None else _value(extra)
    groups = [(title, [(_value(step), step) for step in shown if step.kind == kind]) for title, kind in _GROUPS]
    return {"groups": groups, "chosen": chosen, "failed": failed, "many": len(steps) >= CHOICE, "most": CHOICE}


def _value(step: Named) -> str:
    return step_value(Key(Kind(step.kind), step.name, step.count))
