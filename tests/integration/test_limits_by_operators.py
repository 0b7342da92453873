"""A limit of concurrency that operators set on a workflow whose class declares none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.standing import LIMIT, Door
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from tests.support import Rig


class Unlimited(WorkflowEntrypoint, name="limits-unlimited"):
    """One step that stands at a door if the payload has one's name."""

    async def run(self, event: Any, step: Any) -> str:
        await step.do("work", DOOR.stand if event.payload == "stand" else lambda: None)
        if event.payload == "sleep":
            await step.sleep("nap", 60)
            await step.do("more", lambda: None)
        return str(event.instance_id)


DOOR = Door()


@pytest.fixture
def set_limit(rig: Rig) -> Any:
    """Sets the limit as operators do."""
    rig.workers[0].catalog.register(Unlimited)

    def set_limit(number: int | None) -> None:
        wish = {} if number is None else {"concurrency": {"limit": number}}
        rig.client.catalog.configure(
            "limits-unlimited", wish, module=Unlimited.__module__, class_name="Unlimited", actor="test"
        )

    return set_limit


def test_a_limit_on_a_class_that_declares_none_is_obeyed(rig: Rig, set_limit: Any) -> None:
    """Whoever finds no slot waits in the queue, and goes on when the one before it has ended."""
    set_limit(1)
    rig.create(Unlimited, "first", "stand")
    running = rig.in_thread(rig.advance, rig.take()[0])
    DOOR.wait_for()
    second = rig.create(Unlimited, "second")
    rig.settle()
    assert second.status().status == "queued"
    assert rig.sql("select queued_at is not null from wf.instance where id = 'second'") == [(True,)]
    DOOR.open()
    running.result(LIMIT)
    rig.settle()
    assert second.status().status == "complete"


def test_an_instance_that_is_kept_by_a_worker_obeys_a_later_limit(rig: Rig, set_limit: Any) -> None:
    """A worker has the pass of a sleeper in memory when the limit is set; after the sleep it needs a slot."""
    sleeper = rig.create(Unlimited, "sleeper", "sleep")
    rig.settle()
    set_limit(1)
    rig.sql("update wf.slot set instance = 0, taken_at = to_timestamp(%s) + interval '1 day'", rig.clock.now())
    rig.pass_time(60)
    assert (sleeper.status().status, rig.sql("select queued_at is not null from wf.instance")) == ("queued", [(True,)])
    rig.sql("update wf.slot set instance = null")
    rig.pass_time(1)
    assert sleeper.status().status == "complete"


def test_a_limit_that_is_taken_back_holds_nobody(rig: Rig, set_limit: Any) -> None:
    """Those that waited go on, and new ones need no slot."""
    set_limit(1)
    rig.sql("update wf.slot set instance = 0, taken_at = to_timestamp(%s) + interval '1 day'", rig.clock.now())
    waiting = rig.create(Unlimited, "waiting")
    rig.settle()
    assert waiting.status().status == "queued"
    set_limit(None)
    rig.pass_time(1)
    later = rig.create(Unlimited, "later")
    rig.settle()
    assert (waiting.status().status, later.status().status) == ("complete", "complete")
