"""The client: create, find, list, look at, talk to, end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from types import new_class
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.support import START, Rig
from wf import (
    InstanceAlreadyExists,
    InstanceFinished,
    InstanceNotFound,
    InstanceTerminated,
    InvalidTransition,
    NonRetryableError,
    WorkflowEntrypoint,
    WorkflowNotFound,
)
from wf.workflow import registry

if TYPE_CHECKING:
    from wf.client import Instance


class RefusedError(Exception):
    """An author's error, with a constructor of its own."""

    def __init__(self, order: int) -> None:
        super().__init__(f"order {order} refused")
        self.order = order


class Errand(WorkflowEntrypoint, name="client-errand"):
    """Does what its payload says, then waits for `go`, then does it again."""

    async def run(self, event: Any, step: Any) -> Any:
        doing = event.payload.get("do")
        if doing == "fail":
            raise RefusedError(7)
        if doing == "sleep":
            await step.sleep("nap", 600)
        if doing == "wait":
            return (await step.wait_for_event("permit", "go", timeout="1 hour")).payload
        return {"got": event.payload}


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, UTC)


def hold(began: Signal, finish: Signal) -> int:
    """User code that stands still until the test lets it go."""
    began.set()
    assert finish.wait(10)
    return 1


def by_name(rig: Rig, cls: type[WorkflowEntrypoint]) -> Any:
    """The workflow as a process sees it that never imported the class."""
    rig.workers[0].catalog.register(cls)
    return rig.client.workflow(cls.workflow_name)


def test_create_makes_a_random_id_when_none_is_given(rig: Rig) -> None:
    """Each instance without an id gets a UUID of its own, and `{}` for a payload."""
    first, second = rig.client.workflow(Errand).create(), rig.client.workflow(Errand).create()
    assert UUID(first.id) != UUID(second.id)
    rig.settle()
    assert first.result(timeout=1) == second.result(timeout=1) == {"got": {}}


def test_a_new_instance_is_queued_and_has_a_nudge(rig: Rig) -> None:
    """After create the row says queued, and one message names the instance and nothing of its payload."""
    instance = rig.client.workflow(Errand).create("r-17", {"secret": "p-4711"})
    message = rig.redis.lindex(rig.settings.key_prefix + rig.settings.queue, 0)
    assert instance.status() == {"status": "queued", "output": None, "error": None, "rollback": None}
    assert rig.queued() == 1
    assert b"4711" not in message  # type: ignore[operator]  # redis types sync and async alike
    assert b"r-17" in message  # type: ignore[operator]  # as above


def test_a_taken_id_is_refused_and_the_first_instance_stays_as_it_is(rig: Rig) -> None:
    """The second create with an id fails with the id in its error, changes nothing and sends no nudge."""
    workflow = rig.client.workflow(Errand)
    workflow.create("r-17", {"n": 1})
    with pytest.raises(InstanceAlreadyExists, match="'r-17'") as caught:
        workflow.create("r-17", {"n": 2})
    assert (caught.value.workflow, caught.value.id, caught.value.code) == (
        "client-errand",
        "r-17",
        "instance.already_exists",
    )
    assert rig.queued() == 1
    rig.settle()
    assert workflow.get("r-17").result(timeout=1) == {"got": {"n": 1}}


def test_if_exists_return_hands_back_the_instance_that_is_there(rig: Rig) -> None:
    """With if_exists="return" a retried create finds the first instance, with the first payload."""
    workflow = rig.client.workflow(Errand)
    workflow.create("r-17", {"n": 1})
    again = workflow.create("r-17", {"n": 2}, if_exists="return")
    assert rig.settle() == 1
    assert again.result(timeout=1) == {"got": {"n": 1}}
    assert rig.sql("select count(*) from wf.instance") == [(1,)]


def test_one_id_may_stand_in_two_workflows(rig: Rig) -> None:
    """Ids are unique in a workflow, not in all of them."""

    class Other(WorkflowEntrypoint, name="client-other"):
        async def run(self, event: Any, step: Any) -> str:
            return "other"

    rig.create(Errand, "same")
    rig.create(Other, "same")
    rig.settle()
    assert rig.client.workflow(Other).get("same").result(timeout=1) == "other"
    assert rig.client.workflow(Errand).get("same").result(timeout=1) == {"got": {}}


