"""`m`: what a test hands its wishes to. The methods are those of Cloudflare's test API, in Python's spelling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, get_args

from wf.codec import encode
from wf.core.names import check_event_type, check_name
from wf.errors import WfError, WorkflowTimeoutError
from wf.testing.changes import Faults, Selected, When

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wf.testing.changes import Changes

Selector = str | tuple[str, int] | Mapping[str, Any]
"""A step: its name, `(name, index)` or `{"name":, "index":}`; the index counts occurrences, and is 1 by default."""

__tracebackhide__ = True  # of what fails here pytest shows the line of the test


class InvalidModification(WfError, ValueError):
    """A change to an instance that cannot be."""

    code = "testing.invalid_modification"


class Modifier:
    """Changes how an instance runs. Every method gives the modifier back, so that calls can be chained.

    Within an attempt a mocked error comes first, then a forced timeout, a mocked result, and last the real callback.
    A crash of the worker is apart from these. All changes stay over a restart.

    Args:
        changes: Where they are noted.
    """

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def disable_sleeps(self, steps: Iterable[Selector] | None = None) -> Modifier:
        """Let sleeps be over at once: these, or all, and then also `asyncio.sleep` in `run`."""
        if steps is None:
            self._changes.all_sleeps_off = True
        else:
            self._changes.sleeps_off |= set(map(selected, _listed(steps)))
        return self

    def disable_retry_delays(self, steps: Iterable[Selector] | None = None) -> Modifier:
        """Let steps be retried at once, these or all; how often stays as it is."""
        if steps is None:
            self._changes.all_delays_off = True
        else:
            self._changes.delays_off |= set(map(selected, _listed(steps)))
        return self

    def mock_step_result(self, step: Selector, value: Any) -> Modifier:
        """Let a step give this value, whatever it is, without calling its callback.

        Raises:
            InvalidModification: The step has got a result before.
            SerializationError: The value cannot be stored, so no step could give it.
        """
        which = selected(step)
        if which in self._changes.results:
            raise InvalidModification(f"Trying to mock step {which.name!r} multiple times! It has a result already.")
        encode(value, what=f"The mocked result of step {which.name!r}")
        self._changes.results[which] = value
        return self

    def mock_step_error(
        self, step: Selector, error: BaseException | type[BaseException], times: int | None = None
    ) -> Modifier:
        """Let attempts of a step fail with this error, without calling its callback; the usual rules of retries hold.

        Args:
            step: Which step.
            error: What it fails with.
            times: How many attempts; None for all. Called again, it goes on with the attempts after these.

        Raises:
            InvalidModification: The step's result is mocked already: mock errors first.
        """
        which = self._before_result(step, "mock error on")
        error = error() if isinstance(error, type) else error
        if not isinstance(error, Exception):
            raise InvalidModification(f"The mocked error of step {which.name!r} must be an Exception, not {error!r}.")
        self._changes.errors.setdefault(which, Faults()).add(error, _times(times))
        return self

    def force_step_timeout(self, step: Selector, times: int | None = None) -> Modifier:
        """Let attempts of a step time out at once, without calling its callback.

        Args:
            step: Which step.
            times: How many attempts; None for all. Called again, it goes on with the attempts after these.

        Raises:
            InvalidModification: The step's result is mocked already: force timeouts first.
        """
        which = self._before_result(step, "force timeout on")
        error = WorkflowTimeoutError(0.0, f"an attempt of {which.name}-{which.index}, forced by a test")
        self._changes.timeouts.setdefault(which, Faults()).add(error, _times(times))
        return self

    def mock_event(self, event: Mapping[str, Any] | None = None, /, *, type: str = "", payload: Any = None) -> Modifier:
        """Have an event ready for the next wait of its type that has none yet: `{"type":, "payload":}`, or keywords."""
        if event is not None:
            if unknown := set(event) - {"type", "payload"}:
                raise InvalidModification(f"mock_event() takes `type` and `payload`, not {sorted(map(str, unknown))}.")
            type, payload = event.get("type", ""), event.get("payload")
        check_event_type(type)
        encode(payload, what=f"The payload of the mocked event {type!r}")
        self._changes.events.setdefault(type, []).append(payload)
        return self

    def force_event_timeout(self, step: Selector) -> Modifier:
        """Let a `wait_for_event` time out at once, even if an event is there; its message shows the real timeout."""
        self._changes.late.add(selected(step))
        return self

    def crash_worker(self, step: Selector, at: When = "during", times: int = 1) -> Modifier:
        """Let the worker die, as by SIGKILL, with an attempt of a step; another one takes over at once.

        Args:
            step: Which step.
            at: `before`: the attempt is counted, its callback not called. `during`: an async callback has come to its
                first real await, a sync one has run its first line. `after`: the callback has returned, nothing is
                recorded.
            times: How many attempts in a row; from the third on (WF_MAX_LOST) the step fails with WorkerLostError.
        """
        if at not in get_args(When):
            raise InvalidModification(f"crash_worker(at=) is one of {', '.join(get_args(When))}, not {at!r}.")
        if not isinstance(times, int) or times < 1:
            raise InvalidModification(f"crash_worker(times=) is a number from 1 up, not {times!r}.")
        self._changes.crashes.setdefault(selected(step), []).extend([at] * times)
        return self

    def _before_result(self, step: Selector, action: str) -> Selected:
        which = selected(step)
        if which in self._changes.results:
            raise InvalidModification(f"Trying to {action} step {which.name!r} after mocking its result! Do it before.")
        return which


def selected(step: Selector) -> Selected:
    """Which step a selector means.

    Raises:
        InvalidModification: It has none of the known forms.
    """
    name: Any = step
    index: Any = 1
    if isinstance(step, Mapping):
        if unknown := set(step) - {"name", "index"}:
            raise InvalidModification(f"A step is selected by `name` and `index`, not by {sorted(map(str, unknown))}.")
        name, index = step.get("name"), step.get("index", 1)
    elif isinstance(step, tuple) and len(step) == 2:
        name, index = step
    if not isinstance(name, str) or isinstance(index, bool) or not isinstance(index, int) or index < 1:
        raise InvalidModification(
            f'A step is selected by its name, (name, index) or {{"name":, "index":}}, with an index from 1 up, '
            f"not by {step!r:.120}."
        )
    return Selected(check_name(name), index)


def _listed(steps: Iterable[Selector]) -> list[Selector]:
    if isinstance(steps, str | Mapping):
        raise InvalidModification(f"Give a list of steps, not {steps!r}.")
    return list(steps)


def _times(times: int | None) -> int | None:
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise InvalidModification(f"`times` is a number from 1 up, or None for every attempt, not {times!r}.")
    return times


def apply(change: Callable[[Modifier], Any], changes: Changes) -> None:
    """Call what a test wants with a modifier.

    Raises:
        TypeError: It is a coroutine function, which the sync introspectors cannot await.
    """
    answer = change(Modifier(changes))
    if hasattr(answer, "__await__"):
        close = getattr(answer, "close", None)
        if close is not None:
            close()
        raise TypeError("modify() got an async function: pass a plain one, such as lambda m: m.disable_sleeps().")
