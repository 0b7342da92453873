"""The client: create, find, talk to, end."""

from __future__ import annotations

from threading import Event as Signal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.support.errands import Errand, RefusedError, by_name, hold, moment
from wf import (
    InstanceAlreadyExists,
    InstanceFinished,
    InstanceNotFound,
    InstanceTerminated,
    InvalidTransition,
    WorkflowEntrypoint,
    WorkflowNotFound,
)
from wf.database import Database
from wf.sql import statements
from wf.status import LIVE, TERMINAL, Status

if TYPE_CHECKING:
    from tests.support import Rig


def test_create_makes_a_random_id_when_none_is_given(rig: Rig) -> None:
    """Each instance without an id gets a UUID of its own, and `{}` for a payload."""
    first, second = rig.client.workflow(Errand).create(), rig.client.workflow(Errand).create()
    assert UUID(first.id) != UUID(second.id)
    rig.settle()
    assert first.result(timeout=1) == second.result(timeout=1) == {"got": {}}


def test_what_a_client_gives_says_what_it_is(rig: Rig) -> None:
    """Printed in a shell or a log, a workflow and an instance show their names."""
    workflow = by_name(rig, Errand)
    assert repr(workflow) == "<Workflow 'errand'>"
    assert repr(workflow.create("r-17")) == "<Instance 'r-17' of workflow 'errand'>"


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
        "errand",
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
    with pytest.raises(InstanceNotFound, match="'errand' has no instance 'r-18'"):
        workflow.get("r-18")
    with pytest.raises(WorkflowNotFound, match="Did you mean 'errand'"):
        rig.client.workflow("erand").get("r-17")


@pytest.mark.parametrize("method", ["status", "describe", "result", "terminate", "send_event"])
def test_an_instance_that_is_gone_is_not_found(rig: Rig, method: str) -> None:
    """Every method of an instance whose row is gone says so."""
    instance = by_name(rig, Errand).create("r-17")
    rig.sql("delete from wf.instance")
    arguments = {"send_event": ("go",), "result": (1,)}.get(method, ())
    with pytest.raises(InstanceNotFound, match="'r-17'"):
        getattr(instance, method)(*arguments)


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
    with pytest.raises(TimeoutError, match=r"'i-1' of workflow 'errand' is waiting after 0\.01 s"):
        instance.result(timeout=0.01)


def test_waiting_for_a_result_reads_no_params(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the instance works, a poll asks for its status alone; the params are never read, the output once."""
    instance = rig.create(Errand, params={"do": "sleep"})
    texts: list[str] = []
    rows = Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        texts.append(sql)
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", listen)
    with pytest.raises(TimeoutError):
        instance.result(timeout=0)
    assert set(texts) == {statements()["instance_key"]}
    monkeypatch.undo()
    rig.settle()
    rig.pass_time(600)
    monkeypatch.setattr(Database, "rows", listen)
    texts.clear()
    assert instance.result(timeout=0) == {"got": {"do": "sleep"}}
    assert instance.status().output == {"got": {"do": "sleep"}}
    assert texts == [statements()[name] for name in ("instance_key", "instance_outcome", "instance_outcome")]


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
    assert {step.status for step in shown.steps[:-1]} <= {"cancelled"}
    assert (shown.steps[-1].type, shown.steps[-1].trigger) == ("termination", {"source": "binding"})
    assert rig.sql("select actor, action, workflow, instance from wf.audit") == [
        ("client", "terminate", "errand", "i-1")
    ]
    rig.pass_time(7_200)
    assert instance.status().status == "terminated"


@pytest.mark.parametrize("status", sorted(set(Status) - TERMINAL))
def test_whatever_has_not_ended_can_be_terminated(rig: Rig, status: str) -> None:
    """Every status but the three last ones allows it, paused and rolling back included."""
    instance = rig.create(Errand, params={"do": "sleep"})
    rig.settle()
    rig.sql("update wf.instance set status = %s, due_at = case when %s then due_at end", status, status in LIVE)
    instance.terminate()
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
