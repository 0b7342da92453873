"""The rows of an instance that have not ended, and over them what the next commit will change.

A change lies over the known row until the journal has taken it. Each is one fact, and has a rev of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wf.core import Kind
from wf.status import STEP_ENDED, StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import Key
    from wf.facts import InstanceRow, StepRow

RUN = (Kind.DO, Kind.ROLLBACK)
"""Kinds of rows that are run by user code."""

ACTIVE = (StepStatus.RUNNING, StepStatus.READY)


class OpenRows:
    """Rows of one instance.

    Attributes:
        rev: That of the last change, written or not.
        seq: Number of the last row, written or not.
        changes: What is not written yet.
    """

    def __init__(self, instance: InstanceRow) -> None:
        self.rev, self.seq = instance.rev, instance.seq
        self.changes: dict[Key, StepRow] = {}
        self._known: dict[Key, StepRow] = {}
        self._written_seq = instance.seq

    def absorb(self, instance: InstanceRow, rows: list[StepRow]) -> None:
        """Take in what the journal says now; changes that it has not taken are forgotten."""
        self.rev = instance.rev
        self.seq = self._written_seq = instance.seq
        self.changes.clear()
        for row in rows:
            self.know(row)

    def know(self, row: StepRow) -> None:
        """This is what the journal holds."""
        if row.status in STEP_ENDED:
            self._known.pop(row.key, None)
        else:
            self._known[row.key] = row

    def written(self) -> list[StepRow]:
        """The journal has taken the changes.

        Returns:
            What they were.
        """
        rows = list(self.changes.values())
        for row in rows:
            if row.status not in STEP_ENDED:
                row.failure = None
            self.know(row)
        self.changes.clear()
        self._written_seq = self.seq
        return rows

    def change(self, row: StepRow) -> StepRow:
        """A fact for the next commit."""
        self.rev += 1
        row.rev = self.rev
        self.changes[row.key] = row
        return row

    def claim(self, row: StepRow) -> StepRow:
        """An attempt for the next commit; asked for and claimed at once is one fact, in the order of asking."""
        if row.key not in self.changes:
            return self.change(row)
        self.changes[row.key] = row
        return row

    def get(self, key: Key) -> StepRow | None:
        """The row of this key, as it will be."""
        return self.changes.get(key) or self._known.get(key)

    @property
    def keys(self) -> list[Key]:
        """Of all rows, those first that the journal holds."""
        return [*self._known, *self.changes]

    @property
    def known_keys(self) -> list[Key]:
        """Of the rows that the journal holds."""
        return list(self._known)

    @property
    def from_seq(self) -> int:
        """Every row of the journal with a lower number has ended, and was absorbed."""
        return min((row.seq for row in self._known.values()), default=self._written_seq + 1)

    def wanted(self, asked: Callable[[Key], bool]) -> list[StepRow]:
        """What is open and was asked for; a row that the code of today does not reach yet keeps its state."""
        rows = [row for key, row in self._known.items() if key not in self.changes and asked(key)]
        return [row for row in [*rows, *self.changes.values()] if row.status not in STEP_ENDED]
