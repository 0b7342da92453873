"""One pass of `run`: results in, requests or an outcome out."""

from __future__ import annotations

import asyncio
import inspect
import zlib
from dataclasses import dataclass
from threading import get_ident
from typing import TYPE_CHECKING, Any

from wf.core.chance import Chance
from wf.core.history import Event, Key, Kind, Request, Result, Rollback
from wf.core.limits import Limits
from wf.core.loop import CoreFuture, CoreLoop, is_sleep, told_to_stop
from wf.core.retry import DEFAULT
from wf.core.step import Step
from wf.errors import NestedStepError, RollbackPhaseError, StepAfterEndError, StepError, StepLimitError, StuckRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wf.core.history import ReceivedEvent


@dataclass(frozen=True, slots=True)
class Completed:
    """`run` returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """`run` raised."""

    error: BaseException


Outcome = Completed | Failed

LIMITS = Limits()

_DO = Kind.DO  # members of an enum are slow to look up


class Pass:
    """One execution of `run`, suspended between two results.

    A pass belongs to one thread at a time. It never touches the journal: its owner feeds what the journal holds and
    carries out what the pass asks for.

    Args:
        run: The author's `run(event, step)`, async or not.
        event: What it is handed.
        at: When the instance started, in seconds since the epoch: the first time the loop tells.
        limits: How much it may ask for.
        seed: What its random numbers come from; the same in every pass of an instance.
        received: Makes what a wait gives of the event that it got; what it raises, the wait raises.
        asked: Told of each request, once, when `run` asks for it; it may change the request.

    Attributes:
        step: The `step` object that `run` is handed.
        began_at: As `at` was given.
        limits: As given.
        chance: Its random numbers.
        rollbacks: How to undo each step that was asked for with a handler; they outlive the eviction.
        outcome: How `run` ended, or None.
        ended_by: The result after which it ended; None if it needed none.
        warnings: Sentences for the person who looks at the instance.
    """

    def __init__(
        self,
        run: Callable[[Event, Step], Any],
        event: Event,
        *,
        at: float = 0.0,
        limits: Limits = LIMITS,
        seed: bytes | str = "",
        received: Callable[[ReceivedEvent], ReceivedEvent] | None = None,
        asked: Callable[[Request], None] | None = None,
    ) -> None:
        # Other instances begin with another hash, lest all of them meet in asyncio's set of all tasks.
        salt = zlib.crc32(str(event.get("instanceId")).encode("utf-8", "replace"))
        self.loop = CoreLoop(self._set_timer, self._drop_timer, first_hash=salt)  # type: ignore[abstract]
        self.loop.now = self.began_at = at
        self.limits, self.chance = limits, Chance(seed)
        self.rollbacks: dict[Key, Rollback] = {}
        self.step = Step(self)
        self.outcome: Outcome | None = None
        self.ended_by: Key | None = None
        self.warnings: list[str] = []
        self._pending: dict[Key, Request] = {}
        self._asked: list[Request] | None = None
        self._counts: dict[Kind, dict[str, int]] = {kind: {} for kind in Kind}
        self._early: dict[Key, Result] = {}
        self._timers: dict[int, Key] = {}
        self._failed: list[tuple[Key, asyncio.Future[Any]]] = []
        self._max_steps, self._steps = limits.steps, 0
        self._rolls_back, self._received, self._tell = False, received, asked
        with self.loop.entered():
            self._main = self.loop.create_task(_main(run, event, self.step))
            self._turn()

    def feed(self, *results: Result) -> None:
        """Take the next results of the journal, in their order, and run to quiet after each."""
        with self.loop.entered():
            for result in results:
                key = result.key
                if self.outcome is not None:
                    if not self.asked(key):  # the others came too late to have a part in it
                        self._early[key] = result
                    continue
                self.loop.now = result.at
                request = self._pending.pop(key, None)
                if request is not None:
                    self._settle(request, result)
                    self._turn()
                    self.ended_by = key if self.ended else None
                elif not self.asked(key):
                    self._early[key] = result

    @property
    def ended(self) -> bool:
        """Whether `run` has ended."""
        return self.outcome is not None

    def requests(self) -> list[Request]:
        """What `run` waits for now, in the order in which it asked. Do not change the list."""
        if self._asked is None:
            withdrawn = [key for key, one in self._pending.items() if one.future is not None and one.future.done()]
            for key in withdrawn:
                del self._pending[key]
            self._asked = list(self._pending.values())
        return self._asked

    @property
    def unreached(self) -> list[Key]:
        """Journaled results that the code has not asked for."""
        return list(self._early)

    def asked(self, key: Key) -> bool:
        """Whether `run` has asked for this key in this pass, whether it still wants it or not."""
        return key.count <= self._counts[key.kind].get(key.name, 0)

    def evict(self) -> None:
        """Throw the pass away. `finally` blocks run, and what they await never comes."""
        self.loop.close()
        self._pending.clear()
        self._asked = None
        self._timers.clear()

    def end_for_rollback(self) -> None:
        """Throw the pass away but for `rollbacks`; whoever calls a step from now on is told that this cannot be."""
        self._rolls_back = True
        self.evict()

    def fail_stuck(self) -> None:
        """End the run: it waits for something that neither step nor sleep will ever give."""
        self.outcome = Failed(StuckRunError())
        self.evict()

    # What `Step` and the loop call.

    def request(self, kind: Kind, name: str, *what: Any, **more: Any) -> asyncio.Future[Any]:
        """Register a request under the next key of its kind and name; the rest is what a `Request` has.

        Raises:
            NestedStepError: The call does not come from `run`.
            StepAfterEndError: `run` has ended.
            RollbackPhaseError: Steps are being undone.
            StepLimitError: Too many steps.
        """
        if self.loop.thread != get_ident():  # as `check_caller` does, without the call
            self.check_caller(name)
        future = CoreFuture(loop=self.loop)
        if self.loop.closing:
            return future
        if kind is _DO:
            if self._steps >= self._max_steps:
                raise StepLimitError(self._max_steps)
            self._steps += 1
        self._register(kind, name, future, *what, **more)
        return future

    def check_caller(self, name: str) -> None:
        """Refuse a step call that does not come from `run` while it runs."""
        if self.loop.thread != get_ident() and not self.loop.refused:
            if self._rolls_back:
                raise RollbackPhaseError(name)
            raise StepAfterEndError(name) if self.outcome is not None else NestedStepError(name)

    def _register(self, kind: Kind, name: str, *what: Any, **more: Any) -> None:
        counts = self._counts[kind]
        counts[name] = count = counts.get(name, 0) + 1
        key = Key(kind, name, count)
        request = Request(key, *what, **more)
        if self._tell is not None:
            self._tell(request)
        if more:  # a plain step has nothing more
            if request.handle is not None:
                self._timers[id(request.handle)] = key
            elif request.rollback is not None:
                self.rollbacks[key] = Rollback(request.rollback, request.rollback_config or DEFAULT)
        if self._early and (early := self._early.pop(key, None)) is not None:
            self._settle(request, early)
        else:
            self._pending[key] = request

    def _set_timer(self, handle: asyncio.TimerHandle) -> None:
        if self.loop.closing:
            return
        delay, times_out = handle.when() - self.loop.now, not is_sleep(handle)
        self._register(Kind.TIMER, "timer", delay=delay, handle=handle, times_out=times_out)

    def _drop_timer(self, handle: asyncio.TimerHandle) -> None:
        if (key := self._timers.pop(id(handle), None)) is not None:
            self._pending.pop(key, None)

    def _settle(self, request: Request, result: Result) -> None:
        future = request.future
        if future is None:
            assert request.handle is not None, "only timers have no future"
            self._timers.pop(id(request.handle), None)
            self.loop.fire(request.handle)
            return
        if future.done():
            return  # cancelled by `run`, in a race for example
        value, error = result.value, result.error
        if self._received is not None and error is None and request.key.kind is Kind.WAIT:
            try:
                value = self._received(value)
            except Exception as unfit:  # whatever a validator raises
                error = unfit
        if error is not None:
            future.set_exception(_for_coroutines(error))
            self._failed = [(key, other) for key, other in self._failed if _untaken(other)]
            self._failed.append((request.key, future))
        else:
            future.set_result(value)

    def _turn(self) -> None:
        self._asked = None
        try:
            self.loop.run_until_quiet()
        except BaseException as error:  # RestlessRunError, and what asyncio lets through: an author's sys.exit()
            if told_to_stop(error):
                raise
            self.outcome = Failed(error)
        if self.outcome is None and self._main.done():
            self._end()
        if self.outcome is not None:
            self.evict()

    def _end(self) -> None:
        if self._main.cancelled():
            self.outcome = Failed(asyncio.CancelledError("run was cancelled by its own code"))
        elif (error := self._main.exception()) is not None:
            self.outcome = Failed(error)
        else:
            self.outcome = Completed(self._main.result())
            self._warn_unawaited(request.key for request in self.requests() if request.future is not None)
        self.warnings += self.loop.mishaps

    def _warn_unawaited(self, keys: Iterable[Key]) -> None:
        names = ", ".join(map(str, keys))
        if names:
            self.warnings.append(f"run ended without awaiting {names}; cancelled. Await every step.")
        for key, future in self._failed:
            if _untaken(future):
                error = future.exception()  # which takes it: asyncio need not complain of it, too
                what = f"{key}, which failed with {type(error).__name__}: {error}"
                self.warnings.append(f"run ended without awaiting {what}. Await every step.")


async def _main(run: Callable[[Event, Step], Any], event: Event, step: Step) -> Any:
    answer = run(event, step)
    return await answer if inspect.isawaitable(answer) else answer


def _untaken(future: asyncio.Future[Any]) -> bool:
    """Whether nobody has asked for the error of a future yet."""
    return future._log_traceback  # noqa: SLF001  # nothing else tells


def _for_coroutines(error: BaseException) -> BaseException:
    """The error as a coroutine can be told of it: a StopIteration would end what awaits the step, and say nothing."""
    if not isinstance(error, StopIteration):
        return error
    told = StepError(type(error).__name__, str(error))
    told.__cause__ = error
    return told
