"""Where the live instances of a workflow stand now: in which steps, and how many in each.

The price does not grow with the number of instances: see `CAP`, `DEPTH`, `BUDGET` and `GROUPS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf.answers import Answer
from wf.sql import statements
from wf.status import TERMINAL, Status, StepStatus

if TYPE_CHECKING:
    from wf.clock import Clock
    from wf.database import Database

CAP = 1_000
"""Instances of each status that are looked at, the newest ones."""

DEPTH = 100
"""Steps of each instance that are looked at, the newest ones."""

BUDGET = 10_000
"""Steps that are looked at in all; instances that are beyond it count, but not at their steps."""

GROUPS = 500
"""Steps that are told of, the most populated ones: names that `run` makes up can be thousands."""

_LIVE = [status for status in Status if status not in TERMINAL]

_OPEN = (StepStatus.RUNNING, StepStatus.RETRYING, StepStatus.READY, StepStatus.WAITING)
"""Statuses of steps that are not over. An instance that stands at many steps of one name counts as the first of these:
a fan-out of which one branch runs and a thousand are ready runs."""


class Standing:
    """Looks at the live instances of a workflow.

    Args:
        database: The journal.
        clock: Whose time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._sql = statements()

    def look(self, workflow: str, version: str | None = None) -> Answer:
        """Where instances stand now.

        Args:
            workflow: Whose instances; of an unknown one there are none.
            version: Only those of this version. They are looked for among the newest `CAP` of each status.

        Returns:
            `at`; `instances`, by status; `steps`: of each `kind` (`do`, `sleep`, `waitForEvent`, `timer`, `rollback`)
            and `name` the number of `instances`, this by status of the step (`statuses`), and the status that most of
            these instances are in themselves (`mostly`), the most populated first; `capped` if there may be more
            instances than were looked at, `stepsCapped` if some of their steps were not, `truncated` if there are
            more names; and `cap`.

        Raises:
            JournalUnavailable: Postgres does not answer.
        """
        of = {
            "now": self._clock.override(), "workflow": workflow, "version": version, "statuses": _LIVE, "cap": CAP,
            "open": list(_OPEN), "depth": DEPTH, "budget": BUDGET, "limit": GROUPS + 1,
        }  # fmt: skip
        rows = self._database.read(self._sql["standing_look"], of)
        at, counts, deeper, *_ = rows[0]
        steps = [_step(*row[3:]) for row in rows if row[3] is not None]
        return Answer(
            at=at, instances=Answer({status: counts[status][1] for status in _LIVE if counts.get(status, (0, 0))[1]}),
            steps=steps[:GROUPS], capped=any(number >= CAP for number, _ in counts.values()),
            stepsCapped=deeper, truncated=len(steps) > GROUPS, cap=CAP,
        )  # fmt: skip


def _step(kind: str, name: str, instances: int, *told: Any) -> Answer:
    *numbers, mostly = told
    statuses = {str(status): number for status, number in zip(_OPEN, numbers, strict=True) if number}
    return Answer(kind=kind, name=name, instances=instances, statuses=Answer(statuses), mostly=mostly)
