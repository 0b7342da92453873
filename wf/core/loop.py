# ruff: noqa: D102  (most methods are asyncio's own words)
"""An event loop with a ready queue and nothing else.

`asyncio`'s own Task, Future, gather, TaskGroup and timeout run on any loop that has `call_soon`. This one has no
selector, no threads and no clock: callbacks wait in a deque, and time is what the journal says it is. Everything that
would reach the outside world raises `OutsideStepError`.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakSet

from wf.core.order import UNORDERED, siblings
from wf.errors import Evicted, OutsideStepError, RestlessRunError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
    from contextvars import Context

TURNS_MAX = 1_000_000
"""Callbacks between two results after which `run` counts as a busy loop."""

THROWS_MAX = 20_000
"""How often a task that is thrown away may catch everything and await again."""


class CoreFuture(asyncio.Future[Any]):
    """A future whose place in a set is the same in every pass.

    `wait` gives sets, and authors iterate over them. By default the order would be that of memory addresses.
    """

    __slots__ = ("_hash",)

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            loop: Any = self.get_loop()
            self._hash: int = loop.next_hash()
            return hash(self)


class CoreTask(asyncio.Task[Any]):
    """A task whose place in a set is the same in every pass."""

    __slots__ = ("_hash",)

    __hash__ = CoreFuture.__hash__


class CoreLoop(asyncio.AbstractEventLoop):
    """The loop of one pass.

    Args:
        on_timer: Called with each timer that `call_at` sets; the pass makes it durable.
        on_cancel: Called with each timer that is cancelled before it fires.
        first_hash: Hash of the first future that is put into a set, the same in every pass of an instance.

    Attributes:
        now: The time that `time()` tells: that of the last result, in seconds since the epoch.
        thread: The thread that runs `run` at this moment, or 0.
        closing: Whether the pass is being thrown away, or was.
        refused: Whether a task refused to end then; Python will try again when it collects it.
        next_hash: Gives the hash of the next future.
        mishaps: Errors that belong to nobody, as text.
    """

    def __init__(
        self,
        on_timer: Callable[[asyncio.TimerHandle], None],
        on_cancel: Callable[[asyncio.TimerHandle], None],
        first_hash: int = 0,
    ) -> None:
        self._ready: deque[asyncio.Handle] = deque()
        self._on_timer, self._on_cancel = on_timer, on_cancel
        self.now = 0.0
        self._tasks: list[asyncio.Task[Any]] = []
        self._tasks_max = 64
        self._in_order: dict[int, asyncio.Task[Any]] = {}
        self._generators: WeakSet[AsyncGenerator[Any, Any]] = WeakSet()
        self.next_hash = itertools.count(first_hash).__next__
        self.thread = 0
        self.closing = False
        self.refused = False
        self.mishaps: list[str] = []

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be the running loop of this thread, whatever loop ran before."""
        before = asyncio._get_running_loop(), self.thread, sys.get_asyncgen_hooks()  # noqa: SLF001
        asyncio._set_running_loop(self)  # noqa: SLF001
        sys.set_asyncgen_hooks(self._generators.add, self._finish)
        self.thread = threading.get_ident()
        try:
            yield
        finally:
            loop, self.thread, hooks = before
            sys.set_asyncgen_hooks(*hooks)
            asyncio._set_running_loop(loop)  # noqa: SLF001

    def run_until_quiet(self) -> None:
        """Run ready callbacks until none is left; only while `entered`.

        Raises:
            RestlessRunError: The callbacks never end.
        """
        ready, turns = self._ready, 0
        while ready:
            handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001  # as asyncio's own loops do
                handle._run()  # noqa: SLF001
            turns += 1
            if turns > TURNS_MAX:
                raise RestlessRunError(TURNS_MAX)

    def fire(self, handle: asyncio.TimerHandle) -> None:
        """Run a timer's callback in the next turn."""
        self._ready.append(handle)

    def close(self) -> None:
        """End every task and generator that has not ended, so that nothing is left to run or to complain.

        Their `finally` blocks run; what these raise belongs to nobody, because the pass is thrown away.
        """
        with self.entered():
            self.closing = True
            while self._tasks:
                tasks, self._tasks = self._tasks, []
                for task in tasks:
                    if not task.done():
                        self._end(task.get_coro())
            for generator in list(self._generators):
                self._finish(generator)
        self._ready.clear()

    def _finish(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Let a generator that nobody iterates any more run its `finally` blocks."""
        if self.closing:
            with self.entered():
                self._end(generator.aclose())
        else:
            self.create_task(generator.aclose())

    def _end(self, coro: Any) -> None:
        """End a coroutine where it waits, and again where its `finally` blocks wait."""
        for _ in range(THROWS_MAX):
            try:
                coro.throw(Evicted())
            except BaseException as error:
                if told_to_stop(error):
                    raise
                return
        self.refused = True

    # What asyncio's Task, Future and helpers need.

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return bool(self.thread)

    def is_closed(self) -> bool:
        return self.closing

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if when <= self.now:
            self._ready.append(handle)
        else:
            self._on_timer(handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._on_cancel(handle)

    def create_future(self) -> asyncio.Future[Any]:
        return CoreFuture(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, Any] | Awaitable[Any],
        *,
        name: object = None,
        context: Context | None = None,
        **options: Any,
    ) -> asyncio.Task[Any]:
        if asyncio.isfuture(coro):
            # `TaskGroup.create_task(step.do(...))` shall work as if a step call were a coroutine.
            coro = _await(coro)
        elif (given := siblings()) is not None:
            if isinstance(given, list | tuple):
                for one in given:
                    if asyncio.iscoroutine(one) and id(one) not in self._in_order:
                        self._in_order[id(one)] = self._start(one, name, context, options)
            elif UNORDERED not in self.mishaps:
                self.mishaps.append(UNORDERED)
        if self._in_order and (started := self._in_order.pop(id(coro), None)) is not None:
            return started
        return self._start(coro, name, context, options)

    def _start(self, coro: Any, name: object, context: Context | None, options: dict[str, Any]) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = CoreTask(
            coro, loop=self, name=str(name) if name else "run", context=context, **options
        )
        self._tasks.append(task)
        if len(self._tasks) > self._tasks_max:  # forget the finished ones now and then
            self._tasks = [t for t in self._tasks if not t.done()]
            self._tasks_max = 2 * len(self._tasks) + 64
        return task

    def get_task_factory(self) -> None:
        """There is none; libraries ask before they do what is refused with a better message."""

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


def told_to_stop(error: BaseException) -> bool:
    """Whether an error tells the worker to stop; in a thread it can only be an author's `sys.exit()`."""
    orders = (SystemExit, KeyboardInterrupt)
    return isinstance(error, orders) and threading.current_thread() is threading.main_thread()


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


def is_sleep(handle: asyncio.TimerHandle) -> bool:
    """Whether a timer is that of `asyncio.sleep`, which sets a future and ends nothing."""
    return handle._callback is asyncio.futures._set_result_unless_cancelled  # type: ignore[attr-defined]  # noqa: SLF001
