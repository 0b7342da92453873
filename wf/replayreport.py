"""What a check of journals against today's code has found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wf.sides import Asked, Recorded

SHOWN = 5
"""Failures that the text of a report tells in full."""


class ReplayCheckFailed(AssertionError):
    """Journals do not fit the code of today.

    Attributes:
        report: All that was found.
    """

    def __init__(self, report: ReplayReport) -> None:
        super().__init__(str(report))
        self.report = report


@dataclass(frozen=True, slots=True)
class ReplayFailure:
    """An instance whose journal does not fit.

    Attributes:
        workflow: Name of its workflow.
        id: Its id.
        version: The version that it was created with.
        code: The version that it was checked with.
        status: Its status.
        generation: How often it was begun.
        recorded: What its journal holds, in the order in which `run` once asked.
        asked: What `run` asks for now, in its order, with file and line.
        explanation: What is wrong, with both sides, and what the cause may be.
    """

    workflow: str
    id: str
    version: str
    code: str
    status: str
    generation: int
    recorded: list[Recorded]
    asked: list[Asked]
    explanation: str

    def __str__(self) -> str:
        code = "" if self.code == self.version else f", checked with version {self.code}"
        restarts = "" if self.generation == 1 else f", generation {self.generation}"
        head = f'{self.workflow} "{self.id}" (version {self.version}{code}, {self.status}{restarts})'
        return f"{head}\n{self.explanation}"


class Skipped(NamedTuple):
    """An instance that could not be checked.

    Attributes:
        workflow: Name of its workflow.
        id: Its id.
        version: Its version.
        reason: Why.
    """

    workflow: str
    id: str
    version: str
    reason: str

    def __str__(self) -> str:
        return f'{self.workflow} "{self.id}": {self.reason}'


@dataclass(slots=True)
class ReplayReport:
    """What was found.

    Attributes:
        checked: Instances that were replayed.
        failures: Those of them that do not fit.
        skipped: Those that could not be replayed, and why.
    """

    checked: int = 0
    failures: list[ReplayFailure] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def raise_for_failures(self) -> None:
        """Do nothing if all that was checked fits.

        Raises:
            ReplayCheckFailed: Something does not; its text says what.
        """
        if self.failures:
            raise ReplayCheckFailed(self)

    def __str__(self) -> str:
        parts = [self.summary, *map(str, self.failures[:SHOWN])]
        if len(self.failures) > SHOWN:
            parts.append(f"… and {len(self.failures) - SHOWN} more.")
        return "\n\n".join(parts)

    @property
    def summary(self) -> str:
        """One line with the numbers."""
        skipped = f" {len(self.skipped)} could not be checked." if self.skipped else ""
        return f"{self.checked} checked, {len(self.failures)} do not replay.{skipped}"
