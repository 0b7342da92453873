"""Forks: a new instance that begins as a copy of another one, with edited params, which stays as it is."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from pydantic import BaseModel

from tests.support import Rig, RowLock
from tests.support.errands import Errand, by_name
from tests.support.feeds import told
from wf import AsyncClient, InstanceAlreadyExists, InstanceNotFound, PayloadTooLarge, StepNotFound, WorkflowEntrypoint
from wf.audit import Audit
from wf.client import Client
from wf.errors import InvalidInstanceId, InvalidPayload, JournalBusy, RateLimited, SerializationError
from wf.instance import Instance
from wf.workflow import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.settings import Settings

RAN: list[str] = []
LIMIT = 10.0
"""Seconds after which something that does not happen fails the test."""

_OF = "join wf.instance i on i.key = of.instance where i.id = %s"
_NOW = "join wf.instance i on i.key = of.instance and i.generation = of.generation where i.id = %s"
MEANT = {
    "steps": (
        "select of.kind, of.name, of.count, of.seq, of.status, of.config, of.attempt, of.lost, of.worker, of.output,"
        " of.error, of.details, of.lease, of.started_rev, of.attempt_rev, of.rev, of.wake_at, of.started_at,"
        f" of.attempt_at, of.ended_at from wf.step of {_NOW} order by of.seq"
    ),
    "attempts": (
        "select of.seq, of.attempt, of.outcome, of.error, of.worker, of.started_rev, of.rev, of.started_at,"
        f" of.ended_at, of.retry_at from wf.attempt of {_NOW} order by 1, 2"
    ),
    "events": (
        f"select of.type, of.payload, of.event_id, of.consumed_by, of.accepted_at from wf.event of {_OF} order by of.id"
    ),
    "transitions": f"select of.rev, of.status, of.at from wf.transition of {_OF} order by 1",
    "instance": (
        "select i.status, i.version, i.rev, i.seq, i.inbox, i.size, i.started_rev, i.last_rev, i.started_at, i.due_at,"
        " i.keep_success, i.keep_error, i.nudges, i.restarts, i.ended_at, i.expire_at, of.params, of.seed, of.schedule,"
        f" of.warnings, of.rollback, of.error, of.output from wf.payload of {_OF}"
    ),
}
"""What a fork from a step and a restart from it leave in the journal, but for numbers of their own."""


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    """Each test begins with an empty list."""
    RAN.clear()


def work(name: str, output: Any = None) -> Callable[[], Any]:
    """A callback that writes down that it ran."""

    def callback() -> Any:
        RAN.append(name)
        return f"{name} {RAN.count(name)}" if output is None else output

    return callback


class Line(WorkflowEntrypoint, name="fork-line"):
    """Steps of every kind: in a row, in parallel, retried, caught, in a transaction; sleeps, waits, time limits."""

    async def run(self, event: Any, step: Any) -> Any:
        def flaky(ctx: Any) -> str:
            RAN.append("flaky")
            if ctx.attempt == 1:
                raise ValueError("once")
            return "flaky"

        results: list[Any] = [event.payload["n"], step.random(), str(step.uuid4()), step.now().timestamp()]
        results.append(await step.do("a", work("a"), rollback=work("undo a")))
        results += await asyncio.gather(*[step.do(f"part {n}", work(f"part {n}")) for n in range(3)])
        results.append(await step.do("flaky", flaky, config={"retries": {"limit": 1, "delay": 1}}))
        try:
            async with asyncio.timeout(30):
                await step.do("quick", work("quick"))
                await step.wait_for_event("never", "never", timeout="1 hour")
        except TimeoutError:
            results.append("timed out")
        await step.sleep("nap", 50)
        results.append((await step.wait_for_event("permit", "go", timeout="1 day")).payload)
        results.append(await step.transaction("together", lambda _connection: work("together")()))
        results.append(await step.do("b", work("b")))
        return results


def complete(rig: Rig, id: str = "i-1") -> Any:
    """An instance of `Line` that has run to its end."""
    instance = rig.create(Line, id, {"n": 1})
    rig.settle()
    for seconds in (2, 31, 51):
        rig.pass_time(seconds)
    instance.send_event("go", {"by": "ada"}, event_id="e-1")
    instance.send_event("go", "left over")
    rig.settle()
    assert instance.status().status == "complete"
    return instance


def journal(rig: Rig, id: str) -> dict[str, list[tuple[Any, ...]]]:
    return {what: rig.sql(query, id) for what, query in MEANT.items()}


STEPS = [
    ("a",), ("part 0",), ("part 2", 1), ("flaky", 1, "do"), ("quick",), ("nap", 1, "sleep"),
    ("permit", 1, "waitForEvent"), ("together",), ("b",),
]  # fmt: skip


@pytest.mark.parametrize("from_step", STEPS, ids=str)
def test_a_fork_from_a_step_has_what_a_restart_from_it_keeps(rig: Rig, from_step: Any) -> None:
    """Row by row: the journal of the fork is that of the original after the restart; and both end alike."""
    instance = complete(rig)
    before = journal(rig, "i-1")
    fork = instance.fork("i-2", from_step=from_step)
    assert journal(rig, "i-1") == before
    instance.restart(from_step=from_step)
    forked, restarted = journal(rig, "i-2"), journal(rig, "i-1")
    assert forked == restarted
    assert len(forked["steps"]) < len(before["steps"])
    rig.settle()
    for seconds in (2, 31, 51):
        rig.pass_time(seconds)
    for one in (fork, instance):
        if one.status().status == "waiting":
            one.send_event("go", {"by": "ada"})
    rig.settle()
    ended = [one.status() for one in (fork, instance)]
    assert [end.status for end in ended] == ["complete", "complete"]
    assert [output[:4] for output in (ended[0].output, ended[1].output)] == [before_output(before)] * 2


def before_output(before: dict[str, list[tuple[Any, ...]]]) -> list[Any]:
    """The params, and the values that the seed and the start of an instance determine."""
    from wf.codec import decode  # noqa: PLC0415

    found: list[Any] = decode(before["instance"][0][-1])[:4]
    return found


def test_a_fork_from_a_step_runs_nothing_again_that_it_keeps(rig: Rig) -> None:
    """Only the step and what comes after it run, with the edited params; warnings there are none."""
    instance = complete(rig)
    before = instance.status().output
    RAN.clear()
    fork = instance.fork("i-2", from_step="b", params={"n": 2})
    assert (fork.id, fork.version, fork.status().status) == ("i-2", "1", "queued")
    rig.settle()
    assert RAN == ["b"]
    assert fork.status().output == [2, *before[1:-1], "b 1"]
    shown = fork.describe()
    assert (shown.trigger, shown.warnings, shown.params) == ({"source": "fork"}, [], {"n": 2})
    assert instance.describe().params == {"n": 1}
    assert [step.attempt for step in shown.steps if step.name == "flaky-1"] == [2]
    assert shown.retries == 1


def test_a_fork_without_a_step_begins_from_the_start(rig: Rig) -> None:
    """A new random id, the same params, and nothing of the history; chance comes out otherwise."""
    instance = complete(rig)
    RAN.clear()
    fork = instance.fork()
    assert fork.id != instance.id
    rig.settle()
    for seconds in (2, 31, 51):
        rig.pass_time(seconds)
    fork.send_event("go", "second")
    rig.settle()
    assert RAN == ["a", "part 0", "part 1", "part 2", "flaky", "flaky", "quick", "together", "b"]
    ours, theirs = fork.status().output, instance.status().output
    assert ours[0] == theirs[0] == 1
    assert ours[1] != theirs[1]
    assert ours[-3] == "second"


def test_the_feed_of_a_fork_tells_what_it_was_given_and_what_it_does(rig: Rig) -> None:
    """From its start on as the original's, then that it was queued, and what it does itself."""
    instance = complete(rig)
    fork = instance.fork("i-2", from_step="b")
    rig.settle()
    theirs, ours = told(instance), told(fork)
    kinds = [event["type"] for event in ours]
    assert (kinds[0], kinds[-1]) == ("workflow_queued", "workflow_completed")
    assert kinds.count("workflow_queued") == 2
    done = [[event.get("stepName") for event in feed if event["type"] == "step_completed"] for feed in (theirs, ours)]
    assert done[0] == done[1]
    assert [event["eventId"] for event in ours] == sorted({event["eventId"] for event in ours})
    assert fork.status().status == "complete"


