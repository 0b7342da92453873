"""The interceptor of tests: it looks up what a test wants of an instance, and does it to requests and attempts."""

from __future__ import annotations

import inspect
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wf.core import Kind
from wf.interceptor import Interceptor
from wf.testing.changes import Changes, Selected
from wf.testing.cutting import FirstPart, Uncuttable, first_statement, function_of

if TYPE_CHECKING:
    from collections.abc import Callable

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
        self._own: dict[tuple[str, str], Changes] = {}
        self._expecting: dict[int, InstanceRow] = {}

    # What tests say.

    def changes(self, workflow: str, id: str, key: int | None = None) -> Changes:
        """The changes to one instance.

        Args:
            workflow: Its workflow.
            id: Its id.
            key: Its key, if it was created already: then it begins with what was recorded for its workflow before.
        """
        with self._lock:
            if (held := self._changes.get((workflow, id))) is not None:
                return held
            if key is None:  # who knows what will be recorded for its workflow until it is created
                return self._own.setdefault((workflow, id), Changes())
            common = [changes for after, changes in self._recorded.get(workflow, ()) if key > after]
            made = common[-1].copied() if common else Changes()
            made.take(self._own.pop((workflow, id), Changes()))
            self._changes[workflow, id] = made
            return made

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
            self._own.pop((workflow, id), None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._changes.clear()
            self._recorded.clear()
            self._own.clear()
            self._expecting.clear()

    def expecting(self, key: int) -> InstanceRow | None:
        """The instance of this key, if it has waited for a type of event that is mocked."""
        with self._lock:
            return self._expecting.get(key)

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
            case Kind.WAIT if request.event_type in changes.events:
                with self._lock:
                    self._expecting[instance.key] = instance
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
            try:
                self.cut(request, result) if crash == "during" else result()
            except Uncuttable:
                raise
            except Exception:  # noqa: S110  # whatever it has come to, nobody lives to record it
                pass
        raise WorkerCrash(attempt)

    def _of(self, instance: InstanceRow) -> Changes:
        return self.changes(instance.workflow, instance.id, instance.key)

    def cut(self, request: Request, result: Callable[[], Any]) -> Any:
        """Run the callback up to its middle.

        Raises:
            Uncuttable: Nobody can say where that is.
        """
        callback = request.callback
        assert callback is not None, "a `do` has one"
        if inspect.iscoroutinefunction(inspect.unwrap(function_of(callback))):
            request.callback = FirstPart(callback)
            return result()
        return first_statement(callback, result)
