"""Instances whose rows cannot be read: set apart after a while, told of, taken up again; the others go on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.support import wait_until
from tests.support.attempts import LIMIT, Held
from wf import WorkflowEntrypoint
from wf.codec import encode
from wf.passes import DEFER
from wf.quarantine import PATIENCE, REMEDY
from wf.workflow import registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Rig
    from wf import Instance


@dataclass
class Small:
    """A class whose name changes."""

    number: int


class Relay(WorkflowEntrypoint, name="quarantine-relay"):
    """A step, one that fails, an event, and a step with a configuration of its own."""

    async def run(self, event: Any, step: Any) -> list[Any]:
        parts = [event.payload, await step.do("first", lambda: "a")]
        try:
            await step.do("fails", lambda: 1 // 0, config={"retries": {"limit": 0}})
        except ZeroDivisionError:
            parts.append("caught")
        parts.append((await step.wait_for_event("go", "go")).payload)
        last = await step.do("last", lambda: "z", config={"retries": {"limit": 1, "delay": 1}, "timeout": 30})
        return [*parts, last]


class Damage(NamedTuple):
    """What is damaged of an instance that waits for its event, and what it says of that."""

    place: str
    where: str
    data: bytes
    says: str

    def do(self, rig: Rig) -> Callable[[], None]:
        """Damage the oldest instance; gives what mends it."""
        table, column = self.place.split(".")
        which = f"where instance = (select min(key) from wf.instance) and {self.where}"
        ((before,),) = rig.sql(f"select {column} from wf.{table} {which}")

        def write(data: bytes) -> None:
            rig.sql(f"update wf.{table} set {column} = %s {which}", data)

        write(self.data)
        return partial(write, before)


DAMAGES = {
    "params": Damage("payload.params", "true", b"\x01\xff", "Params: Stored data cannot be read"),
    "nothing": Damage("payload.params", "true", b"", "Params: Stored data begins with b''"),
    "version": Damage("payload.params", "true", b"\x031", "a newer release wrote it"),
    "sealed": Damage("payload.params", "true", b"\x021", "lacks the key that opens it"),
    "class": Damage("payload.params", "true", encode(Small(1)).replace(b"Small", b"Large"), "Large cannot be imported"),
    "output": Damage("step.output", "name = 'first'", b"\x01", "Output of step 'first-1': Stored data cannot be read"),
    "error": Damage("step.error", "name = 'fails'", b"\x011", "Error of step 'fails-1': Stored data is not an error"),
    "event": Damage("event.payload", "true", b"\x01{", "of type 'go': Stored data cannot be read"),
}


def nudge_in_vain(rig: Rig, times: int) -> None:
    """Let the alarm wake what is due so many times, in its growing pauses."""
    for n in range(times):
        rig.pass_time(rig.settings.renudge * 2 ** min(n, 6) + 1)


def relays(rig: Rig) -> tuple[Instance, Instance]:
    """Two instances that have got their events; no worker knows them, and the mailbox is empty."""
    bad, good = (rig.create(Relay, id, 1) for id in ("bad", "good"))
    rig.settle()
    rig.workers[0].engine.passes.clear()
    for instance in (bad, good):
        instance.send_event("go", 2)
    rig.lose_messages()  # the mailbox, too: it is refilled out of Postgres
    return bad, good


@pytest.mark.parametrize("kind", DAMAGES)
def test_what_cannot_be_read_is_set_apart_and_taken_up_again(rig: Rig, kind: str) -> None:
    """It says which row, is nudged in growing pauses, paused in the end; mended and resumed, it goes on."""
    damage = DAMAGES[kind]
    bad, good = relays(rig)
    mend = damage.do(rig)
    nudge_in_vain(rig, 1)
    assert good.status().status == "complete"
    (warning,) = bad.describe().warnings
    assert damage.says in warning
    assert warning.endswith(REMEDY)
    assert bad.status().status == "waiting"
    ((pause,),) = rig.sql("select due_at - to_timestamp(%s) from wf.instance where id = 'bad'", rig.clock.now())
    assert pause.total_seconds() >= rig.settings.renudge
    nudge_in_vain(rig, PATIENCE)
    status = bad.status()
    assert (status.status, status.error.name) == ("paused", "CodecError")
    assert damage.says in status.error.message
    assert rig.sql("select actor, action, detail from wf.audit where instance = 'bad'") == [
        ("engine", "pause", {"reason": "CodecError"})
    ]
    rig.clock.advance(100_000)
    assert rig.workers[0].alarm.run_once() == 0, "nobody wakes it any more"
    mend()
    bad.resume()
    rig.settle()
    assert bad.status().status == "complete"
    assert bad.result(timeout=0)[0] == 1


def feed_of(instance: Instance, *types: str) -> list[Any]:
    """What a subscriber is told of the past."""
    feed = instance.feed(0, types)
    feed.find()
    feed.look()
    return list(iter(feed.taken, None))


class Shaky(WorkflowEntrypoint, name="quarantine-shaky"):
    """A step that fails once."""

    fails = True

    async def run(self, event: Any, step: Any) -> str:
        def shaky() -> str:
            if Shaky.fails:
                raise ConnectionError
            return "secret"

        config = {"retries": {"limit": 3, "delay": 1}, "sensitive": "output"}
        return str(await step.do("shaky", shaky, config=config))


@pytest.mark.parametrize("config", ['{"timeout": "soon", "sensitive": "output"}', "[1]", "7", '{"of_later": 1}'])
def test_a_config_that_cannot_be_read_costs_no_attempt(rig: Rig, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is not begun with another configuration than its own, and everything that shows it still does."""
    bad = rig.create(Shaky)
    rig.settle()
    monkeypatch.setattr(Shaky, "fails", False)
    ((before,),) = rig.sql("select config from wf.step")
    rig.sql("update wf.step set config = %s", config)
    nudge_in_vain(rig, PATIENCE + 1)
    shown = bad.describe()
    assert (shown.status, shown.error.name, shown.steps[0].attempt) == ("paused", "CodecError", 1)
    assert shown.error.message.startswith("Config of step 'shaky-1': ")
    assert shown.steps[0].config["unreadable"] == json.loads(config)
    (started,) = feed_of(bad, "step_started")
    assert started.config["unreadable"] == json.loads(config)
    assert rig.client.catalog.step_output("quarantine-shaky", "i-1", "shaky-1", "do").status == "running"
    rig.sql("update wf.step set config = %s", json.dumps(before))
    bad.resume()
    rig.settle()
    nudge_in_vain(rig, 1)
    assert bad.status().status == "complete"
    rig.sql("update wf.step set config = %s", config)
    assert bad.describe().steps[0].output == ("[REDACTED]" if "sensitive" in config else "secret")


