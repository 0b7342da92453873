"""The two sides of a replay: what the journal holds, and what the code asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wf.core import Key


class Recorded(NamedTuple):
    """A step as the journal holds it.

    Attributes:
        seq: Its number, in the order in which `run` asked.
        key: What it is known by.
        status: What has become of it.
    """

    seq: int
    key: Key
    status: str = ""

    def __str__(self) -> str:
        return f'#{self.seq} {self.key.kind} "{self.key.name}" count {self.key.count} → {self.status or "?"}'


class Asked(NamedTuple):
    """A step as `run` asks for it now.

    Attributes:
        key: What it is known by.
        place: File and line of the call.
    """

    key: Key
    place: str = ""

    def __str__(self) -> str:
        place = f"  {self.place}" if self.place else ""
        return f'{self.key.kind} "{self.key.name}" count {self.key.count}{place}'