def test_get_finds_what_is_there_and_names_what_is_not(rig: Rig) -> None:
    """An unknown id and an unknown workflow are two different errors."""
    workflow = by_name(rig, Errand)
    workflow.create("r-17")
    assert workflow.get("r-17").id == "r-17"
    with pytest.raises(InstanceNotFound, match="'client-errand' has no instance 'r-18'"):
        workflow.get("r-18")
    with pytest.raises(WorkflowNotFound, match="Did you mean 'client-errand'"):
        rig.client.workflow("client-erand").get("r-17")


@pytest.mark.parametrize("method", ["status", "describe", "result", "terminate", "send_event"])
def test_an_instance_that_is_gone_is_not_found(rig: Rig, method: str) -> None:
    """Every method of an instance whose row is gone says so."""
    instance = by_name(rig, Errand).create("r-17")
    rig.sql("delete from wf.instance")
    arguments = {"send_event": ("go",), "result": (1,)}.get(method, ())
    with pytest.raises(InstanceNotFound, match="'r-17'"):
        getattr(instance, method)(*arguments)


def test_list_gives_the_newest_first_page_by_page(rig: Rig) -> None:
    """Pages hold 20 unless told otherwise, follow on each other without gap, and end with the cursor None."""
    workflow = rig.client.workflow(Errand)
    for n in range(45):
        workflow.create(f"i-{n}")
    pages = [workflow.list()]
    while pages[-1].cursor is not None:
        pages.append(workflow.list(cursor=pages[-1].cursor))
    assert [len(page) for page in pages] == [20, 20, 5]
    assert [entry.id for page in pages for entry in page] == [f"i-{n}" for n in reversed(range(45))]


def test_a_page_boundary_is_not_moved_by_instances_that_come_later(rig: Rig) -> None:
    """A cursor means a place among the instances, not a number of them."""
    workflow = rig.client.workflow(Errand)
    for n in range(4):
        workflow.create(f"i-{n}")
    first = workflow.list(limit=2)
    workflow.create("i-late")
    second = workflow.list(limit=2, cursor=first.cursor)
    assert [entry.id for entry in first] == ["i-3", "i-2"]
    assert [entry.id for entry in second] == ["i-1", "i-0"]
    assert second.cursor is None


def test_a_page_holds_a_hundred_at_most(rig: Rig) -> None:
    """limit=100 gives 100, and the 101st has a page of its own."""
    rig.sql(
        "insert into wf.instance (workflow, id, version, due_at) "
        "select 'client-errand', 'i-' || n, '1', now() from generate_series(1, 101) n"
    )
    page = rig.client.workflow(Errand).list(limit=100)
    assert (len(page), page[0].id) == (100, "i-101")
    assert [entry.id for entry in rig.client.workflow(Errand).list(limit=100, cursor=page.cursor)] == ["i-1"]


def test_list_filters_by_status_and_time(rig: Rig) -> None:
    """status, since and until narrow a list, bounds included, alone and together."""
    workflow = rig.client.workflow(Errand)
    for n, doing in enumerate(["", "fail", "sleep", "wait"]):
        workflow.create(f"i-{n}", {"do": doing})
        rig.clock.advance(60)
    rig.settle()

    def ids(**filters: Any) -> list[str]:
        return [entry.id for entry in workflow.list(**filters)]

    assert ids(status="complete") == ["i-0"]
    assert ids(status="errored") == ["i-1"]
    assert ids(status="waiting") == ["i-3", "i-2"]
    assert ids(status="paused") == []
    assert ids(since=moment(60), until=moment(120)) == ["i-2", "i-1"]
    assert ids(since=moment(121)) == ["i-3"]
    assert ids(until=moment(59).astimezone(None)) == ["i-0"]
    assert ids(status="waiting", until=moment(120)) == ["i-2"]


def test_a_listed_instance_tells_its_status_version_and_times(rig: Rig) -> None:
    """An entry of a list has the baseline's names as items and snake_case as attributes."""
    rig.create(Errand, "r-17")
    rig.settle()
    (entry,) = rig.client.workflow(Errand).list()
    assert (entry.id, entry.status, entry.version) == ("r-17", "complete", "1")
    assert entry["createdOn"] == entry.created_on == entry.started_on == entry.ended_on == moment(0)
    assert entry.due_at is None


