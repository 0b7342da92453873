"""What `m` does to an instance, and in which order (reference section G.2)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from wf import InvalidEventType, SerializationError, WorkflowEntrypoint, WorkflowTimeoutError
from wf.testing import InvalidModification

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.testing import InstanceIntrospector, Workbench

CALLS: list[str] = []


class Flow(WorkflowEntrypoint, name="modified-flow"):
    """One step of everything."""

    async def run(self, event: Any, step: Any) -> Any:
        def fetch(ctx: Any) -> str:
            CALLS.append(f"fetch {ctx.attempt}")
            return f"real, attempt {ctx.attempt}"

        async def flaky(ctx: Any) -> int:
            CALLS.append(f"flaky {ctx.attempt}")
            if ctx.attempt < 3:
                raise ValueError("not yet")
            return int(ctx.attempt)

        fetched = await step.do("fetch", fetch)
        await step.sleep("nap", "3 days")
        await step.sleep("nap", "3 days")
        await asyncio.sleep(3600)
        tried = await step.do("flaky", flaky)
        try:
            answer = (await step.wait_for_event("answer?", "answer", timeout="1 hour")).payload
        except WorkflowTimeoutError as late:
            answer = str(late)
        return [fetched, tried, answer]


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    CALLS.clear()


def started(wf: Workbench, change: Callable[[Any], Any]) -> InstanceIntrospector:
    """An instance of `Flow` in which nothing takes time, changed."""
    flow = wf.introspect_instance(Flow, "f")
    flow.modify(lambda m: m.disable_sleeps().disable_retry_delays()).modify(change)
    wf.workflow(Flow).create("f")
    return flow


def test_sleeps_are_over_at_once_and_retries_come_at_once(wf: Workbench) -> None:
    """Without sleeps and delays a run of days takes no time, and each step is tried as often as before."""
    flow = started(wf, lambda m: m.mock_event(type="answer", payload=1))
    flow.wait_for_status("complete")
    assert flow.get_output() == ["real, attempt 1", 3, 1]
    assert CALLS == ["fetch 1", "flaky 1", "flaky 2", "flaky 3"]
    nap = next(entry for entry in wf.client.workflow(Flow).get("f").describe().steps if entry.name == "nap-1")
    assert nap.config["duration"] == 3 * 86_400


def test_listed_sleeps_only(wf: Workbench) -> None:
    """Only the listed sleeps are over at once; the index counts sleeps of the same name."""
    flow = wf.introspect_instance(Flow, "f").modify(lambda m: m.disable_sleeps([("nap", 2)]))
    wf.workflow(Flow).create("f")
    flow.wait_for_status("waiting")
    wf.time.advance("3 days")
    wf.time.advance("59 minutes")
    assert CALLS == ["fetch 1"]
    wf.time.advance("1 minute")
    assert CALLS == ["fetch 1", "flaky 1"]


def test_listed_delays_only(wf: Workbench) -> None:
    """Only the listed steps are retried at once."""
    flow = wf.introspect_instance(Flow, "f").modify(lambda m: m.disable_sleeps().disable_retry_delays(["fetch"]))
    wf.workflow(Flow).create("f")
    flow.wait_for_step_result("fetch")
    wf.settle()
    assert CALLS == ["fetch 1", "flaky 1"]
    wf.time.advance("10 seconds")
    assert CALLS == ["fetch 1", "flaky 1", "flaky 2"]


@pytest.mark.parametrize("value", [{"a": [1, 2]}, None, 0, "", False, []])
def test_a_mocked_result_takes_the_place_of_the_callback(wf: Workbench, value: Any) -> None:
    """The step gives the value without being called, also one that is falsy."""
    flow = started(wf, lambda m: m.mock_step_result("fetch", value))
    assert flow.wait_for_step_result("fetch") == value
    assert "fetch 1" not in CALLS


def test_a_mocked_error_is_retried_as_a_real_one(wf: Workbench) -> None:
    """So many attempts fail with it, calls after one another go on counting, and the next attempt is the real one."""
    flow = started(
        wf,
        lambda m: m.mock_step_error("fetch", OSError("down"), times=2).mock_step_error("fetch", KeyError("x"), times=1),
    )
    assert flow.wait_for_step_result("fetch") == "real, attempt 4"
    (fetch,) = [entry for entry in wf.client.workflow(Flow).get("f").describe().steps if entry.name == "fetch-1"]
    assert [attempt.error.name for attempt in fetch.attempts[:3]] == ["OSError", "OSError", "KeyError"]


def test_an_error_of_every_attempt_is_the_end(wf: Workbench) -> None:
    """Without a number all attempts fail, until the retries are used up."""
    flow = started(wf, lambda m: m.mock_step_error("fetch", OSError("down")))
    with pytest.raises(OSError, match="down"):
        flow.wait_for_step_result("fetch")
    flow.wait_for_status("errored")
    assert flow.get_error().message == "down"
    assert not CALLS


def test_error_then_timeout_then_result(wf: Workbench) -> None:
    """In an attempt a mocked error comes before a forced timeout, and this before a mocked result."""
    flow = started(
        wf,
        lambda m: (
            m.mock_step_error("fetch", OSError("down"), times=1)
            .force_step_timeout("fetch", times=2)
            .mock_step_result("fetch", 3)
        ),
    )
    assert flow.wait_for_step_result("fetch") == 3
    (fetch,) = [entry for entry in wf.client.workflow(Flow).get("f").describe().steps if entry.name == "fetch-1"]
    errors = [attempt.error for attempt in fetch.attempts if attempt.error is not None]
    assert [error.name for error in errors] == ["OSError", "WorkflowTimeoutError"]
    assert errors[1].message == "Execution timed out after 0ms"


def test_what_comes_after_a_mocked_result_is_refused(wf: Workbench) -> None:
    """A second result, and an error or a timeout after a result, are mistakes of the test."""
    flow = wf.introspect_instance(Flow, "f").modify(lambda m: m.mock_step_result("fetch", 1))
    with pytest.raises(InvalidModification, match="Trying to mock step 'fetch' multiple times"):
        flow.modify(lambda m: m.mock_step_result("fetch", 2))
    with pytest.raises(InvalidModification, match="Trying to mock error on step 'fetch' after mocking its result"):
        flow.modify(lambda m: m.mock_step_error("fetch", OSError()))
    with pytest.raises(InvalidModification, match="Trying to force timeout on step 'fetch' after mocking its result"):
        flow.modify(lambda m: m.force_step_timeout("fetch"))


def test_mocked_events_come_in_their_order(wf: Workbench) -> None:
    """Each wait gets the next mocked event of its type."""

    class Two(WorkflowEntrypoint, name="modified-two"):
        async def run(self, event: Any, step: Any) -> Any:
            one = await step.wait_for_event("one", "answer")
            return [one.payload, (await step.wait_for_event("two", "answer")).payload]

    two = wf.introspect_instance(Two, "t")
    two.modify(lambda m: m.mock_event({"type": "answer", "payload": 0}).mock_event(type="answer"))
    wf.workflow(Two).create("t")
    two.wait_for_status("complete")
    assert two.get_output() == [0, None]


def test_a_forced_timeout_of_a_wait_beats_its_event(wf: Workbench) -> None:
    """The wait times out at once, though an event is there, and tells its real timeout."""
    flow = started(wf, lambda m: m.mock_event(type="answer", payload=1).force_event_timeout("answer?"))
    flow.wait_for_status("complete")
    assert flow.get_output()[2] == "Execution timed out after 3600000ms"


def test_all_changes_stay_over_a_restart(wf: Workbench) -> None:
    """After a restart the same mocks, errors and events hold again."""
    flow = started(
        wf,
        lambda m: (
            m.mock_step_error("fetch", OSError("down"), times=1)
            .mock_step_result("fetch", 3)
            .mock_event(type="answer", payload=1)
        ),
    )
    flow.wait_for_status("complete")
    wf.client.workflow(Flow).get("f").restart()
    wf.settle()
    flow.wait_for_status("complete")
    assert flow.get_output() == [3, 3, 1]
    assert CALLS == ["flaky 1", "flaky 2", "flaky 3"] * 2


def test_a_running_instance_is_changed_too(wf: Workbench) -> None:
    """`modify` takes effect at once: an instance that sleeps already wakes."""
    flow = wf.introspect_instance(Flow, "f")
    wf.workflow(Flow).create("f")
    flow.wait_for_status("waiting")
    flow.modify(lambda m: m.disable_sleeps().disable_retry_delays().force_event_timeout("answer?"))
    flow.wait_for_status("complete")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.mock_step_error("fetch", "down"),
        lambda m: m.mock_step_error("fetch", KeyboardInterrupt),
        lambda m: m.mock_step_error("fetch", OSError(), times=0),
        lambda m: m.force_step_timeout("fetch", times=-1),
        lambda m: m.crash_worker("fetch", at="never"),
        lambda m: m.crash_worker("fetch", times=0),
        lambda m: m.mock_event({"type": "answer", "paylod": 1}),
        lambda m: m.mock_event(type="no blanks"),
        lambda m: m.disable_sleeps("nap"),
        lambda m: m.disable_retry_delays(["nap", 3]),
    ],
)
def test_a_change_that_cannot_be_is_refused_where_it_is_asked_for(wf: Workbench, change: Any) -> None:
    """A mistake of the test is told where it was made, not in a worker."""
    with pytest.raises((InvalidModification, InvalidEventType)):
        wf.introspect_instance(Flow, "f").modify(change)


def test_a_mocked_result_must_be_storable(wf: Workbench) -> None:
    """What no step could give cannot be mocked either."""
    with pytest.raises(SerializationError, match=r"cannot be stored"):
        wf.introspect_instance(Flow, "f").modify(lambda m: m.mock_step_result("fetch", object()))