def test_an_instance_that_runs_is_forked_without_waiting_for_it(rig: Rig) -> None:
    """The running step is not kept; the original goes on, its attempt counts, and nobody waits for the other."""
    begun, gate = threading.Event(), threading.Event()

    class Busy(WorkflowEntrypoint, name="fork-busy"):
        async def run(self, event: Any, step: Any) -> Any:
            def stand() -> str:
                RAN.append("stand")
                begun.set()
                assert gate.wait(LIMIT)
                return str(event.payload)

            first = await step.do("first", work("first"))
            return [first, *await asyncio.gather(step.do("stand", stand), step.do("beside", work("beside")))]

    instance = rig.create(Busy, params="one")
    running = rig.in_thread(rig.settle)
    assert begun.wait(LIMIT)
    with RowLock(rig.settings.database_url) as lock:
        fork = instance.fork("i-2", from_step="stand", params="two")
        lock.release()
    gate.set()
    running.result(LIMIT)
    rig.settle()
    assert instance.status().output == ["first 1", "one", "beside 1"]
    assert fork.status().output == ["first 1", "two", "beside 2"]
    assert sorted(RAN) == ["beside", "beside", "first", "stand", "stand"]


def test_open_sleeps_and_waits_keep_their_deadlines(rig: Rig) -> None:
    """What sleeps in the original sleeps in the fork, and wakes when that does; a pause that lasts is added."""

    class Sleeper(WorkflowEntrypoint, name="fork-sleeper"):
        async def run(self, event: Any, step: Any) -> Any:
            nap, permit = step.sleep("nap", 600), step.wait_for_event("permit", "go", timeout="1 hour")
            await step.do("beside", work("beside"))
            await nap
            return [event.payload, (await permit).payload]

    instance = rig.create(Sleeper, params=1)
    rig.settle()
    rig.pass_time(100)
    fork = instance.fork("i-2", from_step="beside", params=2)
    instance.pause()
    rig.clock.advance(50)
    late = instance.fork("i-3", from_step="beside", params=3)
    rig.settle()
    for one in (fork, late):
        one.send_event("go", "now")
    rig.settle()
    rig.pass_time(449)
    assert fork.status().status == "waiting"
    rig.pass_time(2)
    assert (fork.status().output, late.status().status) == ([2, "now"], "waiting")
    rig.pass_time(50)
    assert late.status().output == [3, "now"]
    assert instance.status().status == "paused"


