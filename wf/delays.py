"""Delay functions: an author's own answer to how long to wait before the next attempt."""

from __future__ import annotations

import asyncio
import inspect
import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from wf.calling import call_named
from wf.context import StepContext
from wf.core.history import Fields
from wf.durations import seconds
from wf.errors import NonRetryableDelayError
from wf.faults import encode_error, summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.attempt import Attempt

PATIENCE = 5.0
"""Seconds that a delay function may take."""


_INVALID = (
    'returned an invalid delay value (expected a number of seconds, a timedelta or a duration string like "30 seconds")'
)


class DelayContext(Fields):
    """What a delay function is told: `ctx`, the context of the attempt that failed, and its `error`."""

    __slots__ = ()


def delay_of(attempt: Attempt) -> Callable[[BaseException], float] | None:
    """What gives the delay, in seconds, after this attempt has failed with an error; None if it is a fixed one.

    It runs the author's function on a thread of its own, so that it can be given up, and raises NonRetryableDelayError
    if that throws, takes longer than 5 seconds, or returns something else than a duration.
    """
    function, step = attempt.config.delay_function, str(attempt.row.key)
    if function is None:
        return None

    def ask(error: BaseException) -> float:
        context = StepContext(attempt)
        told = DelayContext(ctx=context, error=error)
        answer = _answer(step, lambda: call_named(function, told, told))
        try:
            return seconds(answer)
        except Exception as fault:  # even its repr is the author's
            raise NonRetryableDelayError(step, _INVALID) from fault

    return ask


def _answer(step: str, call: Callable[[], Any]) -> Any:
    answer: Future[Any] = Future()

    def work() -> None:
        try:
            answer.set_result(_outcome(call))
        except BaseException as fault:  # whatever it is, it is the answer
            answer.set_exception(fault)

    threading.Thread(target=work, name="wf-delay", daemon=True).start()
    done, _ = wait([answer], PATIENCE)
    fault = answer.exception() if done else None
    if not done or isinstance(fault, _Late):
        raise NonRetryableDelayError(step, f"did not return within {PATIENCE:.0f} seconds")
    if fault is not None:
        found = summary(encode_error(fault))
        raise NonRetryableDelayError(step, f"threw an error: {found.message or found.name}") from fault
    return answer.result()


class _Late(Exception):
    """A coroutine was given up."""


def _outcome(call: Callable[[], Any]) -> Any:
    found = call()
    return asyncio.run(_awaited(found)) if inspect.isawaitable(found) else found


async def _awaited(found: Any) -> Any:
    try:
        async with asyncio.timeout(PATIENCE) as limit:
            return await found
    except TimeoutError:
        if limit.expired():
            raise _Late from None
        raise