def test_a_description_has_every_field_of_the_baseline(rig: Rig) -> None:
    """describe() answers with the fields that the baseline shows, and with our own beside them."""

    class Plain(WorkflowEntrypoint, name="client-plain", version="3"):
        async def run(self, event: Any, step: Any) -> int:
            one = await step.do("add", lambda: 1, config={"timeout": "1 minute"})
            await step.sleep("nap", 60)
            got = await step.wait_for_event("permit", "go")
            return int(one + got.payload)

    instance = rig.create(Plain, "r-17", {"x": 1})
    rig.settle()
    rig.pass_time(60)
    instance.send_event("go", 2)
    rig.settle()
    shown = instance.describe()
    assert {
        name: shown[name]
        for name in (
            "id", "workflow", "status", "params", "trigger", "versionId", "success", "error", "output", "rollback",
            "stepCount", "generation", "restarts", "nextWake", "warnings", "retries", "recoveries",
        )
    } == {
        "id": "r-17", "workflow": "client-plain", "status": "complete", "params": {"x": 1},
        "trigger": {"source": "binding"}, "versionId": "3", "success": True, "error": None, "output": 3,
        "rollback": None, "stepCount": 1, "generation": 1, "restarts": 0, "nextWake": None, "warnings": [], "retries": 0, "recoveries": 0,
    }  # fmt: skip
    assert (shown.queued, shown.start, shown.end) == (moment(0), moment(0), moment(60))
    assert (shown.version_id, shown.step_count, shown.next_wake) == ("3", 1, None)
    add, nap, permit = shown.steps
    assert [(s.name, s.type, s.success) for s in shown.steps] == [
        ("add-1", "step", True),
        ("nap-1", "sleep", True),
        ("permit-1", "waitForEvent", True),
    ]
    assert (add.output, add.config["timeout"], add.start, add.end) == (1, 60.0, moment(0), moment(0))
    assert [(a.attempt, a.success, a.error) for a in add.attempts] == [(1, True, None)]
    assert (nap.start, nap.end, nap.attempts) == (moment(0), moment(60), [])
    assert (permit.event_type, permit.output["payload"]) == ("go", 2)


def test_a_description_shows_attempts_retries_and_the_next_wake_up(rig: Rig) -> None:
    """While a step backs off, its failed attempt, its error and the time of the next one are there to see."""

    class Flaky(WorkflowEntrypoint, name="client-flaky"):
        async def run(self, event: Any, step: Any) -> Any:
            def flaky(ctx: Any) -> int:
                if ctx.attempt == 1:
                    raise RefusedError(9)
                return int(ctx.attempt)

            return await step.do("flaky", flaky, config={"retries": {"limit": 3, "delay": 30}})

    instance = rig.create(Flaky)
    rig.settle()
    shown = instance.describe()
    (step,) = shown.steps
    assert (shown.status, shown.success, shown.retries, shown.next_wake) == ("waiting", None, 1, moment(30))
    assert (step.status, step.success, step.end, step.wake_at, step.attempt) == ("retrying", None, None, moment(30), 1)
    (failed,) = step.attempts
    assert (failed.success, failed.outcome, failed.retry_at) == (False, "errored", moment(30))
    assert (failed.error.name, failed.error.message) == ("RefusedError", "order 9 refused")
    assert "test_client.py" in failed.error.traceback
    rig.pass_time(30)
    shown = instance.describe()
    assert [(a.attempt, a.success) for a in shown.steps[0].attempts] == [(1, False), (2, True)]
    assert (shown.retries, shown.next_wake, shown.output) == (1, None, 2)


def test_a_description_shows_a_running_attempt_as_open(rig: Rig) -> None:
    """While user code runs, its attempt has a start, a worker and no end."""
    began, finish = Signal(), Signal()

    class Slow(WorkflowEntrypoint, name="client-slow"):
        async def run(self, event: Any, step: Any) -> None:
            await step.do("slow", lambda: hold(began, finish))

    instance = rig.create(Slow)
    running = rig.in_thread(rig.settle)
    assert began.wait(10)
    shown = instance.describe()
    finish.set()
    assert running.result(timeout=10) == 1
    (attempt,) = shown.steps[0].attempts
    assert (shown.status, attempt.outcome, attempt.success, attempt.end) == ("running", "running", None, None)
    assert attempt.worker == rig.workers[0].journal.worker


