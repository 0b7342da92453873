"""A.1, and the rules of `run` in SPEC 2 and 7.9: classes, `self.ctx`, event, output, and what `run` may not do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import moment
from tests.conformance.kit_steps import HOUR, caught, flow, output, started, wake
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Rig
    from wf.core import Event, Step


class Waiter(WorkflowEntrypoint, name="env-wait-until"):
    """Its step lets something run on, which ends the step's own waiting."""

    async def run(self, event: Event, step: Step) -> Any:
        async def start() -> str:
            done = asyncio.Event()

            async def beside() -> None:
                done.set()

            self.ctx.wait_until(beside())
            await done.wait()
            return "ran on"

        return await step.do("start", start)


class BrokenConstructor(WorkflowEntrypoint, name="env-broken-constructor"):
    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        raise RuntimeError("no database of mine")


def test_something_may_run_on_beside_a_step(rig: Rig) -> None:
    """`self.ctx.wait_until` takes an awaitable and runs it."""
    instance = rig.create(Waiter)
    rig.settle()
    assert instance.status().output == "ran on"


def test_a_constructor_that_fails_fails_the_run(rig: Rig) -> None:
    """The instance is errored with what the constructor raised, rather than tried for ever."""
    instance = rig.create(BrokenConstructor)
    rig.settle()
    assert instance.status().error.message == "no database of mine"


def test_a_constructor_that_takes_no_env_is_refused_at_the_class() -> None:
    """The error comes with the class statement and says what to write."""
    with pytest.raises(TypeError, match=r"Misfit cannot be made with \(ctx, env\).*super\(\).__init__\(ctx, env\)"):

        class Misfit(WorkflowEntrypoint, name="env-misfit"):
            def __init__(self) -> None:
                super().__init__()


def test_a_workflow_can_be_made_by_hand() -> None:
    """In a unit test, `env` is whatever one hands over."""
    made = Waiter(None, SimpleNamespace(KEY=1))
    assert made.env.KEY == 1
    assert Waiter().env is None


# The event.


def test_the_event_says_what_and_when(rig: Rig) -> None:
    """Payload, time of creation, id and workflow, as items and attributes, the same in each lifetime."""
    seen: list[Any] = []

    async def reading(event: Any, step: Any) -> None:
        seen.append((dict(event), event.payload, event.timestamp, event.instance_id, event.instanceId,
                     event.workflow_name, event.workflowName, event.schedule, event["payload"]))  # fmt: skip
        await step.sleep("between", HOUR)

    cls = flow(reading, name="contract-event")
    rig.pass_time(5)
    rig.create(cls, "id-7", {"a": [1]})
    rig.settle()
    rig.pass_time(100)
    wake(rig)
    items = {"payload": {"a": [1]}, "timestamp": moment(5), "instanceId": "id-7", "workflowName": "contract-event"}
    items |= {"schedule": None}
    expected = (items, {"a": [1]}, moment(5), "id-7", "id-7", "contract-event", "contract-event", None, {"a": [1]})
    assert seen == [expected, expected]
    assert seen[0][2].utcoffset() is not None


def test_without_params_the_payload_is_an_empty_dict(rig: Rig) -> None:
    """Nothing given is `{}`; falsy payloads are what they are."""

    async def giving(event: Any, step: Any) -> Any:
        return [event.payload]

    cls = flow(giving)
    rig.client.workflow(cls).create("none")
    for number, payload in enumerate(({}, [], 0, "", False)):
        rig.create(cls, f"i-{number}", payload)
    rig.settle()
    workflow = rig.client.workflow(cls)
    found = [workflow.get(id).status().output for id in ("none", *(f"i-{number}" for number in range(5)))]
    assert found == [[{}], [{}], [[]], [0], [""], [False]]
    assert type(found[5][0]) is bool


def test_changes_of_the_event_are_not_kept(rig: Rig) -> None:
    """Each lifetime gets the original, and so does whoever looks at the instance."""
    seen: list[Any] = []

    async def meddling(event: Any, step: Any) -> None:
        seen.append(repr(event.payload))
        event.payload["rows"].append(2)
        event.payload["new"] = True
        await step.sleep("between", HOUR)

    instance = started(rig, meddling, {"rows": [1]})
    wake(rig)
    output(instance)
    assert seen == ["{'rows': [1]}"] * 2
    assert instance.describe().params == {"rows": [1]}


def test_what_run_returns_is_the_output(rig: Rig) -> None:
    """Nothing gives None; other values come back as they are."""
    values: list[Any] = [None, False, 0, "", [], {"a": (1, {2})}, datetime(2026, 1, 1, tzinfo=UTC)]

    for value in values:

        async def giving(_: Any, step: Any, value: Any = value) -> Any:
            return value

        instance = started(rig, giving)
        assert output(instance) == value == instance.result(timeout=1)
        assert type(output(instance)) is type(value)


