"""Restart policies that operators set: workers go by them when an instance fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import START
from tests.support.errands import RefusedError
from wf import WorkflowEntrypoint
from wf.database import Database
from wf.sql import statements
from wf_reaper.restarts import Restarts

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.instance import Instance


async def work(event: Any, step: Any) -> None:
    """One step, and then whatever the payload says."""
    await step.do("begin", lambda: None)
    if (kind := event.payload.get("fail")) is not None:
        raise KeyError("x") if kind == "other" else RefusedError(7)


class Plain(WorkflowEntrypoint, name="restart-over-plain"):
    """Its class restarts nothing."""

    async def run(self, event: Any, step: Any) -> None:
        await work(event, step)


class Eager(WorkflowEntrypoint, name="restart-over-eager", restart={"limit": 3, "delay": 10}):
    """Its class restarts whatever has failed."""

    async def run(self, event: Any, step: Any) -> None:
        await work(event, step)


@pytest.fixture(autouse=True)
def _known(rig: Rig) -> None:
    for cls in (Plain, Eager):
        rig.workers[0].catalog.register(cls)


def over(rig: Rig, cls: type[WorkflowEntrypoint], restart: dict[str, Any] | None) -> None:
    """An operator sets a policy, or takes it back."""
    rig.client.overrides.change(cls.workflow_name, {"restart": restart})


def failed(rig: Rig, cls: type[WorkflowEntrypoint], id: str, kind: str = "refused") -> Instance:
    """An instance that has ended in error."""
    instance = rig.create(cls, id, {"fail": kind})
    rig.settle()
    assert instance.status().status == "errored"
    return instance


def restart_at(instance: Instance) -> float | None:
    """When the reaper starts it again, in seconds since the rig's start."""
    at = instance.describe().restart_at
    return None if at is None else at.timestamp() - START


def sweep(rig: Rig) -> int:
    return Restarts(rig.workers[0]).run_once()


def test_an_operators_policy_restarts_what_the_class_would_not(rig: Rig) -> None:
    """With its delay, up to its limit; the audit has the operator and the reaper."""
    over(rig, Plain, {"limit": 2, "delay": 5, "backoff": "linear"})
    instance = failed(rig, Plain, "i-1")
    for wait in (5, 10):
        rig.clock.advance(wait - 1)
        assert sweep(rig) == 0
        rig.clock.advance(1)
        assert sweep(rig) == 1
        rig.settle()
    shown = instance.describe()
    assert (shown.status, shown.restarts, shown.restart_at) == ("errored", 2, None)
    assert rig.sql("select actor, action from wf.audit order by id") == [
        ("client", "configure"), ("reaper", "restart"), ("reaper", "restart"),
    ]  # fmt: skip


def test_an_operator_switches_off_what_the_class_says(rig: Rig) -> None:
    """With a limit of 0, and back again; it counts for who fails from then on."""
    before = failed(rig, Eager, "before")
    over(rig, Eager, {"limit": 0})
    off = failed(rig, Eager, "off")
    over(rig, Eager, None)
    after = failed(rig, Eager, "after")
    assert [restart_at(each) for each in (before, off, after)] == [10, None, 10]


def test_an_operator_names_the_errors_and_where_to_begin(rig: Rig) -> None:
    """As an author does."""
    over(rig, Plain, {"on": ["RefusedError"], "delay": 1, "from": "start"})
    named, other = failed(rig, Plain, "named"), failed(rig, Plain, "other", "other")
    assert (restart_at(named), restart_at(other)) == (1, None)
    assert rig.sql("select id from wf.instance where restart_from_start and restart_at is not null") == [("named",)]


def test_a_policy_outlives_a_registration(rig: Rig) -> None:
    """A worker that starts with a newer class does not undo what an operator has set."""
    over(rig, Eager, {"limit": 0})
    rig.workers[0].catalog.register(Eager)
    assert restart_at(failed(rig, Eager, "i-1")) is None


@pytest.mark.parametrize(
    "poison",
    ['{"restart": 7}', '{"restart": {"limit": "many"}}', '{"restart": null}', '{"restart": {"on": [[]]}}', "[]", "7"],
)
def test_what_cannot_be_read_never_keeps_an_instance_from_ending(rig: Rig, poison: str) -> None:
    """Whatever stands there: the class counts, and the instance ends as it would without it."""
    rig.sql("update wf.workflow set overrides = %s::jsonb", poison)
    assert restart_at(failed(rig, Eager, "eager")) == 10
    assert restart_at(failed(rig, Plain, "plain")) is None


def test_only_failures_pay_for_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """One small read when an instance fails, none when it does not."""
    asked: list[str] = []
    wanted, read = statements()["workflow_restart"], Database.read

    def noting(self: Database, sql: Any, params: Any = None) -> Any:
        if sql == wanted:
            asked.append(params["name"])
        return read(self, sql, params)

    monkeypatch.setattr(Database, "read", noting)
    rig.create(Plain, "good", {})
    rig.settle()
    assert rig.client.workflow(Plain).get("good").status().status == "complete"
    assert asked == []
    failed(rig, Plain, "bad")
    assert asked == ["restart-over-plain"]
