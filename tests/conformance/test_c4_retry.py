"""C.4, L.1 and L.2, and the retry rows of SPEC 2: how often, how soon, for which errors, and who decides."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import entry
from tests.conformance.kit_steps import Failing, caught, delays, new_lifetime, once, result_of, started, to_the_end
from wf import NonRetryableError
from wf import delays as delay_functions

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.answers import Answer


def all_failed(
    rig: Rig, configs: list[Any], callbacks: list[Any] | None = None, lifetimes: bool = False
) -> list[Answer]:
    """The descriptions of parallel steps, one for each configuration, that failed for good."""
    callbacks = callbacks or [Failing() for _ in configs]

    async def retried(_: Any, step: Any) -> None:
        calls = [
            step.do(f"call {number}", callback, config=config)
            for number, (config, callback) in enumerate(zip(configs, callbacks, strict=True))
        ]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(error, Exception) for error in found)

    instance = started(rig, retried)
    assert to_the_end(rig, instance, lifetimes).status == "complete"
    return [entry(instance, f"call {number}-1") for number in range(len(configs))]


def test_attempts_are_the_limit_and_one(rig: Rig) -> None:
    """`limit` counts retries: the callback is called limit + 1 times, and the last error is the step's."""
    limits = [0, 1, 3]
    callbacks = [Failing() for _ in limits]
    steps = all_failed(rig, [once(limit) for limit in limits], callbacks)
    for limit, calls, step in zip(limits, callbacks, steps, strict=True):
        assert calls.calls == len(step.attempts) == step.attempt == limit + 1
        assert (step.success, step.error.name, step.error.message) == (False, "ValueError", f"failure {limit + 1}")
        assert [attempt.error.message for attempt in step.attempts] == [f"failure {n + 1}" for n in range(limit + 1)]
        assert [attempt.attempt for attempt in step.attempts] == list(range(1, limit + 2))


SCHEDULES: list[tuple[Any, list[float]]] = [
    (None, [10, 20, 40, 80, 160]),
    ({"limit": 3, "delay": 7, "backoff": "constant"}, [7, 7, 7]),
    ({"limit": 4, "delay": "1 minute", "backoff": "linear"}, [60, 120, 180, 240]),
    ({"limit": 4, "delay": "1.5 seconds", "backoff": "exponential"}, [1.5, 3, 6, 12]),
    ({"limit": 2, "delay": timedelta(hours=1)}, [3600, 7200]),
    ({"limit": 2}, [10, 20]),
    ({"delay": 1}, [1, 2, 4, 8, 16]),
    ({"backoff": "linear"}, [10, 20, 30, 40, 50]),
    ({"limit": 4, "delay": 10, "max_delay": "25 seconds"}, [10, 20, 25, 25]),
    ({"limit": 2, "delay": 30, "backoff": "constant", "max_delay": 5}, [5, 5]),
    ({"limit": 2, "delay": 100, "backoff": "constant", "jitter": 0}, [100, 100]),
    ({"limit": 2, "delay": 0}, [0, 0]),
]
"""What stands in `retries`, and how long each retry is waited for; the first are the defaults."""


@pytest.mark.parametrize("lifetimes", [False, True])
def test_the_delays_are_exactly_those_of_the_backoff(rig: Rig, lifetimes: bool) -> None:
    """The first retry waits the base; then constant, times the failed attempt, or doubled, up to `max_delay`."""
    configs = [None if retries is None else {"retries": retries} for retries, _ in SCHEDULES]
    steps = all_failed(rig, configs, lifetimes=lifetimes)
    assert [delays(step) for step in steps] == [expected for _, expected in SCHEDULES]