def test_events_that_nobody_has_taken_stay_with_the_original(rig: Rig) -> None:
    """They were sent to that one; the fork's inbox is empty."""
    instance = rig.create(Errand, params={"do": "wait"})
    rig.settle()
    instance.send_event("other", "kept")
    fork = instance.fork("i-2", from_step=("permit", 1, "waitForEvent"))
    rig.settle()
    assert rig.sql("select id, inbox from wf.instance order by id") == [("i-1", 1), ("i-2", 0)]
    assert fork.status().status == "waiting"


@pytest.mark.parametrize("status", ["queued", "waiting", "paused", "complete", "errored", "terminated"])
def test_a_fork_is_made_in_every_status(rig: Rig, status: str) -> None:
    """And leaves the original in it, also its rev."""
    doing = {"complete": "", "errored": "fail"}.get(status, "wait")
    instance = rig.create(Errand, params={"do": doing})
    if status != "queued":
        rig.settle()
    if status == "paused":
        instance.pause()
    if status == "terminated":
        instance.terminate()
    before = journal(rig, "i-1")
    fork = instance.fork("i-2", params={"do": ""})
    assert journal(rig, "i-1") == before
    assert instance.status().status == status
    rig.settle()
    assert fork.status().output == {"got": {"do": ""}}


def test_a_failed_rollback_is_not_copied(rig: Rig) -> None:
    """The fork of what was rolled back keeps the steps, not that they were undone."""

    class Undone(WorkflowEntrypoint, name="fork-undone"):
        async def run(self, event: Any, step: Any) -> Any:
            def last() -> str:
                if event.payload == "bad":
                    raise ValueError("bad")
                return "good"

            await step.do("a", work("a"), rollback=work("undo a"))
            return await step.do("last", last, config={"retries": {"limit": 0}})

    instance = rig.create(Undone, params="bad")
    rig.settle()
    assert (instance.status().status, RAN) == ("errored", ["a", "undo a"])
    fork = instance.fork("i-2", from_step="last", params="fine")
    rig.settle()
    assert (fork.status().output, RAN) == ("good", ["a", "undo a"])


