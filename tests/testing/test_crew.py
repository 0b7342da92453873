"""The workers of a test: at once, one after the other, and what is left of them."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wf import Client, WorkflowEntrypoint
from wf.settings import InvalidSettings
from wf.testing import CrashPoint, crashpoints
from wf.testing.clock import MovableClock
from wf.workflow import registry

if TYPE_CHECKING:
    from pathlib import Path

    from wf.testing import Workbench

MEET = threading.Barrier(4)
DONE: list[str] = []


class Meeting(WorkflowEntrypoint, name="crew-meeting"):
    """Steps that wait for each other."""

    async def run(self, event: Any, step: Any) -> Any:
        return await asyncio.gather(*[step.do(f"s{n}", lambda: MEET.wait(10) >= 0) for n in range(4)])


class Parent(WorkflowEntrypoint, name="crew-parent"):
    """A step that waits for another instance."""

    async def run(self, event: Any, step: Any) -> Any:
        async def child() -> Any:
            return await (await self.env.CREW_CHILD.create("kid")).result(timeout=10)

        return await step.do("child", child)


class Child(WorkflowEntrypoint, name="crew-child"):
    """Is waited for."""

    async def run(self, event: Any, step: Any) -> Any:
        return await step.do("work", lambda: "done")


def make_factory_class() -> type[WorkflowEntrypoint]:
    """A class that is made in a function, before any test."""

    class Made(WorkflowEntrypoint, name="crew-made"):
        async def run(self, event: Any, step: Any) -> Any:
            return "made"

    return Made


Made = make_factory_class()


def test_parallel_steps_run_at_once(wf: Workbench) -> None:
    """Steps that wait for each other find each other."""
    MEET.reset()
    assert wf.workflow(Meeting).create().result(timeout=15) == [True] * 4


def test_a_step_may_wait_for_another_instance(wf: Workbench) -> None:
    """A worker that waits does not keep others from working."""
    assert wf.workflow(Parent).create().result(timeout=15) == "done"


@pytest.mark.parametrize("number", [1, 2])
def test_classes_that_were_there_before_stay(wf: Workbench, number: int) -> None:
    """A class of a function is there in every test, if it was there before the first one."""
    assert wf.workflow(Made).create().result(timeout=5) == "made"


def test_a_class_of_a_test_covers_another_one_for_a_time(wf: Workbench) -> None:
    """A class of the same name in a test wins in that test."""

    class Cover(WorkflowEntrypoint, name="crew-made"):
        async def run(self, event: Any, step: Any) -> Any:
            return "cover"

    assert wf.workflow(Cover).create().result(timeout=5) == "cover"


def test_the_covered_class_is_back() -> None:
    """After the test it is there again."""
    assert registry.find("crew-made") is Made


def test_what_a_test_leaves_behind_does_not_work_in_the_next_one(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose callback comes back after its test takes nothing of the next one."""
    from wf.testing.workbench import Workbench as Bench  # noqa: PLC0415

    go_on = threading.Event()

    class Hung(WorkflowEntrypoint, name="crew-hung"):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do("hang", lambda: go_on.wait(30))

    class Charge(WorkflowEntrypoint, name="crew-charge"):
        async def run(self, event: Any, step: Any) -> Any:
            return await step.do("charge", lambda: DONE.append("real"))

    servers, registrations = request.getfixturevalue("wf_servers"), request.getfixturevalue("_wf_registrations")
    monkeypatch.setattr("wf.testing.crew.Crew.stop.__defaults__", (0.1,))
    with Bench(servers, registrations) as first:
        first.workflow(Hung).create("h")
        time.sleep(0.2)
    registry.add(Charge)
    with Bench(servers, registrations) as second, second.introspect(Charge) as charges:
        charges.modify_all(lambda m: m.mock_step_result("charge", "mock"))
        go_on.set()
        outputs = [second.workflow(Charge).create().result(timeout=10) for _ in range(20)]
    registry.remove(Charge)
    assert (outputs, DONE) == (["mock"] * 20, [])


def test_an_event_for_an_instance_that_has_ended_meanwhile_is_not_missed(wf: Workbench) -> None:
    """A mocked event that nobody needs any more does no harm to the worker that would have sent it."""

    class Hasty(WorkflowEntrypoint, name="crew-hasty"):
        async def run(self, event: Any, step: Any) -> int:
            asyncio.ensure_future(step.wait_for_event("w", "answer"))  # noqa: RUF006  # that is the point
            return 5

    with wf.introspect(Hasty) as hasty:
        hasty.modify_all(lambda m: m.mock_event(type="answer"))
        assert [wf.workflow(Hasty).create().result(timeout=5) for _ in range(3)] == [5, 5, 5]


@pytest.mark.parametrize("options", [{"workers": 0}, {"workers": True}, {"max_los": 1}, {"max_lost": 0}])
def test_settings_that_mean_nothing_are_refused(request: pytest.FixtureRequest, options: dict[str, Any]) -> None:
    """Misspelt settings, and such without a meaning, are told of at once."""
    from wf.testing.workbench import Workbench as Bench  # noqa: PLC0415

    servers, registrations = request.getfixturevalue("wf_servers"), request.getfixturevalue("_wf_registrations")
    with pytest.raises((InvalidSettings, ValueError), match=r"max_lost|workers|greater"):
        Bench(servers, registrations, **options)


@pytest.mark.wf(max_payload=100)
def test_the_code_under_test_has_the_same_settings(wf: Workbench) -> None:
    """A client that finds the engine by itself has the settings of the test, too."""
    with Client() as client:
        assert client.settings.model_dump() == wf.settings.model_dump()


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a developer's shell may hold."""
    monkeypatch.setenv("WF_STEPS_PER_TASK", "50")
    monkeypatch.setenv("WF_ENV", "nope:nothing")
    monkeypatch.setenv("WF_QUEUE_PREFIX", "elsewhere:")
    monkeypatch.setenv("WF_CRASH_POINT", CrashPoint(crashpoints.AFTER_CLAIM, "kill", tmp_path / "killed").variable)


@pytest.mark.usefixtures("variables")
def test_variables_of_the_shell_have_no_part_in_a_test(wf: Workbench) -> None:
    """What is set for a deployment does not change a test."""
    assert wf.settings.steps_per_task == 1
    with Client() as client:
        assert client.workflow("crew-child").create().result(timeout=5) == "done"


@given(st.floats(1e9, 4.1e9))
@settings(max_examples=300, deadline=None)
def test_a_clock_that_is_set_is_there(at: float) -> None:
    """What is due at a moment is due when the clock was set to it, however floats are rounded."""
    clock = MovableClock()
    clock.begin(0.0)
    clock.set(at)
    assert at <= clock.now() <= at + 2e-6
