"""Workflows with breakers whose steps fail when a test wants it, and a reaper that looks when it is told to."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.standing import Door
from wf import NonRetryableError, WorkflowEntrypoint
from wf.breakers import REAPER, Breakers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.rig import Rig

RULES = {"failures": 3, "within": "1 minute", "pause": "2 minutes"}

world = {"well": True}
"""Whether steps succeed."""

ran: list[str] = []
"""Instances whose step began, in their order."""

doors: dict[str, Door] = {}
"""Where the steps of some instances stand."""


def work(id: str) -> str:
    ran.append(id)
    if id in doors:
        doors[id].stand()
    if not world["well"]:
        raise NonRetryableError("the mail server is away")
    return id


def declare(name: str, version: str = "1", **keywords: Any) -> type[WorkflowEntrypoint]:
    """A workflow that may wait for an event, does a step, and may wait again."""

    class Fragile(WorkflowEntrypoint, name=name, version=version, **keywords):
        async def run(self, event: Any, step: Any) -> None:
            if event.payload.get("wait"):
                await step.wait_for_event("permit", "go")
            if event.payload.get("raise"):
                raise NonRetryableError("before any step")
            await step.do("work", lambda: work(event.instance_id))
            if event.payload.get("again"):
                await step.sleep("nap", 1)
                await step.do("more", lambda: work(event.instance_id))

    return Fragile


Free = declare("breaker-free", breaker=RULES)
Narrow = declare("breaker-narrow", breaker=RULES, concurrency=2)


@contextmanager
def fresh(rig: Rig) -> Iterator[None]:
    """All goes well, and the workflows are known."""
    world["well"] = True
    ran.clear()
    doors.clear()
    for cls in (Free, Narrow):
        rig.workers[0].catalog.register(cls)
    yield
    for door in doors.values():
        door.open()


def breakers(rig: Rig) -> Breakers:
    """Those of a reaper."""
    owner = rig.workers[0]
    return Breakers(owner.catalog, owner.dispatcher, REAPER, due_in=owner.settings.renudge)


def tend(rig: Rig) -> int:
    """What the workers have counted is written, and the reaper looks."""
    for worker in rig.workers:
        worker.meter.flush()
    return breakers(rig).tend()


def fail(rig: Rig, cls: type[WorkflowEntrypoint], number: int, begin: int = 0) -> None:
    """So many instances that have errored."""
    world["well"] = False
    for n in range(begin, begin + number):
        rig.create(cls, f"bad-{n}", {})
    rig.settle()
    world["well"] = True
    ran.clear()


def opened(rig: Rig, cls: type[WorkflowEntrypoint]) -> None:
    """Enough have failed, and the breaker is open."""
    fail(rig, cls, 3)
    assert tend(rig) == 1
    assert state(rig, cls) == "open"


def state(rig: Rig, cls: type[WorkflowEntrypoint]) -> str:
    return str(rig.client.breakers.get(cls.workflow_name).state)


def statuses(rig: Rig, cls: type[WorkflowEntrypoint]) -> dict[str, str]:
    """Of those that are not meant to fail."""
    listed = rig.client.workflow(cls).list(limit=100)
    return {entry.id: entry.status for entry in listed if not entry.id.startswith("bad")}


def audited(rig: Rig) -> list[tuple[str, str]]:
    query = "select actor, action from wf.audit where starts_with(action, 'breaker') order by id"
    return [(row[0], row[1]) for row in rig.sql(query)]


def begin(rig: Rig, cls: type[WorkflowEntrypoint], id: str, **params: Any) -> Any:
    """An instance that stands in its step; the future of the worker that runs it."""
    doors[id] = Door()
    rig.create(cls, id, params)
    running = rig.in_thread(rig.advance, rig.take()[-1])
    doors[id].wait_for()
    return running


def opened_by(rig: Rig, cls: type[WorkflowEntrypoint]) -> None:
    """Somebody has opened it by hand."""
    rig.client.breakers.open(cls.workflow_name)
