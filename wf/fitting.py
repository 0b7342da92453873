"""Whether the journal of one instance fits a class, and what is wrong if it does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from wf.codec import check_opened
from wf.core import Kind
from wf.divergence import end_of_run, steps_of
from wf.ends import end_of
from wf.explaining import explain, shortened
from wf.faults import summary
from wf.places import Observer
from wf.replayreport import ReplayFailure
from wf.rollback import can_be_undone, handler_key
from wf.status import STEP_ENDED, TERMINAL, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.facts import Loaded
    from wf.live import Live
    from wf.replayer import Replayer
    from wf.workflow import WorkflowEntrypoint

_VALUE = 90
"""Characters that are shown of an output, or of an error."""

_AROUND = 20
"""Characters of it before the first difference."""


_OTHER_END = (
    "It does not end as it did. Does the end depend on time, randomness, the environment or I/O outside a\n"
    "step, or was `run` changed after its last step?"
)


class Outcome(NamedTuple):
    """What an instance has come to, encoded.

    Attributes:
        output: What `run` returned.
        error: What it failed with.
    """

    output: bytes | None = None
    error: bytes | None = None


def check_instance(
    replayer: Replayer, cls: type[WorkflowEntrypoint], found: Loaded, outcome: Outcome
) -> ReplayFailure | None:
    """Replay an instance, and compare.

    Args:
        replayer: Replays.
        cls: The class that would run it.
        found: The instance with all its rows.
        outcome: What it has come to.

    Returns:
        What is wrong; None if the journal fits.

    Raises:
        CodecError: Something that is stored cannot be read.
    """
    observer = Observer()
    live = replayer.replay(cls, found, observer)
    try:
        if live.replay.outcome is None and not live.replay.requests():
            live.replay.fail_stuck()  # as a worker would
        recorded = steps_of(found.rows)

        def both_sides() -> str:
            return explain(recorded, observer.asked, end_of_run(live.replay))

        faults = list(_faults(live, found, outcome, replayer.settings.max_payload, both_sides))
    finally:
        live.replay.evict()
    if not faults:
        return None
    instance = found.instance
    return ReplayFailure(
        instance.workflow, instance.id, instance.version, cls.workflow_version, instance.status, instance.generation,
        recorded, observer.asked, "\n\n".join(faults),
    )  # fmt: skip


def _faults(live: Live, found: Loaded, outcome: Outcome, limit: int, both_sides: Callable[[], str]) -> Iterator[str]:
    asked = live.replay.asked
    missing = sum(row.key.kind is not Kind.ROLLBACK and not asked(row.key) for row in found.rows)
    if missing:
        told = f"The journal holds {missing} step(s) that the code does not ask for."
        yield f"{told} Give the class a new version= with such changes.\n\n{both_sides()}"
        return
    if _has_outcome(found):
        yield from _of_outcome(live, outcome, limit, both_sides)
    yield from _of_rollback(live, found)


def _has_outcome(found: Loaded) -> bool:
    """Whether `run` has ended by itself."""
    instance = found.instance
    rolls_back = instance.status == Status.ROLLING_BACK and instance.ends_as != Status.TERMINATED
    return rolls_back or instance.status in (Status.COMPLETE, Status.ERRORED)


def _of_outcome(live: Live, outcome: Outcome, limit: int, both_sides: Callable[[], str]) -> Iterator[str]:
    before = _Side.of(outcome.output, outcome.error)
    if live.replay.outcome is None:
        yield f"It has ended, but the code goes on. It was {before}\n\n{both_sides()}"
        return
    end = end_of(live, limit)
    now = _Side.of(end.output, end.error)
    if before != now:
        left, right = _beside(before, now)
        yield f"{_OTHER_END}\n  the journal  {left}\n  the code     {right}"


class _Side(NamedTuple):
    """How one side has ended, to compare and to show."""

    how: str
    text: str

    @classmethod
    def of(cls, output: bytes | None, error: bytes | None) -> _Side:
        if error is not None:
            found = summary(error)
            return cls("errored", f"{found.name}: {found.message}")
        return cls("complete", "null" if output is None else _canonical(output))

    def __str__(self) -> str:
        return f"{self.how}: {shortened(' '.join(self.text.split()), _VALUE)}"


def _canonical(data: bytes) -> str:
    """A stored value as text, whatever order its dicts were filled in; behind the codec's first byte it is JSON."""
    check_opened(data)
    return json.dumps(json.loads(data[1:]), sort_keys=True, ensure_ascii=False)


def _beside(*sides: _Side) -> list[str]:
    """Both sides as text of which the first difference can be seen."""
    one, other = (" ".join(side.text.split()) for side in sides)
    alike = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(alike - _AROUND, 0) if max(len(one), len(other)) > _VALUE else 0
    return [
        f"{side.how}: {'…' if start else ''}{shortened(text[start:], _VALUE)}"
        for side, text in zip(sides, (one, other), strict=True)
    ]


def _of_rollback(live: Live, found: Loaded) -> Iterator[str]:
    """Handlers that a rollback would miss: they are functions, and only the code has them."""
    if found.instance.status in TERMINAL:
        return
    undone = {row.key for row in found.rows if row.key.kind is Kind.ROLLBACK and row.status in STEP_ENDED}
    lost = [
        str(row.key)
        for row in found.rows
        if can_be_undone(row) and row.key not in live.replay.rollbacks and handler_key(row.key) not in undone
    ]
    if lost:
        names = shortened(", ".join(lost), _VALUE)
        yield f"Should it fail, nothing could undo this, which was begun with a rollback= that is gone:\n  {names}"