def test_a_class_needs_a_run(rig: Rig) -> None:
    """A class without it may be the base of others; its own instances end with what is missing."""

    class Base(WorkflowEntrypoint, name="contract-runless"):
        pass

    class Derived(Base, name="contract-derived"):
        async def run(self, event: Event, step: Step) -> Any:
            return "ran"

    runless, derived = rig.create(Base), rig.create(Derived)
    rig.settle()
    assert derived.status().output == "ran"
    assert runless.status().error.message == "Workflow 'contract-runless' has no run(self, event, step)."


# The rules of `run`.


def _subprocess() -> Any:
    return asyncio.create_subprocess_exec("true")


OUTSIDE: dict[str, Callable[[], Any]] = {
    "open_connection": lambda: asyncio.open_connection("127.0.0.1", 1),
    "start_server": lambda: asyncio.start_server(print, "127.0.0.1", 0),
    "getaddrinfo": lambda: asyncio.get_running_loop().getaddrinfo("localhost", 1),
    "to_thread": lambda: asyncio.to_thread(print, "never"),
    "run_in_executor": lambda: asyncio.get_running_loop().run_in_executor(None, print, "never"),
    "subprocess": _subprocess,
}
"""Ways out of `run`."""


def test_run_may_not_touch_the_outside_world(rig: Rig) -> None:
    """Each way out raises an error that names the call and says to wrap it in step.do; `run` may catch it."""

    async def reaching(_: Any, step: Any) -> Any:
        found = [str(await caught(call)) for call in OUTSIDE.values()]
        return [*found, await step.do("inside", lambda: asyncio.to_thread(lambda: "inside"))]

    *messages, inside = output(started(rig, reaching))
    assert inside == "inside"
    assert [message for message in messages if "step.do" not in message] == []
    assert len(set(messages)) >= 4


def test_an_uncaught_reach_outside_ends_the_instance(rig: Rig) -> None:
    """The instance is errored, with the line in `run` that did it."""

    async def reaching(_: Any, step: Any) -> None:
        await asyncio.open_connection("127.0.0.1", 1)

    error = started(rig, reaching).describe().error
    assert "step.do" in error.message
    assert 'asyncio.open_connection("127.0.0.1", 1)' in error.traceback


def test_steps_do_not_nest(rig: Rig) -> None:
    """A step call of any kind in a callback fails the attempt, without a retry, and journals nothing inside."""

    async def nesting(_: Any, step: Any) -> Any:
        async def in_async() -> Any:
            return await step.do("inner", lambda: 1)

        def in_sync() -> Any:
            return step.sleep("inner", 1)

        async def in_wait() -> Any:
            return await step.wait_for_event("inner", "go", timeout=1)

        return [repr(await caught(step.do, "outer", call)) for call in (in_async, in_sync, in_wait)]

    instance = started(rig, nesting)
    assert all("'inner' was called from inside a step's callback" in text for text in output(instance))
    assert [(step.name, step.attempt) for step in instance.describe().steps] == [(f"outer-{n}", 1) for n in (1, 2, 3)]


def test_steps_that_nobody_awaits_are_cancelled(rig: Rig) -> None:
    """The instance completes; what was still under way is cancelled, and a warning names it."""
    started_late: list[int] = []

    async def leaving(_: Any, step: Any) -> str:
        step.do("abandoned", lambda: started_late.append(1), config={"retries": {"delay": HOUR}})
        step.sleep("a long time", "3 days")
        return str(await step.do("awaited", lambda: "left"))

    instance = started(rig, leaving)
    shown = instance.describe()
    assert (shown.status, shown.output, shown.next_wake) == ("complete", "left", None)
    assert any("a long time-1" in warning for warning in shown.warnings)
    rig.pass_time(4 * 86_400)
    assert instance.describe() == shown


def test_a_failure_that_nobody_awaits_is_told(rig: Rig) -> None:
    """The run goes on and completes; a warning says which step failed with what."""

    async def leaving(_: Any, step: Any) -> str:
        step.do("abandoned", fail, config={"retries": {"limit": 0}})
        return str(await step.do("awaited", lambda: "left"))

    instance = started(rig, leaving)
    shown = instance.describe()
    assert (shown.status, shown.output) == ("complete", "left")
    (warning,) = shown.warnings
    assert warning.startswith("run ended without awaiting abandoned-1")
    assert "ValueError: as told" in warning
    assert [step.success for step in shown.steps if step.name == "awaited-1"] == [True]


def fail() -> None:
    """Fails."""
    raise ValueError("as told")


def test_a_run_that_fails_takes_its_siblings_with_it(rig: Rig) -> None:
    """SPEC 7.9: gathered siblings are cancelled, finished ones stay journaled."""

    async def failing(_: Any, step: Any) -> None:
        await step.do("finished", lambda: 1)
        await asyncio.gather(step.sleep("sibling", "1 day"), step.do("fails", fail, config={"retries": {"limit": 0}}))

    instance = started(rig, failing)
    shown = instance.describe()
    assert (shown.status, shown.error.message, shown.next_wake) == ("errored", "as told", None)
    assert [(step.name, step.success) for step in shown.steps if step.type == "step"] == [
        ("finished-1", True),
        ("fails-1", False),
    ]
    rig.pass_time(2 * 86_400)
    assert instance.describe() == shown
