"""When the journal and the code do not fit: what is told, and what strict workflows do about it.

A result that the journal holds is of a step that `run` asked for, after results that came before it. So when these have
been fed again and the code has not asked for the step, it is other code, or it depends on what replay cannot repeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.core import Completed, Kind
from wf.errors import NonDeterminismError
from wf.explaining import explain, shortened
from wf.places import Observer
from wf.sides import Recorded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wf.core import Pass
    from wf.facts import Loaded, StepRow
    from wf.live import Live
    from wf.replayer import Replayer
    from wf.workflow import WorkflowEntrypoint

_ERROR = 120  # characters of an error of `run`


def warnings(live: Live) -> list[str]:
    """A sentence for each step of the journal that the code does not ask for."""
    return [
        storable(
            f"The journal holds {key} ({key.kind}), but the code of version {live.instance.version!r} did not ask for "
            f"it. Was `run` changed under this instance? Give the class a new version= with such changes."
        )
        for key in live.unreached
    ]


def divergence(live: Live, explanation: str = "") -> NonDeterminismError:
    """The error of a strict workflow: both sides."""
    recorded = [f"{key} ({key.kind})" for key in live.unreached]
    asked = [f"{key} ({key.kind})" for key in live.unrecorded]
    return NonDeterminismError(recorded, asked, storable(explanation))


def explanation(replayer: Replayer, cls: type[WorkflowEntrypoint], found: Loaded) -> str:
    """Both sides beside each other, short: replayed once more, with an eye on where `run` asks.

    Args:
        replayer: Replays.
        cls: The class that runs the instance.
        found: The instance with all its rows.
    """
    observer = Observer()
    live = replayer.replay(cls, found, observer)
    try:
        return explain(steps_of(found.rows), observer.asked, end_of_run(live.replay), before=1, after=2)
    finally:
        live.replay.evict()


def steps_of(rows: Iterable[StepRow]) -> list[Recorded]:
    """What `run` once asked for, in its order."""
    asked = (row for row in rows if row.key.kind is not Kind.ROLLBACK)
    return [Recorded(row.seq, row.key, row.status) for row in sorted(asked, key=lambda row: row.seq)]


def end_of_run(replay: Pass) -> str:
    """How `run` has ended in a replay; empty if it waits."""
    if replay.outcome is None:
        return ""
    if isinstance(replay.outcome, Completed):
        return "`run` returns"
    error = replay.outcome.error
    return f"`run` raises {shortened(' '.join(f'{type(error).__name__}: {error}'.split()), _ERROR)}"


def storable(text: str) -> str:
    """Text that Postgres takes: it refuses NUL and halves of characters."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
