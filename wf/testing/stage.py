"""The interceptor of tests: it looks up what a test wants of an instance, and does it to requests and attempts."""

from __future__ import annotations

import inspect
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wf.core import Kind
from wf.interceptor import Interceptor
from wf.testing.changes import Changes, Selected

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from wf.attempt import Attempt
    from wf.core import Request
    from wf.facts import InstanceRow


class WorkerCrash(SystemExit):
    """The worker dies here, as by SIGKILL: an order to the process, so no attempt is failed by it."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(f"a test crashed the worker in step {str(attempt.row.key)!r}")
        self.attempt = attempt


class Stage(Interceptor):
    """What a test wants of its instances.

    Attributes:
        strict: Whether an instance is paused whose replay differs from its journal.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self._lock = threading.Lock()
        self._changes: dict[tuple[str, str], Changes] = {}
        self._recorded: dict[str, list[tuple[int, Changes]]] = {}
        self._events: list[tuple[InstanceRow, str, str, Any]] = []
        self._waits: set[tuple[int, int, Selected]] = set()
        self._dead: list[Any] = []

    # What tests say.

    def changes(self, workflow: str, id: str, key: int | None = None) -> Changes:
        """The changes to one instance.

        Args:
            workflow: Its workflow.
            id: Its id.
            key: Its key, if it was created already: then it begins with what was recorded for its workflow before.
        """
        with self._lock:
            if (held := self._changes.get((workflow, id))) is None:
                common = [changes for after, changes in self._recorded.get(workflow, ()) if key is None or key > after]
                held = self._changes[workflow, id] = common[-1].copied() if common else Changes()
            return held

    def record(self, workflow: str, changes: Changes, after: int) -> None:
        """Note changes for all instances of a workflow with a greater key than this."""
        with self._lock:
            self._recorded.setdefault(workflow, []).append((after, changes.copied()))

    def forget(self, workflow: str) -> None:
        """Note nothing any more for instances that are created from now on."""
        with self._lock:
            self._recorded.pop(workflow, None)

    def drop(self, workflow: str, id: str) -> None:
        """Forget the changes to an instance."""
        with self._lock:
            self._changes.pop((workflow, id), None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._changes.clear()
            self._recorded.clear()
            self._events.clear()
            self._waits.clear()

    def owed(self) -> list[tuple[InstanceRow, str, str, Any]]:
        """Mocked events to send now: the instance, the event's id and type, the payload."""
        with self._lock:
            events, self._events = self._events, []
            return events

    # What the engine asks.

    def asked(self, instance: InstanceRow, request: Request) -> None:
        """Let sleeps and waits be over at once, and note which mocked events are wanted."""
        changes, step = self._of(instance), Selected(request.key.name, request.key.count)
        match request.key.kind:
            case Kind.SLEEP:
                request.at_once = changes.skips_sleep(step)
            case Kind.TIMER:
                request.at_once = changes.all_sleeps_off and not request.times_out
            case Kind.WAIT if step in changes.late:
                request.at_once = True
            case Kind.WAIT:
                self._want_event(instance, changes, step, request.event_type)
            case _:
                pass

    def call(self, attempt: Attempt, request: Request, result: Callable[[], Any]) -> Any:
        """Crash, fail or answer in place of the callback, as the test wants; else call it."""
        if request.key.kind is not Kind.DO:
            return result()
        changes, step = self._of(attempt.instance), Selected(request.key.name, request.key.count)
        if changes.skips_delay(step):
            attempt.config = replace(attempt.config, delay=0.0, delay_function=None)
        crash, error = changes.crash(step), changes.fault(step, attempt.row.attempt)
        if crash == "before" or (crash is not None and error is not None):  # the callback is not called
            raise WorkerCrash(attempt)
        if error is not None:
            raise error.with_traceback(None)
        if crash is None:
            return changes.results[step] if step in changes.results else result()
        if step not in changes.results:
            with suppress(Exception):  # whatever it has come to, nobody lives to record it
                self.cut(request, result) if crash == "during" else result()
        raise WorkerCrash(attempt)

    def _of(self, instance: InstanceRow) -> Changes:
        return self.changes(instance.workflow, instance.id, instance.key)

    def _want_event(self, instance: InstanceRow, changes: Changes, step: Selected, type: str) -> None:
        with self._lock:
            wait = (instance.key, instance.generation, step)
            if not changes.events.get(type) or wait in self._waits:
                return
            self._waits.add(wait)
            number = sum(1 for key, generation, _ in self._waits if (key, generation) == wait[:2])
        if (event := changes.event(type, number)) is not None:
            id = f"mocked-{instance.generation}-{type}-{number}"
            with self._lock:
                self._events.append((instance, id, type, event[0]))

    def cut(self, request: Request, result: Callable[[], Any]) -> Any:
        """Run the callback up to its middle."""
        callback = request.callback
        assert callback is not None, "a `do` has one"
        if inspect.iscoroutinefunction(callback):
            request.callback = _FirstPart(callback, self._dead)
            return result()
        return _first_line(callback, result)


class _FirstPart:
    """An async callback up to where it waits for something; what it holds is never let go, as in a dead process."""

    def __init__(self, callback: Callable[..., Any], dead: list[Any]) -> None:
        self._callback, self._dead = callback, dead
        self.__signature__ = inspect.signature(callback)

    async def __call__(self, *args: Any, **named: Any) -> None:
        body = self._callback(*args, **named)
        self._dead.append(body)
        with suppress(StopIteration):
            body.send(None)


class _Cut(BaseException):
    """The first line has run; no `except Exception` of the callback may stop this."""


def _first_line(callback: Callable[..., Any], result: Callable[[], Any]) -> Any:
    """Run a sync callback until its first line has run."""
    code: CodeType | None = getattr(inspect.unwrap(callback), "__code__", None)
    lines: set[int] = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is not code:
            return None
        if event == "line":
            lines.add(frame.f_lineno)
            if len(lines) > 1:
                raise _Cut
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return result()
    except _Cut:
        return None  # nobody will see it: the worker crashes next
    finally:
        sys.settrace(before)
