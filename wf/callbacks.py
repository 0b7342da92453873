"""Calling authors' callbacks: async ones on one event loop of the process, sync ones on the caller's thread.

All async callbacks share the loop, so that clients and pools can be shared between steps.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from wf.context import StepContext, call, call_with
from wf.errors import AttemptStopped, StepError, WorkflowTimeoutError
from wf.logfields import about_attempt, speaking_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wf.attempt import Attempt
    from wf.core import Request

log = structlog.get_logger("wf")


class Callbacks:
    """Calls them, and waits for what they give."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def result(self, attempt: Attempt, request: Request, begin: Callable[[], Any] | None) -> Any:
        """Call a step's callback.

        Args:
            attempt: Which attempt it is.
            request: What `run` asked for.
            begin: Gives what a sync callback gets as its first argument, if it gets one beside its context.

        Raises:
            concurrent.futures.CancelledError: The coroutine was cancelled.
            BaseException: Whatever the callback raised; WorkflowTimeoutError if it is async and took too long.
        """
        with ExitStack() as around:
            around.enter_context(speaking_of(**about_attempt(attempt.row)))  # the instance is said further out
            if attempt.lines is not None:
                around.enter_context(attempt.lines.current())
            if attempt.span is not None:
                around.enter_context(attempt.span.current())
            return self._call(attempt, request, begin)

    def _call(self, attempt: Attempt, request: Request, begin: Callable[[], Any] | None) -> Any:
        def context() -> StepContext:
            return StepContext(attempt)

        if begin is not None:
            connection = begin()
            with _no_exit():
                result = call_with(connection, request, context)
            if inspect.iscoroutine(result):
                result.close()  # it cannot be stored, which the error will say
            return result
        if attempt.is_async:
            return self._on_loop(attempt, lambda: call(request, context))
        with _no_exit():
            result = call(request, context)
        return self._on_loop(attempt, lambda: result) if inspect.isawaitable(result) else result

    def _on_loop(self, attempt: Attempt, make: Callable[[], Any]) -> Any:
        async def body() -> Any:
            # Before the cancellation, so that what the callback does in its `finally` knows why, and its threads, too.
            warning = asyncio.get_running_loop().call_later(seconds, attempt.cancelled.set)
            try:
                async with asyncio.timeout(seconds) as limit:
                    with _no_exit():
                        return await make()
            except (TimeoutError, AttemptStopped):
                if limit.expired():
                    raise WorkflowTimeoutError(attempt.config.timeout, f"an attempt of {attempt.row.key}") from None
                raise
            finally:
                warning.cancel()

        seconds = attempt.deadline - time.monotonic()
        future = asyncio.run_coroutine_threadsafe(body(), self._event_loop())
        attempt.future = future
        if attempt.stopped:
            future.cancel()
        return future.result()

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            with self._lock:
                if self._loop is None:
                    self._loop = _start_loop()
        return self._loop

    def close(self) -> None:
        """Stop the loop."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)


@contextmanager
def _no_exit() -> Iterator[None]:
    """An author's `sys.exit()` fails the attempt; it does not end the worker.

    On the main thread (prefork, solo) it may be the worker's own order to stop, which must pass.
    """
    try:
        yield
    except (SystemExit, KeyboardInterrupt) as error:
        if threading.current_thread() is threading.main_thread():
            raise
        raise StepError(type(error).__name__, f"the callback called for the end of the process ({error})") from error


def _start_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        while not stopped(loop):
            log.warning("an author's task called for the end of the process; the event loop of steps goes on")
        loop.close()

    def stopped(loop: asyncio.AbstractEventLoop) -> bool:
        try:
            loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            return False
        return True

    threading.Thread(target=serve, name="wf-steps", daemon=True).start()
    return loop
