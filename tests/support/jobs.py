"""Instances in numbers, and jobs on them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.support.rig import START
from wf.codec import encode
from wf.status import LIVE, TERMINAL, Status
from wf.steering import Steering
from wf_reaper.jobs import JobRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.support.rig import Rig

_INSERT = (
    "with made as ("
    " insert into wf.instance (workflow, id, version, status, trigger, created_at, due_at, paused_at, ended_at)"
    " select %s, %s || '-' || n, %s, %s, %s, to_timestamp(%s), to_timestamp(%s), to_timestamp(%s), to_timestamp(%s)"
    " from generate_series(1, %s) n returning key, id"
    "), stored as (insert into wf.payload (instance, params) select key, %s from made)"
    " select id from made order by key"
)


def fill(
    rig: Rig, status: str, number: int, *, workflow: str = "errand", prefix: str = "", version: str = "1",
    trigger: str = "binding", created: float = 0.0,
) -> list[str]:  # fmt: skip
    """Instances that stand in a status without having done anything; their ids, which tell it and count on.

    Args:
        rig: Whose journal.
        status: The status.
        number: How many.
        workflow: Their workflow.
        prefix: What their ids begin with; the status by default.
        version: Their version.
        trigger: What they say of their origin.
        created: Seconds from the start of the rig's clock.
    """
    at = START + created
    due, paused, ended = status in LIVE, status == "paused", status in TERMINAL
    times = [at, *(at if there else None for there in (due, paused, ended))]
    values = [workflow, prefix or status, version, status, trigger, *times, number, encode({}, what="The payload")]
    return [id for (id,) in rig.sql(_INSERT, *values)]


def zoo(rig: Rig) -> None:
    """Two instances in each status, and some of another workflow."""
    for status in Status:
        fill(rig, status, 2)
        fill(rig, status, 1, workflow="other")


def statuses(rig: Rig, workflow: str = "errand") -> Counter[str]:
    """How many instances are in which status."""
    rows = rig.sql("select status from wf.instance where workflow = %s", workflow)
    return Counter(status for (status,) in rows)


def work(rig: Rig, worker: int = 0, **how: Any) -> int:
    """Let the reaper of a worker work on jobs; how many instances had their turn."""
    return JobRunner(rig.workers[worker]).run_once(**how)


def audited(rig: Rig, action: str) -> list[tuple[str, str]]:
    """Who did this to which instance, in order."""
    return [(actor, id) for actor, id in rig.sql("select actor, instance from wf.audit where action = %s", action)]


def once_each(rig: Rig, action: str, number: int) -> bool:
    """Whether each of so many instances was moved, and none twice."""
    counts = Counter(id for _, id in audited(rig, action))
    return len(counts) == number and set(counts.values()) == {1}


def break_at(monkeypatch: pytest.MonkeyPatch, id: str, error: BaseException, times: int = 1) -> Callable[[], int]:
    """Let the look at an instance fail, as often as that; gives how often it did."""
    looks: list[str] = []
    real = Steering._act

    def act(self: Steering, action: Any, workflow: str, which: str, *args: Any, **how: Any) -> Any:
        if which == id and len(looks) < times:
            looks.append(which)
            raise error
        return real(self, action, workflow, which, *args, **how)

    monkeypatch.setattr(Steering, "_act", act)
    return lambda: len(looks)