def test_a_backoff_is_waited_for_in_full(rig: Rig) -> None:
    """A second before its time nothing happens; the instance is `waiting`, and says when it goes on."""
    calls = Failing(times=1)

    async def retried(_: Any, step: Any) -> Any:
        return await step.do("call", calls, config=once(1, delay="20 minutes"))

    instance = started(rig, retried)
    shown = instance.describe()
    assert shown.status == instance.status().status == "waiting"
    assert shown.next_wake == shown.steps[0].wake_at == shown.steps[0].attempts[0].retry_at
    new_lifetime(rig)
    rig.pass_time(1199)
    assert (calls.calls, instance.status().status) == (1, "waiting")
    new_lifetime(rig)
    rig.pass_time(1)
    assert (calls.calls, instance.status().output) == (2, 2)


def test_jitter_stays_within_its_bounds(rig: Rig) -> None:
    """Jitter j multiplies a delay with something from 1 - j to 1 + j, not always the same."""
    (step,) = all_failed(rig, [once(12, delay=100, backoff="constant", jitter=0.3)])
    found = delays(step)
    assert all(70 <= delay <= 130 for delay in found)
    assert len({round(delay, 3) for delay in found}) > 1


class OutOfPaperError(OSError):
    """A class of this module's own."""


CLASSES: list[tuple[Any, Exception, int]] = [
    ({"retry_on": OSError}, OutOfPaperError(), 3),
    ({"retry_on": [OSError, KeyError]}, KeyError("k"), 3),
    ({"retry_on": (OSError,)}, ValueError("v"), 1),
    ({"no_retry_on": OSError}, OutOfPaperError(), 1),
    ({"no_retry_on": [OSError]}, ValueError("v"), 3),
    ({"retry_on": OSError, "no_retry_on": OutOfPaperError}, OutOfPaperError(), 1),
    ({"retry_on": OSError, "no_retry_on": OutOfPaperError}, OSError(5, "io"), 3),
    ({"retry_on": NonRetryableError}, NonRetryableError("no"), 1),
]
"""What stands in `retries` beside a limit of 2, the error, and how many attempts that makes."""


def test_classes_say_which_errors_are_retried(rig: Rig) -> None:
    """`retry_on` and `no_retry_on` go by class, subclasses too; what is not retried ends the step at once."""
    callbacks = [Failing(error=error) for _, error, _ in CLASSES]
    steps = all_failed(rig, [once(2, **retry) for retry, _, _ in CLASSES], callbacks)
    found = [(step.error.name, len(step.attempts)) for step in steps]
    assert found == [(type(error).__name__, attempts) for _, error, attempts in CLASSES]


def test_the_last_attempts_error_is_thrown(rig: Rig) -> None:
    """`run` catches the error of the last attempt, of that attempt's class."""
    errors = [ValueError("one"), KeyError("two"), OutOfPaperError(28, "three")]

    async def body(step: Any) -> Any:
        def call(ctx: Any) -> None:
            raise errors[ctx.attempt - 1]

        error = await caught(step.do, "call", call, config=once(2))
        return [type(error) is OutOfPaperError, error.args]

    assert result_of(rig, body) == [True, (28, "three")]


async def _later(ctx: Any) -> str:
    await asyncio.sleep(0)
    return f"{ctx['attempt']} minutes"


FUNCTIONS: list[tuple[Any, str, list[float]]] = [
    (lambda ctx, error: ctx["attempt"] + len(str(error)), "constant", [10, 11]),
    (lambda ctx, error: "30 seconds", "constant", [30, 30]),
    (lambda error: timedelta(seconds=len(str(error))), "constant", [9, 9]),
    (lambda ctx: 4 * ctx.attempt, "linear", [4, 16]),
    (lambda: 4, "exponential", [4, 8]),
    (lambda: 0, "exponential", [0, 0]),
    (_later, "constant", [60, 120]),
]
"""A delay function, the backoff, and what comes of it."""


