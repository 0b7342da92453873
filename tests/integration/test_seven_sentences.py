"""The seven sentences that always hold, each with a test of its own."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest

from tests.support import Rig
from wf import Client, WorkflowEntrypoint
from wf.clock import DatabaseClock
from wf.codec import decode
from wf.dispatch import Nudge
from wf.settling import settle
from wf_tasks.runtime import Runtime

if TYPE_CHECKING:
    from wf import Event, Step
    from wf.settings import Settings

effects: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _no_effects() -> None:
    effects.clear()


def effect(name: str) -> str:
    """Count an execution."""
    effects[name] += 1
    return name


class Everything(WorkflowEntrypoint):
    """A step, parallel steps, a retry, a sleep, an event, a last step."""

    async def run(self, event: Event, step: Step) -> list[str]:
        done = [await step.do("first", lambda: effect("first"))]
        done += await asyncio.gather(*[step.do(n, lambda n=n: effect(n)) for n in ("left", "middle", "right")])

        @step.do("flaky", config={"retries": {"limit": 1, "delay": 5}})
        def flaky(ctx: Any) -> str:
            effect(f"flaky attempt {ctx.attempt}")
            if ctx.attempt == 1:
                raise ConnectionError("once")
            return "flaky"

        done.append(await flaky())
        await step.sleep("nap", 60)
        done.append((await step.wait_for_event("approval", "approved")).payload)
        return [*done, await step.do("last", lambda: effect("last"))]


RESULT = ["first", "left", "middle", "right", "flaky", "yes", "last"]
ONCE_EACH = Counter(["first", "left", "middle", "right", "flaky attempt 1", "flaky attempt 2", "last"])


@pytest.mark.parametrize("trouble", ["lost", "doubled", "reversed", "late"])
def test_1_postgres_is_the_truth_and_a_message_is_a_nudge(rig: Rig, trouble: str) -> None:
    """Losing, repeating, reordering or delaying any message costs time and changes nothing else."""
    instance = rig.create(Everything)
    instance.send_event("approved", "yes")
    old: list[Nudge] = []
    for _ in range(60):
        nudges = rig.take()
        if trouble == "lost":
            rig.lose_messages()
            nudges = nudges[:1] if not effects else []
        elif trouble == "doubled":
            nudges = [nudge for nudge in nudges for _ in range(2)]
        elif trouble == "reversed":
            nudges.reverse()
        else:
            nudges, old = old + nudges[1:], nudges[:1]
        for nudge in nudges:
            rig.advance(nudge)
        if not nudges and not rig.queued():
            rig.clock.advance(31)
            rig.workers[0].alarm.run_once()
            for nudge in rig.take():
                rig.advance(nudge)
        if instance.status().status == "complete":
            break
    assert instance.status().output == RESULT
    assert effects == ONCE_EACH


def test_2_an_instance_that_is_not_finished_and_not_paused_has_a_due_at(rig: Rig) -> None:
    """After every commit of a whole life `due_at` is set, and the database refuses a live row without it."""
    instance = rig.create(Everything)
    instance.send_event("approved", "yes")
    seen = set()

    def look() -> None:
        ((status, due_at),) = rig.sql("select status, due_at from wf.instance")
        seen.add(status)
        assert (due_at is not None) == (status != "complete")

    for _ in range(40):
        for nudge in rig.take():
            rig.advance(nudge)
            look()
        if not rig.queued():
            rig.pass_time(6)
            look()
    assert seen == {"running", "waiting", "complete"}
    rig.create(Everything, "other")
    with pytest.raises(psycopg.errors.CheckViolation):
        rig.sql("update wf.instance set due_at = null where id = 'other'")


def test_3_every_write_is_fenced(rig: Rig) -> None:
    """A pass of an older rev or generation, and an attempt without its lease, write nothing."""
    instance = rig.create(Everything)
    first = rig.take()[0]
    worker = rig.workers[0]
    live = worker.engine.passes.load(first)
    assert live is not None
    settle(live, rig.clock.now())
    stale = live.commit(rig.clock.now(), None)
    rig.advance(first)
    before = rig.sql("select * from wf.instance, wf.step")
    assert not worker.journal.commit(stale)
    stale.rev, stale.generation = rig.sql("select rev, generation + 1 from wf.instance")[0]
    assert not worker.journal.commit(stale)
    (row,) = [row for row in worker.journal.load(first.key).rows if row.key.name == "first"]  # type: ignore[union-attr]
    assert worker.journal.record(live.instance, row, uuid4(), due_in=30) is None
    assert rig.sql("select * from wf.instance, wf.step") == before
    assert instance.status().status == "running"


def test_4_an_attempt_is_counted_before_user_code_runs_and_no_transaction_is_open(rig: Rig) -> None:
    """Inside a callback the journal already says so, and no connection stands in a transaction."""
    inside: list[Any] = []

    class Looks(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            def look() -> None:
                inside.append(rig.sql("select status, attempt, lease is not null from wf.step"))
                inside.append(
                    rig.sql(
                        "select count(*) from pg_stat_activity where datname = current_database()"
                        " and application_name = 'wf'"
                        " and (state like 'idle in transaction%%' or xact_start is not null)"
                    )
                )

            await step.do("look", look)

    rig.create(Looks)
    rig.settle()
    assert inside == [[("running", 1, True)], [(0,)]]


def test_5_the_databases_clock_decides(settings: Settings) -> None:
    """A worker whose own clock is a day ahead neither shortens a sleep nor takes over a lease."""

    class Naps(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> None:
            await step.sleep("nap", 3_600)

    clock = DatabaseClock()
    clock.observe(clock.now() + 86_400)
    worker = Runtime(settings, clock)
    try:
        with Client(settings=settings) as client:
            client.workflow(Naps).create("n-1")
            key = worker.database.rows("select key from wf.instance")[0][0]
            worker.engine.advance(Nudge(key, 1, 0))
            ((ahead,),) = worker.database.rows("select extract(epoch from wake_at - now())::float8 from wf.step")
            assert 3_590 < ahead <= 3_600
            clock.observe(clock.now() + 86_400)
            worker.engine.advance(Nudge(key, 1, 0))
            assert client.workflow(Naps).get("n-1").status().status == "waiting"
    finally:
        worker.close()


def test_6_messages_carry_ids_only_and_one_task_name(rig: Rig) -> None:
    """No parameter, result, error or event is ever in a message; every message is for wf.advance."""
    secret = "s3cr3t"

    class Secretive(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> str:
            await step.do("secret", lambda: secret)
            await asyncio.gather(step.do("a", lambda: secret), step.do("b", lambda: secret))
            await step.wait_for_event("w", "go")
            return secret

    instance = rig.create(Secretive, params={"password": secret})
    instance.send_event("go", {"token": secret})
    messages = []
    queue = rig.settings.key_prefix + rig.settings.queue
    while (message := rig.redis.rpop(queue)) is not None:
        text = message.decode()  # type: ignore[union-attr]  # redis types sync and async alike
        messages.append(text)
        rig.advance(Nudge(*json.loads(json.loads(text)["body"])[0]))
    assert instance.status().output == secret
    assert len(messages) >= 4
    for text in messages:
        envelope = json.loads(text)
        args, kwargs, _ = json.loads(envelope["body"])
        assert all(isinstance(arg, int) for arg in args)
        assert kwargs == {}
        assert envelope["headers"]["task"] == "wf.advance"
        assert secret not in text


def test_7_an_event_is_in_postgres_before_its_sender_is_answered(settings: Settings) -> None:
    """With Redis away the sender is answered all the same, and the wait gets the event from Postgres."""
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})

    class Waits(WorkflowEntrypoint):
        async def run(self, event: Event, step: Step) -> Any:
            return (await step.wait_for_event("w", "go")).payload

    with Rig(away) as rig:
        instance = rig.create(Waits)
        instance.send_event("go", {"n": 1})
        ((payload,),) = rig.sql("select payload from wf.event where consumed_by is null")
        assert decode(payload) == {"n": 1}
    with Rig(settings) as rig:
        rig.pass_time(settings.renudge)
        assert rig.client.workflow(Waits).get("i-1").status().output == {"n": 1}
        assert rig.sql("select count(*) from wf.event where consumed_by is not null") == [(1,)]
