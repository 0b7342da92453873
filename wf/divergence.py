"""When the journal and the code do not fit: what is told, and what strict workflows do about it.

A result that the journal holds is of a step that `run` asked for, after results that came before it. So when these have
been fed again and the code has not asked for the step, it is other code, or it depends on what replay cannot repeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.errors import NonDeterminismError

if TYPE_CHECKING:
    from wf.live import Live


def warnings(live: Live) -> list[str]:
    """A sentence for each step of the journal that the code does not ask for."""
    return [
        storable(
            f"The journal holds {key} ({key.kind}), but the code of version {live.instance.version!r} did not ask for "
            f"it. Was `run` changed under this instance? Give the class a new version= with such changes."
        )
        for key in live.unreached
    ]


def divergence(live: Live) -> NonDeterminismError:
    """The error of a strict workflow: both sides."""
    recorded = [f"{key} ({key.kind})" for key in live.unreached]
    return NonDeterminismError(recorded, [f"{key} ({key.kind})" for key in live.unrecorded])


def storable(text: str) -> str:
    """Text that Postgres takes: it refuses NUL and halves of characters."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