def test_warnings_of_run_are_shown(rig: Rig) -> None:
    """What `run` leaves behind unawaited is a warning in the description."""

    class Careless(WorkflowEntrypoint, name="client-careless"):
        async def run(self, event: Any, step: Any) -> str:
            step.sleep("forgotten", 60)
            await step.do("first", lambda: None)
            return "done"

    instance = rig.create(Careless)
    rig.settle()
    shown = instance.describe()
    assert shown.output == "done"
    assert "forgotten" in " ".join(shown.warnings)


def test_an_answer_that_lacks_a_field_names_those_it_has(rig: Rig) -> None:
    """A misspelt attribute of an answer is an AttributeError that helps."""
    answer = rig.create(Errand).status()
    with pytest.raises(AttributeError, match="no 'outptu'; it has status, output, error, rollback"):
        _ = answer.outptu


def test_result_gives_the_output_when_the_instance_ends(rig: Rig) -> None:
    """result() waits while the instance works, and gives what `run` returned."""
    instance = rig.create(Errand, params={"do": "wait"})
    waiting = rig.in_thread(instance.result, 10)
    rig.settle()
    instance.send_event("go", [1, 2])
    rig.settle()
    assert waiting.result(timeout=10) == [1, 2]


def test_result_raises_what_run_raised(rig: Rig) -> None:
    """The author's own class comes back, attributes and message included."""
    instance = rig.create(Errand, params={"do": "fail"})
    rig.settle()
    with pytest.raises(RefusedError, match="order 7 refused") as caught:
        instance.result(timeout=1)
    assert caught.value.order == 7


def test_result_that_is_late_names_the_instance_and_its_status(rig: Rig) -> None:
    """A TimeoutError says what it waited for, and in which state that is."""
    instance = rig.create(Errand, params={"do": "sleep"})
    rig.settle()
    with pytest.raises(TimeoutError, match=r"'i-1' of workflow 'client-errand' is waiting after 0\.01 s"):
        instance.result(timeout=0.01)


def test_result_without_patience_looks_once(rig: Rig) -> None:
    """timeout=0 gives the output of an instance that has ended already."""
    instance = rig.create(Errand)
    rig.settle()
    assert instance.result(timeout=0) == {"got": {}}


def test_result_of_a_terminated_instance_is_an_error(rig: Rig) -> None:
    """There is no output to give, and no error of `run` to raise."""
    instance = rig.create(Errand)
    instance.terminate()
    with pytest.raises(InstanceTerminated, match="'i-1'"):
        instance.result(timeout=1)


@pytest.mark.parametrize("doing", ["queued", "sleep", "wait"])
def test_a_live_instance_can_be_terminated(rig: Rig, doing: str) -> None:
    """Queued or waiting, it ends at once; its open steps are cancelled, and the audit says who did it."""
    instance = rig.create(Errand, params={"do": doing})
    if doing != "queued":
        rig.settle()
    instance.terminate()
    shown = instance.describe()
    assert (shown.status, shown.end, shown.due_at, shown.next_wake) == ("terminated", moment(0), None, None)
    assert {step.status for step in shown.steps} <= {"cancelled"}
    assert rig.sql("select actor, action, workflow, instance from wf.audit") == [
        ("client", "terminate", "client-errand", "i-1")
    ]
    rig.pass_time(7_200)
    assert instance.status().status == "terminated"


def test_terminating_a_running_instance_drops_what_its_step_gives(rig: Rig) -> None:
    """The attempt that runs meanwhile loses its lease, and its result is nobody's."""
    began, finish = Signal(), Signal()

    class Slow(WorkflowEntrypoint, name="client-terminated"):
        async def run(self, event: Any, step: Any) -> int:
            return int(await step.do("slow", lambda: hold(began, finish)))

    instance = rig.create(Slow)
    running = rig.in_thread(rig.settle)
    assert began.wait(10)
    instance.terminate()
    finish.set()
    assert running.result(timeout=10) == 1
    shown = instance.describe()
    assert (shown.status, shown.output, shown.steps[0].status) == ("terminated", None, "cancelled")


