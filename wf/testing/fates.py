"""What becomes of the attempts in a story: most go well, some lose their worker, some fail."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from wf.core import Kind
from wf.testing.stage import Stage, WorkerCrash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wf.attempt import Attempt
    from wf.core import Request
    from wf.testing.stories import Story

_WELL = "well"
_CRASHES = {
    "after": "dies after its callback, before its result is recorded",
    "during": "dies in the middle of its callback",
    "before": "dies before its callback is called",
}
_FAILURES = {
    "fails after": "fails after its callback has done its work",
    "fails before": "fails before its callback has done anything",
}
"""What is told first is what a failing story is made shorter to: the ways that do the most harm."""


class Choose(Protocol):
    """Picks one of several things, the first one where nothing else is asked for."""

    def __call__(self, things: Sequence[Any], /) -> Any:
        """Pick one."""


class ArrangedFailure(Exception):
    """An attempt fails because the story wants it to: a timeout of the network, say."""


class Fates(Stage):
    """Decides about each attempt.

    Args:
        crashes: Attempts of one step that may lose their worker.
        failures: Attempts of one step that may fail.
        max_lost: Lost attempts after which a step fails for good; it never comes to that.

    Attributes:
        worker: The number of the worker that is at work.
    """

    def __init__(self, *, crashes: int, failures: int, max_lost: int) -> None:
        super().__init__()
        self.worker = 1
        self._crashes_max, self._failures_max = min(crashes, max_lost - 1), failures
        self._happened: Counter[tuple[Any, ...]] = Counter()

    def begin(self, story: Story, choose: Choose) -> None:
        """A new story begins, and nothing has happened in it."""
        self.clear()
        self._story, self._choose = story, choose
        self._happened.clear()

    def call(self, attempt: Attempt, request: Request, result: Callable[[], Any]) -> Any:
        """Let the attempt go well or not, and tell of it."""
        if request.key.kind is not Kind.DO:
            self._tell(attempt, "undoes")
            return super().call(attempt, request, result)
        fate = self._choose(self._fates(attempt))
        if fate in _CRASHES:
            self._happened[attempt.instance.key, "crash", attempt.row.key] += 1
            self._tell(attempt, "runs", f" and {_CRASHES[fate]}")
            if fate != "before":
                with suppress(Exception):  # whatever it has come to, nobody lives to record it
                    super().call(attempt, request, result if fate == "after" else lambda: self.cut(request, result))
            raise WorkerCrash(attempt)
        if fate in _FAILURES:
            self._happened[attempt.instance.key, "failure", attempt.row.key] += 1
            self._tell(attempt, "runs", f", which {_FAILURES[fate]}")
            if fate == "fails after":
                super().call(attempt, request, result)
            raise ArrangedFailure(f"step {str(attempt.row.key)!r} {_FAILURES[fate]}")
        try:
            value = super().call(attempt, request, result)
        except Exception as error:
            self._tell(attempt, "runs", f", which fails with {type(error).__name__}: {error}")
            raise
        self._tell(attempt, "runs")
        return value

    def _fates(self, attempt: Attempt) -> list[str]:
        """What may become of an attempt, so that its step can still succeed afterwards."""
        row, config, key = attempt.row, attempt.config, attempt.instance.key
        fates = [_WELL] * 3
        if self._happened[key, "crash", row.key] < self._crashes_max and not config.at_most_once:
            fates += _CRASHES
        may_retry = row.attempt - row.lost <= config.limit and config.retries_error(ArrangedFailure())
        if self._happened[key, "failure", row.key] < self._failures_max and may_retry:
            fates += _FAILURES
        return fates

    def _tell(self, attempt: Attempt, verb: str, more: str = "") -> None:
        again = f", attempt {attempt.row.attempt}" if attempt.row.attempt > 1 else ""
        self._story.tell(f"worker {self.worker} {verb} step {str(attempt.row.key)!r}{again}{more}")
