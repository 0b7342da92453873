"""What a check finds: how bad it is, what it is, and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Level(StrEnum):
    """How bad it is."""

    WRONG = "wrong"
    """Work stands still, is late, or may be lost: somebody must act."""
    NOTE = "note"
    """Worth knowing; nobody need get up for it."""
    OK = "ok"
    """As it should be."""


_ORDER = list(Level)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found.

    Attributes:
        level: How bad it is.
        check: Name of the check.
        what: What is so, in a sentence or two.
        remedy: What to do, in a sentence; empty if there is nothing to do.
        facts: The same as values, for programs.
    """

    level: Level
    check: str
    what: str
    remedy: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """All of it, as JSON is made of."""
        return asdict(self)


def wrong(check: str, what: str, remedy: str, /, **facts: Any) -> Finding:
    """Somebody must act. Facts may have any name, also that of a workflow that is called `what`."""
    return Finding(Level.WRONG, check, what, remedy, facts)


def note(check: str, what: str, remedy: str = "", /, **facts: Any) -> Finding:
    """Worth knowing."""
    return Finding(Level.NOTE, check, what, remedy, facts)


def well(check: str, what: str, /, **facts: Any) -> Finding:
    """As it should be."""
    return Finding(Level.OK, check, what, "", facts)


@dataclass(frozen=True, slots=True)
class Report:
    """What all checks have found, the worst first.

    Attributes:
        findings: Of all checks.
        seconds: How long they took together.
    """

    findings: Sequence[Finding]
    seconds: float

    @classmethod
    def of(cls, findings: Sequence[Finding], seconds: float) -> Report:
        """Put findings in order; those of one level stay in theirs."""
        return cls(sorted(findings, key=lambda finding: _ORDER.index(finding.level)), seconds)

    def number(self, level: Level) -> int:
        """How many findings there are of a level."""
        return sum(finding.level == level for finding in self.findings)

    @property
    def well(self) -> bool:
        """Whether nothing is wrong; there may be notes."""
        return not self.number(Level.WRONG)

    def told(self) -> dict[str, Any]:
        """All of it, as JSON is made of."""
        return {
            "well": self.well, "seconds": round(self.seconds, 3),
            **{level.value: self.number(level) for level in Level},
            "findings": [finding.told() for finding in self.findings],
        }  # fmt: skip
