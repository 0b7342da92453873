"""B.4 and SPEC 3: for every misuse an error of its own class, with the baseline's code and the facts as attributes."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import wf
from tests.conformance.kit_events import MIB, echo, flow, wait_for_go
from wf import AsyncClient, Client, WfError
from wf.errors import InvalidBatch, InvalidSubscription, StepNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Rig


class Case(NamedTuple):
    """A misuse, and the error that it has to give."""

    what: str
    call: Callable[[Any, Any], Any]
    error: type[Exception]
    code: str | None
    facts: dict[str, Any]
    text: str = ""


CASES = [
    Case("create, bad id", lambda w, _: w.create("a.b"), wf.InvalidInstanceId, "instance.invalid_id", {"id": "a.b"}),
    Case(
        "create, existing id", lambda w, _: w.create("done"), wf.InstanceAlreadyExists, "instance.already_exists",
        {"id": "done"}, "already has an instance 'done'",
    ),
    Case("get, unknown id", lambda w, _: w.get("nobody"), wf.InstanceNotFound, "instance.not_found", {"id": "nobody"}),
    Case(
        "create, params too big", lambda w, _: w.create("big", "x" * MIB), wf.PayloadTooLarge, "payload.too_large",
        {"limit": MIB},
    ),
    Case(
        "create, params that cannot be stored", lambda w, _: w.create("bad", {"files": [{"handle": object()}]}),
        wf.SerializationError, "payload.not_serialisable", {"path": "$.files[0].handle"},
    ),
    Case("array batch, empty", lambda w, _: w.create_batch([]), InvalidBatch, None, {}, "at least 1 instance"),
    Case("batch, neither form", lambda w, _: w.create_batch(), InvalidBatch, None, {}, "Provided argument is invalid"),
    Case(
        "object batch, bad id", lambda w, _: w.create_batch(instances=[{"id": "a.b"}]), wf.InvalidInstanceId,
        "instance.invalid_id", {"id": "a.b"},
    ),
    Case(
        "deleteBatch, empty", lambda w, _: w.delete_batch([]), InvalidBatch, None, {},
        "batchDeleteInstances should have at least 1 instance",
    ),
    Case(
        "deleteBatch, too many", lambda w, _: w.delete_batch(["a"] * 101), InvalidBatch, None, {},
        "batchDeleteInstances only supports 100 instances at a time",
    ),
    Case(
        "terminate, finished", lambda _, i: i.terminate(), wf.InvalidTransition, "instance.cannot_terminate",
        {"id": "done", "status": "complete", "action": "terminate"},
    ),
    Case(
        "restart, unknown step", lambda _, i: i.restart(from_step="nowhere"), StepNotFound, "instance.cannot_restart",
        {"name": "nowhere", "count": 1}, 'Step "nowhere" not found in execution history',
    ),
    Case(
        "send_event, finished", lambda _, i: i.send_event("go"), wf.InstanceFinished, "instance.finished",
        {"id": "done", "status": "complete"},
    ),
    Case(
        "send_event, bad type", lambda _, i: i.send_event("a.b"), wf.InvalidEventType, "workflow.invalid_event_type",
        {"type": "a.b"},
    ),
    Case("subscribe, unknown type", lambda _, i: i.subscribe(filter=["no"]), InvalidSubscription, None, {}, "'no'"),
    Case("subscribe, bad cursor", lambda _, i: i.subscribe(cursor=-1), InvalidSubscription, None, {}, "-1"),
]  # fmt: skip


def check(case: Case, error: Any) -> None:
    """Class, code, facts and words."""
    assert type(error) is case.error
    assert isinstance(error, WfError)
    if case.code is not None:
        assert error.code == case.code
    assert {name: getattr(error, name) for name in case.facts} == case.facts
    assert case.text in str(error)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_misuse_has_its_error(rig: Rig, case: Case) -> None:
    """Of its own class, with code, facts and text; and nothing was done."""
    workflow = rig.client.workflow(flow(echo))
    done = workflow.create("done")
    rig.settle()
    with pytest.raises(case.error) as caught:
        case.call(workflow, done)
    check(case, caught.value)
    assert [found.id for found in workflow.list()] == ["done"]
    assert done.status().status == "complete"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_the_async_client_has_the_same_errors(rig: Rig, case: Case) -> None:
    """Awaited, word by word."""
    cls = flow(echo)
    rig.create(cls, "done")
    rig.settle()

    async def misuse() -> None:
        async with AsyncClient(settings=rig.settings, clock=rig.clock) as client:
            workflow = client.workflow(cls)
            answer = case.call(workflow, await workflow.get("done"))
            if inspect.isawaitable(answer):
                await answer
            else:
                async for _ in answer:
                    pass

    with pytest.raises(case.error) as caught:
        asyncio.run(misuse())
    check(case, caught.value)


@pytest.mark.parametrize(
    "action", ["status", "describe", "pause", "resume", "terminate", "restart", "delete", "send_event", "result"]
)
def test_every_method_of_a_vanished_instance_says_not_found(rig: Rig, action: str) -> None:
    """With its id and the baseline's code."""
    instance = rig.create(flow(wait_for_go))
    instance.delete()
    arguments = ["go"] if action == "send_event" else []
    with pytest.raises(wf.InstanceNotFound) as caught:
        getattr(instance, action)(*arguments)
    assert (caught.value.code, caught.value.id) == ("instance.not_found", "i-1")


def test_an_unknown_workflow_is_named_with_those_that_are_known(rig: Rig) -> None:
    """And the nearest one is offered."""
    rig.workers[0].catalog.register(flow(echo, name="contract-errors-report"))
    with pytest.raises(wf.WorkflowNotFound, match="Did you mean 'contract-errors-report'") as caught:
        rig.client.workflow("contract-errors-reprot").create()
    assert caught.value.name == "contract-errors-reprot"
    assert "contract-errors-report" in caught.value.known


def test_a_database_that_is_away_is_said_to_be(rig: Rig) -> None:
    """JournalUnavailable, with a code, within the second."""
    nowhere = rig.settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/none"})
    with Client(settings=nowhere) as client, pytest.raises(wf.JournalUnavailable) as caught:
        client.workflow(flow(echo)).create()
    assert caught.value.code == "journal.unavailable"
