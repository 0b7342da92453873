"""Mistakes of authors: bad step configurations, durations and names end the instance with an error that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from tests.support import Rig


class Mistaken(WorkflowEntrypoint, name="mistaken"):
    """Makes the mistake that its payload describes."""

    async def run(self, event: Any, step: Any) -> Any:
        mistake = event.payload
        if "config" in mistake:
            return await step.do("upload", lambda: "never", config=mistake["config"])
        return await getattr(step, mistake["call"])(*mistake["arguments"])


def failure(rig: Rig, mistake: dict[str, Any]) -> Any:
    """The error with which an instance ends that makes this mistake; no step of it may be in the journal."""
    instance = rig.create(Mistaken, params=mistake)
    rig.settle()
    shown = instance.describe()
    assert (shown.status, shown.steps) == ("errored", [])
    return shown.error


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("fast", "config must be a dict, not 'fast'"),
        ({"retry": {}}, "unknown key 'retry' in config; known are retries, timeout, sensitive, at_most_once"),
        ({"retries": 5}, "retries must be a dict, not 5"),
        ({"retries": {"limits": 5}}, "unknown key 'limits' in retries; known are limit, delay, backoff"),
        ({"retries": {"limit": -1}}, "retries.limit must be a whole number from 0 to 10,000 (WF_MAX_RETRIES), not -1"),
        ({"retries": {"limit": 1.5}}, "retries.limit must be a whole number"),
        ({"retries": {"limit": True}}, "retries.limit must be a whole number"),
        ({"retries": {"limit": "5"}}, "retries.limit must be a whole number"),
        ({"retries": {"delay": "soon"}}, "retries.delay 'soon' is not a duration"),
        ({"retries": {"delay": -1}}, "retries.delay -1 is not a duration"),
        ({"retries": {"max_delay": "1 fortnight"}}, "retries.max_delay '1 fortnight' is not a duration"),
        ({"retries": {"jitter": 2}}, "retries.jitter must be a number from 0 to 1, not 2"),
        ({"retries": {"jitter": "much"}}, "retries.jitter must be a number from 0 to 1"),
        ({"retries": {"backoff": "quadratic"}}, "retries.backoff must be one of constant, linear, exponential"),
        ({"retries": {"retry_on": [7]}}, "retries.retry_on must hold exception classes, not 7"),
        ({"retries": {"no_retry_on": 7}}, "retries.no_retry_on must hold exception classes, not 7"),
        ({"timeout": 0}, "timeout must be longer than 0"),
        ({"timeout": "forever"}, "timeout 'forever' is not a duration"),
        ({"timeout": None}, "timeout None is not a duration"),
        ({"at_most_once": "yes"}, "at_most_once must be True or False, not 'yes'"),
        ({"sensitive": "input"}, "sensitive must be \"output\", not 'input'"),
    ],
)
def test_a_bad_step_configuration_names_step_and_key(rig: Rig, config: Any, message: str) -> None:
    """The instance ends with a ValueError that says which step, which key, and what is allowed."""
    error = failure(rig, {"config": config})
    assert error.name == "ValueError"
    assert error.message.startswith("Step 'upload': ")
    assert message in error.message


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        ("sleep", ["nap", "3 dayz"], "Sleep 'nap' '3 dayz' is not a duration: use a number of seconds"),
        ("sleep", ["nap", "366 days"], "Sleep 'nap': at most 365 d (WF_MAX_WAIT), not 366 d"),
        ("sleep", ["nap", -5], "Sleep 'nap' -5 is not a duration"),
        ("sleep", ["a\nb", 1], "invalid characters found"),
        ("sleep_until", ["nap", "tomorrow"], "Sleep 'nap': timestamp must be a datetime or a number, not 'tomorrow'"),
        ("sleep_until", ["nap", 1e30], "is not a moment in time"),
        ("wait_for_event", ["permit", "go.now"], "Event type 'go.now' is invalid"),
        ("wait_for_event", ["permit", "go", "2 years"], "Wait 'permit': timeout: at most 365 d (WF_MAX_WAIT)"),
        ("wait_for_event", ["permit", "go", "later"], "Wait 'permit': timeout 'later' is not a duration"),
        ("sleep", ["x" * 257, 1], "exceeds max length (256 chars)"),
        ("do", ["upload", 7], "Step 'upload' requires a callback function, not 7"),
    ],
)
def test_a_bad_call_of_a_step_names_it_and_the_remedy(rig: Rig, call: str, arguments: list[Any], message: str) -> None:
    """Durations, names and event types that make no sense end the instance with the reason."""
    assert message in failure(rig, {"call": call, "arguments": arguments}).message


def test_a_mistake_can_be_caught_in_run(rig: Rig) -> None:
    """A bad configuration is an ordinary ValueError at the call, so `run` may handle it."""

    class Careful(WorkflowEntrypoint, name="careful"):
        async def run(self, event: Any, step: Any) -> str:
            try:
                step.do("upload", lambda: None, config={"timeout": 0})
            except ValueError:
                return str(await step.do("plan b", lambda: "done"))
            return "not refused"

    instance = rig.create(Careful)
    rig.settle()
    assert instance.result(timeout=1) == "done"
