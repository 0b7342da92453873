"""The runs of one exploration: hypothesis draws what happens in each of them, and makes shorter what fails.

::

    what a run raises        is about `before`, a mock or the engine: it ends all, and leaves as it is
    what its check raises    is about the workflow: the run is kept if its story is the shortest; a shorter one is drawn
    what hypothesis raises   comes out of a draw, and back to it, even if the engine took it for a callback's error
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from wf.errors import WfError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wf.testing.exploring import Explored
    from wf.testing.fates import Choose

LEAST = 50
"""Runs that may make a failure shorter, at least; otherwise as many as there are examples."""

UNSTEADY = (
    "The same choices twice did not lead to the same. Does `run`, a step or `check` depend on something that `before` "
    "does not reset?"
)

__tracebackhide__ = True  # of what fails here pytest shows the line of the test


class ExtraMissing(WfError, ImportError):
    """A library is not installed that this part of the testing API needs."""

    code = "testing.extra_missing"


class Failure(NamedTuple):
    """A run that does not pass its check.

    Attributes:
        run: The run.
        cause: What its check raised.
        drawn: What was drawn for it; smaller numbers are plainer.
    """

    run: Explored
    cause: BaseException
    drawn: tuple[int, ...]

    @property
    def size(self) -> tuple[Any, ...]:
        """The smaller, the easier it is to understand."""
        return len(self.run.story), len(self.drawn), self.drawn


class _Broken(Exception):
    """A run does not pass; hypothesis shall make it shorter. What it notes here, nobody sees."""


class _Stop(BaseException):
    """All is over. Hypothesis lets it pass, as whatever is no Exception, or complains that the run was so short."""


class _Hand:
    """Draws for one run."""

    def __init__(self, draw: Callable[[int], int]) -> None:
        self._draw = draw
        self._cut: BaseException | None = None
        self.drawn: list[int] = []

    def __call__(self, things: Sequence[Any], /) -> Any:
        """One of these; the first one is the plainest."""
        if len(things) == 1:
            return things[0]
        self.give_back()
        try:
            self.drawn.append(number := self._draw(len(things)))
        except BaseException as error:
            self._cut = error
            raise
        return things[number]

    def give_back(self) -> None:
        """Raise what hypothesis ended this run with, if it did."""
        if self._cut is not None:
            raise self._cut


class Trials:
    """Runs and checks, again and again.

    Args:
        run: Runs the workflow once.
        check: Raises if something does not hold that always should.
        patience: Runs that may make a failure shorter.

    Attributes:
        checked: How many runs were checked.
        failure: The plainest run that did not pass, if one did not.
        steady: Whether the same choices have always led to the same.
    """

    def __init__(self, run: Callable[[Choose], Explored], check: Callable[[Explored], Any], patience: int) -> None:
        _require_hypothesis()
        self._run, self._check, self._patience = run, check, patience
        self.checked, self.steady = 0, True
        self.failure: Failure | None = None
        self._over = False
        self._error: BaseException | None = None

    def plain(self) -> Explored | None:
        """The run in which the first of all things happens each time; None if it does not pass."""
        run: list[Explored] = []
        self._guarded(lambda: run.append(self._one(_Hand(lambda _: 0))))
        return run[0] if run else None

    def many(self, times: int, seed: int | None) -> None:
        """So many runs in which anything may happen, or fewer and those that make the first failure shorter."""
        if not times:
            return
        import hypothesis  # noqa: PLC0415  (an extra, and slow)

        numbers = hypothesis.strategies.integers

        @hypothesis.settings(
            max_examples=times, deadline=None, database=None, print_blob=False, derandomize=False,
            verbosity=hypothesis.Verbosity.quiet,  # the story is told by us; its drawn numbers mean nothing to anybody
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink], report_multiple_bugs=False,
        )  # fmt: skip
        @hypothesis.given(hypothesis.strategies.data())
        def played(data: hypothesis.strategies.DataObject) -> None:
            self._one(_Hand(lambda count: data.draw(numbers(0, count - 1))))

        self._guarded(played if seed is None else hypothesis.seed(seed)(played))

    def _guarded(self, play: Callable[[], Any]) -> None:
        """Play, and let out what is not about the workflow, unless a failure has been found that it would hide."""
        error: BaseException | None = None
        try:
            play()
        except (_Broken, _Stop):
            pass
        except Exception as complaint:  # hypothesis' own: all else is one of the two above
            if not self._over:
                error, self.steady = complaint, not _is_unsteady(complaint)
        if error is not None and not self.steady:
            error.add_note(UNSTEADY)
        error = self._error or error
        if error is not None and self.failure is None:
            raise error

    def _one(self, hand: _Hand) -> Explored:
        if self.failure is not None:
            self._patience -= 1
        if self._over or self._patience < 0:
            raise self._stop()
        run = self._played(hand)
        self.checked += 1
        try:
            self._check(run)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if _is_no_verdict(error):
                raise self._stop(error) from None
            found = Failure(run, error, tuple(hand.drawn))
            self.failure = found if self.failure is None else min(found, self.failure, key=lambda one: one.size)
            raise _Broken from error  # errors of different lines are different ones to hypothesis
        return run

    def _stop(self, error: BaseException | None = None) -> _Stop:
        """What ends all; the error leaves as it is."""
        self._over, self._error = True, self._error or error
        return _Stop()

    def _played(self, hand: _Hand) -> Explored:
        try:
            run = self._run(hand)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            hand.give_back()
            raise self._stop(error) from None
        hand.give_back()
        return run


def _is_unsteady(complaint: Exception) -> bool:
    """Whether hypothesis complains that the same choices have led to something else."""
    from hypothesis.errors import Flaky  # noqa: PLC0415  (as above)

    return isinstance(complaint, Flaky)


def _is_no_verdict(error: BaseException) -> bool:
    """Whether what a check raises says nothing of the run: it ends the process, skips the test or ends all tests."""
    pytest = sys.modules.get("pytest")  # where it is not in use, it is not raised
    skips = () if pytest is None else (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception)
    return isinstance(error, (SystemExit, GeneratorExit, *skips))


def _require_hypothesis() -> None:
    try:
        import_module("hypothesis")
    except ImportError:
        raise ExtraMissing('explore() needs hypothesis: run `pip install "celery-wf[testing]"`.') from None
