"""A deployment in which all is well, and what the doctor finds in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.doctor import Level, Subject, examine, lanes
from wf_tasks.presence import Presence

if TYPE_CHECKING:
    from tests.support.rig import Rig
    from wf.doctor import Finding


def staff(rig: Rig, **told: Any) -> Presence:
    """A living worker, with something else to tell than it would, and an alarm that has just run."""
    presence = Presence(rig.workers[0], "threads", 10)
    presence._told |= told
    presence.tell()
    rig.workers[0].alarm.run_once()
    return presence


class Examined:
    """What the doctor finds.

    Args:
        rig: Whose deployment.
        told: For the `Subject`.
    """

    def __init__(self, rig: Rig, **told: Any) -> None:
        self.subject = Subject(told.pop("settings", rig.settings), clock=rig.clock, **told)

    def findings(self, level: Level | None = None, *, quick: bool = False) -> list[Finding]:
        """All of them, or those of a level."""
        report = examine(self.subject, lanes(), quick=quick)
        assert not [one for one in report.findings if "fault of `wf doctor`" in one.remedy], report.findings
        return [finding for finding in report.findings if level in (None, finding.level)]

    def wrong(self) -> dict[str, Finding]:
        """What is wrong, by check; each says what to do."""
        found = self.findings(Level.WRONG)
        assert all(finding.remedy for finding in found)
        return {finding.check: finding for finding in found}

    def notes(self) -> dict[str, Finding]:
        """What is worth knowing, by check."""
        return {finding.check: finding for finding in self.findings(Level.NOTE)}

    def close(self) -> None:
        self.subject.close()