def test_a_fork_that_takes_another_path_is_warned_about(rig: Rig) -> None:
    """Kept steps that the edited params do not lead to are treated as after a change of the code."""

    class Forked(WorkflowEntrypoint, name="fork-path"):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do(event.payload, work("first"))
            return await step.do("last", work("last"))

    instance = rig.create(Forked, params="left")
    rig.settle()
    fork = instance.fork("i-2", from_step="last", params="right")
    rig.settle()
    shown = fork.describe()
    assert shown.status == "complete"
    assert shown.warnings
    assert not instance.describe().warnings


def test_a_fork_of_what_a_schedule_created_knows_its_firing(rig: Rig) -> None:
    """In its first pass as in a later one, which is begun without a cache."""

    class Cron(WorkflowEntrypoint, name="fork-cron", schedules="0 * * * *"):
        async def run(self, event: Any, step: Any) -> Any:
            first = event.schedule.cron
            await step.sleep("nap", 10)
            return [first, event.schedule.cron]

    by_name(rig, Cron)
    rig.pass_time(3601)
    [[id]] = rig.sql("select id from wf.instance")
    fork = rig.client.workflow(Cron).get(id).fork("again")
    rig.settle()
    rig.workers[0].engine.passes.clear()
    rig.pass_time(11)
    assert fork.status().output == ["0 * * * *", "0 * * * *"]


def test_a_fork_of_a_fork(rig: Rig) -> None:
    """It has what that one has, whoever did it."""
    first = complete(rig)
    second = first.fork("i-2", from_step="b")
    rig.settle()
    RAN.clear()
    third = second.fork("i-3", from_step="together", params={"n": 3})
    rig.settle()
    assert RAN == ["together", "b"]
    assert third.status().output[:-2] == [3, *first.status().output[1:-2]]


def test_both_have_an_entry_in_the_audit(rig: Rig) -> None:
    """With the id of the other, the step, and whether the params were edited; never the params."""
    instance = complete(rig)
    rig.client.acting_as("ada").workflow(Line).get("i-1").fork("i-2", from_step="b", params={"n": 2})
    instance.fork("i-3")
    audit = Audit(rig.client.database)
    step = {"name": "b", "count": 1, "type": "do"}
    found = [
        [(entry.actor, entry.action, entry.detail) for entry in audit.list(workflow="fork-line", instance=id)]
        for id in ("i-1", "i-2", "i-3")
    ]
    assert found == [
        [
            ("client", "fork", {"from": "start", "edited": False, "to": "i-3"}),
            ("ada", "fork", {"from": step, "edited": True, "to": "i-2"}),
        ],
        [("ada", "fork", {"from": step, "edited": True, "of": "i-1"})],
        [("client", "fork", {"from": "start", "edited": False, "of": "i-1"})],
    ]


