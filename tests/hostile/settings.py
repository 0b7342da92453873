"""The hostile settings: what each changes, and why that is hostile. Data; `fixtures` brings them about.

::

    lease          a worker that is late by a second has lost its attempt
    cache          no pass is kept: every nudge replays its instance from the first line
    many-steps     one task goes on with 50 steps, and its record and the next claim are one commit
    prefork        steps run in forked children; SIGKILL takes a child, and the worker lives on
    two-beats      every tick comes twice, at the same time
    pgbouncer      each transaction gets another connection to Postgres
    foreign        on a team's Celery app that acknowledges late and delivers again after two seconds
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Hostile:
    """One hostile setting.

    Attributes:
        name: For `--hostile NAME`, and in the ids of tests.
        why: What it makes harder.
        settings: What every process is told, whatever the test says.
        pool: The pool of workers whose pool the test does not name.
        forks: Whether steps run in children, which die alone.
        beats: How many beats run beside the workers.
        pooled: Whether PgBouncer stands between everybody and Postgres, with one connection for each transaction.
        app: The Celery app whose workers take the place of `wf worker`.
    """

    name: str
    why: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    pool: str = ""
    forks: bool = False
    beats: int = 0
    pooled: bool = False
    app: str = ""


HOSTILE = (
    Hostile("lease", "a worker that is late by a second has lost its attempt", {"lease": 1.0}),
    Hostile("cache", "every nudge replays its instance from the first line", {"cache_size": 0}),
    Hostile("many-steps", "record and next claim are one commit, 50 times in a task", {"steps_per_task": 50}),
    Hostile("prefork", "steps run in forked children, which die alone", pool="prefork", forks=True),
    Hostile("two-beats", "every tick comes twice, at the same time", beats=2),
    Hostile("pgbouncer", "each transaction gets another connection, without prepared statements", pooled=True),
    Hostile("foreign", "an app that acknowledges late and delivers again after 2 s", forks=True,
            app="tests.hostile.foreign"),
)  # fmt: skip

PLAIN = Hostile("plain", "nothing: as the suite runs them")

BY_NAME = {one.name: one for one in (PLAIN, *HOSTILE)}