@pytest.mark.parametrize(("doing", "status"), [("", "complete"), ("fail", "errored"), ("queued", "terminated")])
def test_an_ended_instance_cannot_be_terminated(rig: Rig, doing: str, status: str) -> None:
    """The error tells the status that forbids it, and nothing changes."""
    instance = rig.create(Errand, params={"do": doing})
    instance.terminate() if status == "terminated" else rig.settle()
    before = rig.sql("select status, rev, ended_at from wf.instance")
    with pytest.raises(InvalidTransition, match=f"it is {status}") as caught:
        instance.terminate()
    error = caught.value
    assert (error.status, error.action, error.code) == (status, "terminate", "instance.cannot_terminate")
    assert rig.sql("select status, rev, ended_at from wf.instance") == before


@pytest.mark.parametrize(("doing", "status"), [("", "complete"), ("fail", "errored"), ("queued", "terminated")])
def test_an_ended_instance_takes_no_events(rig: Rig, doing: str, status: str) -> None:
    """The sender is told, and nothing is stored."""
    instance = rig.create(Errand, params={"do": doing})
    instance.terminate() if status == "terminated" else rig.settle()
    with pytest.raises(InstanceFinished, match=f"is {status}") as caught:
        instance.send_event("go", 1)
    assert (caught.value.status, caught.value.code) == (status, "instance.finished")
    assert rig.sql("select count(*) from wf.event") == [(0,)]


def test_an_event_without_a_payload_carries_none(rig: Rig) -> None:
    """send_event(type) is enough to wake a wait."""
    instance = rig.create(Errand, params={"do": "wait"})
    rig.settle()
    instance.send_event("go")
    rig.settle()
    assert instance.result(timeout=1) is None


def test_one_event_id_counts_once_even_when_two_senders_race(rig: Rig) -> None:
    """Of many senders with one event_id at the same moment one is heard, and none gets an error."""
    instance = rig.create(Errand, params={"do": "sleep"})
    rig.settle()
    sent = [rig.in_thread(lambda n=n: instance.send_event("go", n, event_id="e-1")) for n in range(8)]
    assert [one.result(timeout=10) for one in sent] == [None] * 8
    assert rig.sql("select count(*) from wf.event") == [(1,)]
    assert rig.sql("select inbox from wf.instance") == [(1,)]


def test_a_process_without_the_class_works_by_name(rig: Rig) -> None:
    """Once a worker has registered it, a workflow can be created, listed and awaited by its name alone."""
    workflow = by_name(rig, Errand)
    instance: Instance = workflow.create("r-17", {"n": 1})
    rig.settle()
    assert instance.result(timeout=1) == {"got": {"n": 1}}
    assert [entry.id for entry in workflow.list()] == ["r-17"]


def versions(name: str, *numbers: str) -> list[type[WorkflowEntrypoint]]:
    """Classes of one workflow in several versions."""

    async def run(self: Any, event: Any, step: Any) -> str:
        return str(self.workflow_version)

    def fill(body: dict[str, Any]) -> None:
        body["run"] = run

    return [
        new_class(name, (WorkflowEntrypoint,), {"name": name, "version": number}, exec_body=fill) for number in numbers
    ]


def test_the_newest_version_wins_whoever_registers_last(rig: Rig) -> None:
    """An old worker that starts late does not take new instances back; 10 comes after 9, and 9 after 2."""
    catalog = rig.workers[0].catalog
    nine, ten, two = versions("client-versions", "9", "10", "2")
    for cls, newest in ((nine, "9"), (ten, "10"), (two, "10"), (nine, "10")):
        catalog.register(cls)
        assert catalog.workflows()["client-versions"] == newest
    (known,) = [entry for entry in catalog.describe_workflows() if entry.name == "client-versions"]
    assert set(known.versions) == {"2", "9", "10"}
    instance = rig.client.workflow("client-versions").create()
    rig.settle()
    assert instance.result(timeout=1) == "10"