def test_a_delay_function_decides(rig: Rig) -> None:
    """It gets `ctx` and `error`, gives any duration or a promise of one, and the backoff multiplies that."""
    configs = [{"retries": {"limit": 2, "delay": delay, "backoff": backoff}} for delay, backoff, _ in FUNCTIONS]
    steps = all_failed(rig, configs, lifetimes=True)
    assert [delays(step) for step in steps] == [expected for _, _, expected in FUNCTIONS]


def test_a_delay_function_is_called_once_for_each_retry(rig: Rig) -> None:
    """Only when another attempt follows, whatever number of lifetimes pass until then."""
    asked: list[tuple[int, str, str]] = []

    def delay(ctx: Any, error: Exception) -> int:
        asked.append((ctx.attempt, ctx.step.name, str(error)))
        return 60

    all_failed(rig, [{"retries": {"limit": 2, "delay": delay, "backoff": "constant"}}], lifetimes=True)
    assert asked == [(1, "call 0", "failure 1"), (2, "call 0", "failure 2")]


def _broken() -> int:
    raise LookupError("no such table")


REFUSALS: list[tuple[Any, str]] = [
    (_broken, "threw an error: no such table"),
    (lambda: -1, "returned an invalid delay value"),
    (lambda: "soon", "returned an invalid delay value"),
    (lambda: None, "returned an invalid delay value"),
    (lambda: float("inf"), "returned an invalid delay value"),
    (lambda: float("nan"), "returned an invalid delay value"),
    (lambda: True, "returned an invalid delay value"),
]
"""A function that gives no delay, and what is said of it."""


def test_a_delay_function_that_fails_ends_the_step(rig: Rig) -> None:
    """At once, with NonRetryableDelayError; the attempt keeps its own error, and no retry."""
    steps = all_failed(rig, [{"retries": {"limit": 5, "delay": delay}} for delay, _ in REFUSALS])
    for number, (step, (_, reason)) in enumerate(zip(steps, REFUSALS, strict=True)):
        assert step.error.name == "NonRetryableDelayError"
        assert step.error.message.startswith(f'The delay function for step "call {number}-1" {reason}')
        (attempt,) = step.attempts
        assert (attempt.error.name, attempt.error.message, attempt.retry_at) == ("ValueError", "failure 1", None)


def test_a_delay_function_that_is_late_ends_the_step(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has five seconds, here fewer; sync or async, the step fails with what it had to say."""
    assert delay_functions.PATIENCE == 5
    monkeypatch.setattr(delay_functions, "PATIENCE", 0.05)
    gate = threading.Event()

    async def never() -> int:
        await asyncio.Event().wait()
        return 1

    steps = all_failed(rig, [{"retries": {"delay": delay}} for delay in (gate.wait, never)])
    gate.set()
    for number, step in enumerate(steps):
        assert step.error.name == "NonRetryableDelayError"
        assert step.error.message.startswith(f'The delay function for step "call {number}-1" did not return within')
        assert [(attempt.error.message, attempt.retry_at) for attempt in step.attempts] == [("failure 1", None)]


def test_a_retried_step_is_one_step(rig: Rig) -> None:
    """Attempts are no steps: the count of steps, and `retries` in the description, say so."""
    calls = Failing(times=2)

    async def retried(_: Any, step: Any) -> Any:
        return await step.do("call", calls, config=once(2))

    instance = started(rig, retried)
    shown = to_the_end(rig, instance)
    assert (shown.output, shown.step_count, shown.retries) == (3, 1, 2)
    assert [attempt.success for attempt in shown.steps[0].attempts] == [False, False, True]


def test_a_limit_may_be_as_high_as_the_setting_and_no_higher(rig: Rig) -> None:
    """10,000 retries, and no more."""

    async def body(step: Any) -> Any:
        error = await caught(step.do, "call", lambda: 1, config=once(10_001))
        return [type(error) is ValueError, str(error), await step.do("call", lambda: 2, config=once(10_000))]

    is_value_error, message, result = result_of(rig, body)
    assert (is_value_error, result) == (True, 2)
    assert "10,000" in message
    assert "limit" in message
