"""An event loop with a ready queue and nothing else.

`asyncio`'s own Task, Future, gather, TaskGroup and timeout run on any loop that has `call_soon`. This one has no
selector, no threads and no clock: callbacks wait in a deque, and time is what the journal says it is. Everything that
would reach the outside world raises `OutsideStepError`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from wf.errors import OutsideStepError, RestlessRunError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator
    from contextvars import Context

TURNS_MAX = 1_000_000
"""Callbacks between two results after which `run` counts as a busy loop."""


class CoreLoop(asyncio.AbstractEventLoop):
    """The loop of one pass.

    Args:
        on_timer: Called with each timer that `call_at` sets; the pass makes it durable.
        on_cancel: Called with each timer that is cancelled before it fires.
    """

    def __init__(
        self,
        on_timer: Callable[[asyncio.TimerHandle], None],
        on_cancel: Callable[[asyncio.TimerHandle], None],
    ) -> None:
        self._ready: deque[asyncio.Handle] = deque()
        self._on_timer, self._on_cancel = on_timer, on_cancel
        self._time = 0.0
        self.turning = False
        self.tasks: list[asyncio.Task[Any]] = []
        self.mishaps: list[str] = []

    def run_until_quiet(self) -> None:
        """Run ready callbacks until none is left.

        Raises:
            RestlessRunError: The callbacks never end.
        """
        ready, turns = self._ready, 0
        with self._entered():
            while ready:
                handle = ready.popleft()
                if not handle._cancelled:  # type: ignore[attr-defined]  # noqa: SLF001  # as asyncio's own loops do
                    handle._run()  # noqa: SLF001
                turns += 1
                if turns > TURNS_MAX:
                    raise RestlessRunError(TURNS_MAX)

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """Be the running loop of this thread, whatever loop ran before."""
        before = asyncio._get_running_loop()  # noqa: SLF001
        asyncio._set_running_loop(self)  # noqa: SLF001
        self.turning = True
        try:
            yield
        finally:
            self.turning = False
            asyncio._set_running_loop(before)  # noqa: SLF001

    def set_time(self, now: float) -> None:
        """Set the time that `time()` tells: that of the result which is fed next, in seconds since the epoch."""
        self._time = now

    def fire(self, handle: asyncio.TimerHandle) -> None:
        """Run a timer's callback in the next turn."""
        handle._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001  # as asyncio's own loops do
        self._ready.append(handle)

    def close_tasks(self) -> None:
        """Close every task that has not ended, so that nothing is left to run or to complain.

        Python runs their `finally` blocks; what these raise belongs to nobody, because the pass is thrown away.
        """
        with self._entered():
            for task in self.tasks:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
                    _close(task.get_coro())
            self._ready.clear()
        self.tasks.clear()

    # What asyncio's Task, Future and helpers need.

    def time(self) -> float:
        return self._time

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self.turning

    def is_closed(self) -> bool:
        return False

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._time + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if when <= self._time:
            self._ready.append(handle)
        else:
            handle._scheduled = True  # type: ignore[attr-defined]  # noqa: SLF001  # makes `cancel` tell us
            self._on_timer(handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._on_cancel(handle)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, Any] | Awaitable[Any], *, name: object = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        # A step call is a Future; `TaskGroup.create_task(step.do(...))` shall work as if it were a coroutine.
        body = _await(coro) if asyncio.isfuture(coro) else coro
        task: asyncio.Task[Any] = asyncio.Task(body, loop=self, name=str(name) if name else "run", context=context)  # type: ignore[arg-type]
        self.tasks.append(task)
        if len(self.tasks) > 64:  # forget the finished ones now and then
            self.tasks = [t for t in self.tasks if not t.done()]
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        detail = f": {type(error).__name__}: {error}" if error is not None else ""
        self.mishaps.append(f"{context.get('message', 'unhandled error')}{detail}")

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    async def shutdown_asyncgens(self) -> None:
        """Nothing to do: generators end with the pass."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing to do: there is no executor."""


def _close(coro: Any) -> None:
    try:
        coro.close()
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException:  # noqa: S110  # whatever a `finally` block raises while its pass is thrown away
        pass


async def _await(future: Awaitable[Any]) -> Any:
    return await future


_NAMES = {"getaddrinfo": "socket.getaddrinfo", "run_in_executor": "a thread (run_in_executor or asyncio.to_thread)"}


def _refuse(name: str) -> Callable[..., NoReturn]:
    def refuse(_self: CoreLoop, *_args: object, **_kwargs: object) -> NoReturn:
        raise OutsideStepError(_NAMES.get(name, f"the event loop's {name}"))

    refuse.__name__ = name
    return refuse


for _name in dir(asyncio.AbstractEventLoop):
    if not _name.startswith("_") and _name not in vars(CoreLoop):
        setattr(CoreLoop, _name, _refuse(_name))