def test_of_equal_versions_the_last_registered_wins(rig: Rig) -> None:
    """Of "1.0" and "1.00", the same number, the one registered last counts, here and in the journal."""
    catalog = rig.workers[0].catalog
    short, long = versions("client-ties", "1.0", "1.00")
    for cls in (short, long, short):
        registry.add(cls)
        catalog.register(cls)
        assert catalog.workflows()["client-ties"] == cls.workflow_version
        assert registry.get("client-ties") is cls


def test_settings_of_the_newest_version_are_shown(rig: Rig) -> None:
    """Class keywords in the journal are those of the version that new instances get."""
    catalog = rig.workers[0].catalog

    class New(WorkflowEntrypoint, name="client-settings", version="2", limits={"steps": 7}):
        pass

    (old,) = versions("client-settings", "1")
    catalog.register(New)
    catalog.register(old)
    assert [entry.settings for entry in catalog.describe_workflows()] == [{"limits": {"steps": 7}}]


def test_a_client_by_name_takes_up_a_version_that_comes_later(rig: Rig) -> None:
    """A web app that runs for months creates new instances in the newest version, not in the first one it saw."""
    first, second = versions("client-deploy", "1", "2")
    workflow = by_name(rig, first)
    assert workflow.create().describe().version_id == "1"
    rig.workers[0].catalog.register(second)
    assert workflow.create().describe().version_id == "2"


def test_versions_registered_at_the_same_moment_leave_the_newest(rig: Rig) -> None:
    """Workers that start together agree on the newest version, in whatever order their statements run."""
    classes = versions("client-together", *map(str, range(1, 9)))
    for registered in [rig.in_thread(rig.workers[0].catalog.register, cls) for cls in classes]:
        registered.result(timeout=10)
    assert rig.workers[0].catalog.workflows()["client-together"] == "8"


def test_an_instance_keeps_its_version_while_a_class_of_it_is_there(rig: Rig) -> None:
    """Old instances run the old code, new ones the new code; without the old class the newest takes over."""
    one, two = versions("client-kept", "1", "2")
    old, new = rig.create(one, "old"), rig.create(two, "new")
    orphan = rig.create(versions("client-kept", "0")[0], "orphan")
    del registry._classes["client-kept"]["0"]
    rig.settle()
    assert [i.result(timeout=1) for i in (old, new, orphan)] == ["1", "2", "2"]


def test_parallel_siblings_are_described_in_the_order_in_which_run_asked(rig: Rig) -> None:
    """The order of steps in a description does not depend on which one finished first."""

    class Fan(WorkflowEntrypoint, name="client-fan"):
        async def run(self, event: Any, step: Any) -> None:
            await asyncio.gather(*[step.do(f"part {n}", lambda: None) for n in range(4)])

    instance = rig.create(Fan)
    rig.advance(rig.take()[0])
    for nudge in reversed(rig.take()):
        rig.advance(nudge)
    assert instance.status().status == "complete"
    assert [step.name for step in instance.describe().steps] == [f"part {n}-1" for n in range(4)]


def test_a_sensitive_output_is_hidden_from_descriptions_but_not_from_run(rig: Rig) -> None:
    """`sensitive="output"` redacts what people see; `run` gets the value."""

    class Secretive(WorkflowEntrypoint, name="client-secretive"):
        async def run(self, event: Any, step: Any) -> int:
            return len(await step.do("token", lambda: "s3cr3t", config={"sensitive": "output"}))

    instance = rig.create(Secretive)
    rig.settle()
    shown = instance.describe()
    assert (shown.steps[0].output, shown.output) == ("[REDACTED]", 6)


def test_a_step_that_failed_for_good_is_shown_with_its_last_attempt(rig: Rig) -> None:
    """The errored step, its only attempt and the instance tell the same error."""

    class Doomed(WorkflowEntrypoint, name="client-doomed"):
        async def run(self, event: Any, step: Any) -> None:
            def fail() -> None:
                raise NonRetryableError("no way")

            await step.do("doomed", fail)

    instance = rig.create(Doomed)
    rig.settle()
    shown = instance.describe()
    (step,) = shown.steps
    assert (shown.success, step.success, step.status) == (False, False, "errored")
    assert [(a.attempt, a.success, a.error.message) for a in step.attempts] == [(1, False, "no way")]
    assert shown.error.message == step.error.message == "no way"
    assert shown.end - shown.queued == timedelta(0)