class Stars(BaseModel):
    stars: int = 1


class Rated(WorkflowEntrypoint, name="fork-rated", params=Stars):
    async def run(self, event: Any, step: Any) -> int:
        return int(event.payload.stars)


@pytest.mark.parametrize("by", ["class", "name"])
def test_edited_params_are_checked_and_filled_in_as_for_a_creation(rig: Rig, by: str) -> None:
    """By the model of the class that runs the original's version; None stands for `{}`."""
    rig.create(Rated, params={"stars": 4})
    rig.settle()
    instance = by_name(rig, Rated).get("i-1") if by == "name" else rig.client.workflow(Rated).get("i-1")
    with pytest.raises(InvalidPayload, match=r"stars: Input should be a valid integer"):
        instance.fork(params={"stars": "many"})
    forks = [instance.fork(params=given) for given in ({"stars": 5}, None)]
    forks.append(instance.fork())
    rig.settle()
    assert [fork.status().output for fork in forks] == [5, 1, 4]
    assert forks[1].describe().params == {"stars": 1}


def test_a_model_of_an_older_class_checks_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that knows the workflow only in an older version leaves it to the worker."""
    monkeypatch.setattr(registry, "_classes", dict(registry._classes))

    class New(WorkflowEntrypoint, name="fork-versions", version="2"):
        async def run(self, event: Any, step: Any) -> Any:
            return event.payload

    instance = rig.create(New)
    rig.settle()
    registry._classes["fork-versions"] = {}

    class Old(WorkflowEntrypoint, name="fork-versions", version="1", params=Stars):
        pass

    fork = instance.fork(params={"stars": "many"})
    registry.add(New)
    rig.settle()
    assert fork.status().output == {"stars": "many"}
    assert fork.version == "2"


def test_what_cannot_be_forked_is_refused(rig: Rig) -> None:
    """Each refusal has its class, and leaves nothing behind."""
    instance = complete(rig)
    gone = Instance(rig.client, "fork-line", "nobody")
    tight = Client(settings=rig.settings.model_copy(update={"max_payload": 100}), clock=rig.clock)
    refusals: list[tuple[type[Exception], Callable[[], Any]]] = [
        (InstanceNotFound, gone.fork),
        (InstanceNotFound, lambda: gone.fork(params={"n": 2})),
        (InstanceAlreadyExists, lambda: instance.fork("i-1")),
        (StepNotFound, lambda: instance.fork("i-2", from_step="c")),
        (StepNotFound, lambda: instance.fork("i-1", from_step=("nap", 1, "do"))),
        (InvalidInstanceId, lambda: instance.fork("not an id")),
        (SerializationError, lambda: instance.fork("i-2", params=object())),
        (ValueError, lambda: instance.fork("i-2", from_step=("b", 0))),
        (PayloadTooLarge, lambda: tight.workflow(Line).get("i-1").fork("i-2", params="x" * 200)),
    ]
    with tight:
        for error, fork in refusals:
            with pytest.raises(error):
                fork()
    assert rig.sql("select id from wf.instance") == [("i-1",)]
    assert rig.sql("select count(*) from wf.audit where action = 'fork'") == [(0,)]
    assert rig.sql("select distinct instance from wf.step") == rig.sql("select key from wf.instance")


def test_forks_count_against_the_rate_of_creations(rig: Rig) -> None:
    """As restarts do."""
    instance = rig.create(Errand)
    settings = rig.settings.model_copy(update={"workflow_creation_rate": 2})
    with Client(settings=settings, clock=rig.clock) as client:
        limited = client.workflow(Errand).get(instance.id)
        limited.fork()
        limited.fork()
        with pytest.raises(RateLimited):
            limited.fork()


def test_a_fork_waits_for_a_slot_like_any_other(rig: Rig) -> None:
    """The original holds the only one; when it has ended the fork runs."""

    class Alone(WorkflowEntrypoint, name="fork-alone", concurrency=1):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do("work", stand)
            return event.payload

    begun, gate = threading.Event(), threading.Event()

    def stand() -> None:
        begun.set()
        assert gate.wait(LIMIT)

    by_name(rig, Alone)
    instance = rig.create(Alone, params=1)
    running = rig.in_thread(rig.advance, rig.take()[0])
    assert begun.wait(LIMIT)
    fork = instance.fork("i-2", params=2)
    rig.settle()
    assert fork.status().status == "queued"
    gate.set()
    running.result(LIMIT)
    rig.settle()
    assert (instance.status().output, fork.status().output) == (1, 2)


@pytest.fixture
def sealed(settings: Settings) -> Iterator[Rig]:
    with Rig(settings.model_copy(update={"encryption_keys": Fernet.generate_key().decode()})) as rig:
        yield rig


def test_what_is_sealed_is_copied_as_it_is_and_what_is_new_is_sealed(sealed: Rig) -> None:
    """No payload stands in the database in the clear, and the fork reads them all."""
    instance = complete(sealed)
    fork = instance.fork("i-2", from_step="b", params={"n": "iban"})
    sealed.settle()
    assert fork.status().output[:1] + fork.status().output[-3:] == ["iban", {"by": "ada"}, "together 1", "b 2"]
    [[params]] = sealed.sql("select params from wf.payload join wf.instance on key = instance where id = 'i-2'")
    assert (params[:1], b"iban" in params) == (b"\x02", False)


def test_a_fork_and_a_deletion_at_once(rig: Rig) -> None:
    """Whichever comes first, the fork is whole, or there is none: it never begins with half of a history."""
    for number in range(8):
        id = f"o-{number}"
        instance = complete(rig, id)
        start = threading.Barrier(2)

        def delete(instance: Instance = instance, start: threading.Barrier = start) -> None:
            start.wait(LIMIT)
            instance.delete()

        deleting = rig.in_thread(delete)
        start.wait(LIMIT)
        try:
            fork = instance.fork(f"f-{number}", from_step="b")
        except InstanceNotFound:
            fork = None
        deleting.result(LIMIT)
        rig.settle()
        kept = rig.sql("select count(*) from wf.step join wf.instance on key = instance where id = %s", f"f-{number}")
        if fork is None:
            assert kept == [(0,)]
        else:
            assert fork.status().status == "complete"
            assert len(fork.status().output) == 13
        with pytest.raises(InstanceNotFound):
            instance.status()


def test_two_forks_of_one_id_make_one(rig: Rig) -> None:
    """The second one is told that the id is taken, and leaves nothing behind."""
    instance = complete(rig)
    made = [rig.in_thread(lambda: instance.fork("i-2", from_step="b")) for _ in range(4)]
    errors = [one.exception(LIMIT) for one in made]
    assert sum(error is None for error in errors) == 1
    assert all(isinstance(error, InstanceAlreadyExists | JournalBusy) for error in errors if error is not None)
    assert rig.sql("select count(*) from wf.audit where action = 'fork'") == [(2,)]
    assert rig.sql("select count(*) from wf.payload") == [(2,)]


async def _forked(settings: Settings) -> str:
    async with AsyncClient(settings=settings) as client:
        instance = await (await client.workflow("errand")).get("i-1")
        return (await instance.fork("i-2", params={"do": ""})).id


def test_async_clients_fork(rig: Rig) -> None:
    """The same method, awaited."""
    rig.create(Errand, params={"do": "wait"})
    assert asyncio.run(_forked(rig.settings)) == "i-2"
    rig.settle()
    assert rig.client.workflow(Errand).get("i-2").status().output == {"got": {"do": ""}}
