"""Delay functions: how they are called, and what is no answer."""

from __future__ import annotations

import asyncio
import functools
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from wf import delays
from wf.attempt import Attempt
from wf.core import Key, Kind, StepConfig
from wf.delays import delay_of
from wf.ends import failed
from wf.errors import NonRetryableDelayError, NonRetryableError
from wf.facts import InstanceRow, StepRow
from wf.faults import summary
from wf.status import StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable

ERROR = OSError("down")


def attempt_of(function: Any, attempt: int = 2, **config: Any) -> Attempt:
    """An attempt of a step whose delay is a function."""
    row = StepRow(1, Key(Kind.DO, "upload", 1), StepStatus.RUNNING, attempt=attempt)
    values: dict[str, Any] = dict.fromkeys(InstanceRow._fields) | {"workflow": "w", "id": "i-1", "generation": 1}
    parsed = StepConfig.parse("upload", {"retries": {"delay": function, **config}})
    return Attempt(InstanceRow(**values), row, parsed, 0.0, 0.0, 1_000)


def ask(function: Any) -> float:
    """What the function's delay is after `ERROR`."""
    delay = delay_of(attempt_of(function))
    assert delay is not None
    return delay(ERROR)


async def in_a_while(ctx: Any) -> float:
    """An async delay function."""
    await asyncio.sleep(0)
    return float(ctx.attempt)


@pytest.mark.parametrize(
    ("function", "delay"),
    [
        (lambda: 3, 3.0),
        (lambda told: told.ctx.attempt + told["ctx"]["attempt"], 4.0),
        (lambda told: len(str(told.error)) + len(str(told["error"])), 8.0),
        (lambda ctx: ctx.attempt, 2.0),
        (lambda error: 1 if isinstance(error, OSError) else 0, 1.0),
        (lambda error, ctx: ctx.attempt * len(error.args), 2.0),
        (lambda ctx: 7 if "delay" not in ctx.config["retries"] else 8, 7.0),
        (lambda: "1 minute", 60.0),
        (lambda: timedelta(minutes=2), 120.0),
        (lambda: 0, 0.0),
        (in_a_while, 2.0),
        (lambda told: in_a_while(told.ctx), 2.0),
        (functools.partial(lambda base, ctx: base * ctx.attempt, 10), 20.0),
    ],
)
def test_a_delay_function_is_told_what_it_asks_for(function: Any, delay: float) -> None:
    """Sync or async, by the names `ctx` and `error` or as one thing; the answer is any form of a duration."""
    assert ask(function) == delay


def test_a_fixed_delay_needs_no_function() -> None:
    """Nobody is asked then."""
    assert delay_of(attempt_of(5)) is None


INVALID = (
    'returned an invalid delay value (expected a number of seconds, a timedelta or a duration string like "30 seconds")'
)


def throw(error: BaseException) -> Callable[[], Any]:
    """A delay function that raises."""

    def function() -> Any:
        raise error

    return function


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (throw(ValueError("no idea")), "threw an error: no idea"),
        (throw(TimeoutError("own")), "threw an error: own"),
        (throw(KeyError()), "threw an error: KeyError"),
        (throw(SystemExit(3)), "threw an error: 3"),
        (lambda a, b: 1, "threw an error: "),
        (lambda: None, INVALID),
        (lambda: -1, INVALID),
        (lambda: float("nan"), INVALID),
        (lambda: float("inf"), INVALID),
        (lambda: True, INVALID),
        (lambda: "soon", INVALID),
        (lambda: timedelta(seconds=-1), INVALID),
        (lambda: [5], INVALID),
    ],
)
def test_what_is_no_answer_says_why(function: Any, reason: str) -> None:
    """The error names the step and what the function did; it is one that no step is retried after."""
    with pytest.raises(NonRetryableDelayError) as caught:
        ask(function)
    assert str(caught.value).startswith(f'The delay function for step "upload-1" {reason}')
    assert isinstance(caught.value, NonRetryableError)
    assert caught.value.__cause__ is not None
    assert (caught.value.step, caught.value.name) == ("upload-1", "NonRetryableDelayError")


def test_a_function_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sync or async, it has 5 seconds; a coroutine is cancelled."""
    assert delays.PATIENCE == 5
    monkeypatch.setattr(delays, "PATIENCE", 0.05)
    gate, cancelled = threading.Event(), threading.Event()

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    for function in (gate.wait, for_ever):
        with pytest.raises(NonRetryableDelayError, match='upload-1" did not return within'):
            ask(function)
    gate.set()
    assert cancelled.wait(10)


def test_the_answer_goes_through_the_backoff() -> None:
    """The second failed attempt waits twice as long, from the moment of the failure."""
    attempt = attempt_of(lambda: 3)
    row = failed(attempt.row, attempt.config, ERROR, now=100.0, delay=delay_of(attempt))
    assert (row.status, row.wake_at) == (StepStatus.RETRYING, 106.0)


def test_a_refusal_fails_the_step_and_leaves_the_attempt_its_own_error() -> None:
    """The row of the attempt says what the step said; that of the step, why it is not tried again."""
    attempt = attempt_of(throw(ValueError("no idea")))
    row = failed(attempt.row, attempt.config, ERROR, now=100.0, delay=delay_of(attempt))
    assert (row.status, row.wake_at, row.ended_at) == (StepStatus.ERRORED, None, 100.0)
    assert row.failure is not None
    assert row.error is not None
    assert summary(row.failure).message == "down"
    assert summary(row.error).name == "NonRetryableDelayError"


@pytest.mark.parametrize(
    ("config", "error"),
    [({"limit": 1}, ERROR), ({"no_retry_on": OSError}, ERROR), ({}, NonRetryableError("never"))],
)
def test_nobody_is_asked_when_no_attempt_follows(config: dict[str, Any], error: Exception) -> None:
    """After the last attempt, or an error that is not retried, there is no delay to ask for."""
    asked: list[Any] = []
    attempt = attempt_of(asked.append, **config)
    row = failed(attempt.row, attempt.config, error, now=100.0, delay=delay_of(attempt))
    assert (row.status, row.error, asked) == (StepStatus.ERRORED, row.failure, [])