def test_nobody_is_paused_whose_step_runs(rig: Rig) -> None:
    """A worker of another release can read it: what all nudges found that others got meanwhile says nothing."""
    held = Held()

    class Long(WorkflowEntrypoint, name="quarantine-long"):
        async def run(self, event: Any, step: Any) -> Any:
            return [event.payload, await step.do("work", held.stand)]

    instance = rig.create(Long, params=1)
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert held.begun.wait(LIMIT)
    DAMAGES["params"].do(rig)
    for n in range(PATIENCE + 1):  # a heartbeat is no commit: the alarm knows nothing of it
        rig.clock.advance(rig.settings.renudge * 2**n + 1)
        rig.sql("update wf.step set wake_at = to_timestamp(%s)", rig.clock.now() + rig.settings.lease)
        assert rig.workers[0].alarm.run_once() == 1
        rig.settle()
    assert (instance.status().status, rig.sql("select nudges from wf.instance")) == ("running", [(PATIENCE + 1,)])
    held.gate.set()
    running.result(LIMIT)
    assert instance.result(timeout=0) == [1, None]


def test_a_result_beside_siblings_is_progress(rig: Rig) -> None:
    """Whoever records it moves the instance on, although it commits nothing else: the alarm begins to count anew."""
    held, beside = Held(), Held()

    class Both(WorkflowEntrypoint, name="quarantine-both"):
        async def run(self, event: Any, step: Any) -> None:
            await asyncio.gather(step.do("one", held.stand), step.do("two", beside.stand))

    rig.create(Both)
    first = rig.in_thread(rig.settle)
    assert held.begun.wait(LIMIT)
    second = rig.in_thread(rig.settle)
    assert beside.begun.wait(LIMIT)
    rig.sql("update wf.instance set nudges = 5")
    beside.gate.set()
    recorded = "select count(*) from wf.step where status = 'complete'"
    wait_until(lambda: rig.sql(recorded) == [(1,)], what="the result is recorded")
    assert rig.sql("select nudges from wf.instance") == [(0,)]
    held.gate.set()
    first.result(LIMIT)
    second.result(LIMIT)


@pytest.mark.parametrize("column", ["kind", "status"])
def test_a_step_of_another_release_is_set_apart_and_shown(rig: Rig, column: str) -> None:
    """A kind or a status that this release does not know: nobody guesses what it means."""
    bad, good = relays(rig)
    rig.sql(f"update wf.step set {column} = 'dream' where instance = (select min(key) from wf.instance) and seq = 1")
    nudge_in_vain(rig, PATIENCE + 1)
    assert good.status().status == "complete"
    shown = bad.describe()
    assert (shown.status, shown.error.name) == ("paused", "CodecError")
    assert shown.error.message.startswith("Step 'first-1': 'dream' is not a valid ")
    assert shown.steps[0].name == "first-1"
    assert feed_of(bad, "workflow_paused")
    bad.terminate()
    assert bad.status().status == "terminated"


def test_an_instance_that_nobody_knows_is_offered_in_growing_pauses(rig: Rig) -> None:
    """A removed or renamed class costs less and less, and its instance runs soon after a worker knows it again."""

    class Gone(WorkflowEntrypoint, name="quarantine-gone"):
        async def run(self, event: Any, step: Any) -> str:
            return "back"

    instance = rig.create(Gone)
    registry.remove(Gone)
    rig.settle()
    pauses = []
    for _ in range(9):
        ((due_at,),) = rig.sql("select extract(epoch from due_at)::float from wf.instance")
        pauses.append(due_at - rig.clock.now())
        rig.pass_time(due_at - rig.clock.now() + 0.001)
    assert pauses == pytest.approx([DEFER * 2 ** min(n, 6) for n in range(9)], abs=0.01)
    assert instance.status().status == "queued"
    registry.add(Gone)
    rig.pass_time(DEFER * 2**6 + 1)
    assert instance.result(timeout=0) == "back"


def test_a_damaged_mailbox_is_filled_again(rig: Rig) -> None:
    """What Redis holds of an event is only a copy: one that cannot be read costs a nudge and no more."""
    bad, _ = relays(rig)
    ((key,),) = rig.sql("select min(key) from wf.instance")
    mailbox = rig.workers[0].mailbox
    (event,) = mailbox.read(key, 1)
    mailbox.forget(key)
    mailbox.put(key, event._replace(payload=b"\x01{", entry=None))
    nudge_in_vain(rig, 1)
    assert bad.status().status == "waiting"
    nudge_in_vain(rig, 2)
    assert bad.result(timeout=0)[3] == 2
