"""How much an instance may ask for, and what is said when it asks for more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.passes import work
from wf.core import Event, Failed, Limits, Pass
from wf.errors import StepLimitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import Step

HOUR = Limits(steps=2, wait=3_600.0, retries=3)


def outcome_of(call: Callable[[Step], Any], limits: Limits) -> Any:
    """How a run ends that makes a call and awaits nothing."""

    async def run(_event: Event, step: Step) -> None:
        call(step)

    return Pass(run, Event(payload=None), limits=limits).outcome


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda step: step.sleep("nap", 3_601), "Sleep 'nap': at most 3600.0 s (WF_MAX_WAIT), not 3601.0 s."),
        (lambda step: step.sleep("nap", "2 hours"), "Sleep 'nap': at most 1 h (WF_MAX_WAIT), not 2 h."),
        (lambda step: step.sleep_until("nap", 7_200), "Sleep 'nap': at most 1 h (WF_MAX_WAIT), not 2 h."),
        (
            lambda step: step.wait_for_event("permit", "go", timeout="3 hours"),
            "Wait 'permit': timeout: at most 1 h (WF_MAX_WAIT), not 3 h.",
        ),
        (
            lambda step: step.do("a", work, config={"retries": {"limit": 4}}),
            "Step 'a': retries.limit must be a whole number from 0 to 3 (WF_MAX_RETRIES), not 4.",
        ),
    ],
)
def test_what_is_too_much_is_refused_with_the_setting(call: Callable[[Step], Any], message: str) -> None:
    """The error names what was asked for, the setting and its value."""
    outcome = outcome_of(call, HOUR)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ValueError)
    assert str(outcome.error) == message


@pytest.mark.parametrize(
    "call",
    [
        lambda step: step.sleep("nap", 3_600),
        lambda step: step.sleep_until("nap", 3_600),
        lambda step: step.wait_for_event("permit", "go", timeout="1 hour"),
        lambda step: step.do("a", work, config={"retries": {"limit": 3}}),
    ],
)
def test_the_limit_itself_is_allowed(call: Callable[[Step], Any]) -> None:
    """So much, and no more."""
    assert not isinstance(outcome_of(call, HOUR), Failed)


@pytest.mark.parametrize("config", [None, {"retries": {"limit": math.inf}}])
def test_retries_follow_the_setting(config: Any) -> None:
    """The default does not exceed it, and an endless limit means it; of the handler that undoes a step, too."""

    async def run(_event: Event, step: Step) -> None:
        await step.do("a", work, config=config, rollback=work, rollback_config=config)

    suspended = Pass(run, Event(payload=None), limits=HOUR)
    (request,) = suspended.requests()
    assert request.config is not None
    assert request.rollback_config is not None
    assert (request.config.limit, request.rollback_config.limit) == (3, 3)
    suspended.evict()


def test_the_limit_of_steps_names_its_setting() -> None:
    """The step that is one too many raises, and says how to allow more."""

    def three(step: Step) -> None:
        for _ in range(3):
            step.do("a", work)

    outcome = outcome_of(three, HOUR)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, StepLimitError)
    assert str(outcome.error).startswith("The limit of 2 steps has been reached.")
    assert "WF_MAX_STEPS" in str(outcome.error)
