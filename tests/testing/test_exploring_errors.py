"""What an exploration says when something goes wrong, and whose fault it is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from wf import WorkflowEntrypoint
from wf.testing import EndlessStory, ExplorationFailed, ExtraMissing, InvalidModification

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.testing import Explored, Workbench

DONE: list[int] = []


class Pair(WorkflowEntrypoint, name="explored-pair"):
    """Two steps, of which the first one is not idempotent."""

    async def run(self, event: Any, step: Any) -> str:
        await step.do("first", lambda: DONE.append(1))
        await step.do("second", lambda: None)
        return "pair"


class Endless(WorkflowEntrypoint, name="explored-endless"):
    """Never comes to an end."""

    async def run(self, event: Any, step: Any) -> None:
        number = 0
        while True:
            number += 1
            await step.sleep(f"s{number}", "1 second")


def once(run: Explored) -> None:
    """What `Pair` does not keep."""
    assert len(DONE) == 1


def in_run(number: int, call: Callable[[], Any]) -> Callable[[], None]:
    """A `before` that does something in one of the runs."""
    runs: list[int] = []

    def before() -> None:
        DONE.clear()
        runs.append(1)
        if len(runs) == number:
            call()

    return before


def refuse() -> None:
    """What goes wrong outside the workflow."""
    raise OSError("the disk is full")


@pytest.mark.parametrize("number", [1, 5])
def test_what_before_raises_leaves_as_it_is(wf: Workbench, number: int) -> None:
    """It is no fault of the workflow, whichever run it is in."""
    with pytest.raises(OSError, match="the disk is full") as failed:
        wf.explore(Pair, check=lambda _: None, before=in_run(number, refuse), examples=8)
    assert not isinstance(failed.value, ExplorationFailed)
    assert not hasattr(failed.value, "__notes__")


def test_a_skip_leaves_as_it_is(wf: Workbench) -> None:
    """`before` may skip the test, and so may `check`."""
    with pytest.raises(pytest.skip.Exception, match="no disk"):
        wf.explore(Pair, check=lambda _: None, before=in_run(3, lambda: pytest.skip("no disk")), examples=5)
    with pytest.raises(pytest.skip.Exception, match="not here"):
        wf.explore(Pair, check=lambda _: pytest.skip("not here"), examples=5)


def test_a_failure_is_not_hidden_by_what_comes_after_it(wf: Workbench) -> None:
    """Once a run has failed, trouble while its story is made shorter does not hide it."""
    failures: list[int] = []

    def check(run: Explored) -> None:
        failures.append(1)
        once(run)
        failures.pop()

    def before() -> None:
        DONE.clear()
        if len(failures) > 2:
            refuse()

    with pytest.raises(ExplorationFailed, match="assert 2 == 1"):
        wf.explore(Pair, check=check, before=before)


def test_an_interrupt_passes_even_after_a_failure(wf: Workbench) -> None:
    """Whoever presses Ctrl-C wants an end of it, not a story."""
    runs: list[int] = []

    def check(run: Explored) -> None:
        runs.append(1)
        if len(runs) > 3:
            raise KeyboardInterrupt
        assert len(runs) < 2

    with pytest.raises(KeyboardInterrupt):
        wf.explore(Pair, check=check)
    assert wf.clock.flows


def test_without_hypothesis_it_says_so(wf: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything has run."""
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    ran: list[Explored] = []
    with pytest.raises(ExtraMissing, match="celery-wf\\[testing\\]"):
        wf.explore(Pair, check=ran.append)
    assert not ran


def test_a_check_is_a_function(wf: Workbench) -> None:
    """Anything else is refused before anything has run."""
    with pytest.raises(TypeError, match=r"explore\(check=\) is a function"):
        wf.explore(Pair, check=None)  # type: ignore[arg-type]  # that is the point


def fails() -> None:
    """By pytest's own word."""
    pytest.fail("charged twice")


def raises_not() -> None:
    """An expectation of pytest's that is not fulfilled."""
    with pytest.raises(KeyError):
        len(DONE)


@pytest.mark.parametrize(("how", "says"), [(fails, "Failed: charged twice"), (raises_not, "Failed: DID NOT RAISE")])
def test_a_failure_of_pytest_has_a_story(wf: Workbench, how: Callable[[], None], says: str) -> None:
    """`pytest.fail` is no Exception; its story is told and made shorter all the same."""

    def check(run: Explored) -> None:
        if len(DONE) > 1:
            how()

    with pytest.raises(ExplorationFailed, match=says) as failed:
        wf.explore(Pair, check=check, before=DONE.clear, failures=0)
    assert [line for line in failed.value.run.story if "dies after" in line]
    assert len(failed.value.run.story) == 4
    cause = failed.value.__cause__
    assert isinstance(cause, pytest.fail.Exception)
    assert not hasattr(cause, "__notes__")
    assert not hasattr(failed.value, "__notes__")


def test_an_endless_workflow_is_found_out_soon(wf: Workbench) -> None:
    """The error tells what happened last, and what the instance waits for."""
    with pytest.raises(EndlessStory, match=r"after 40 things that happened.*explore\(length=\)") as failed:
        wf.explore(Endless, check=lambda _: None, length=40)
    told = str(failed.value).splitlines()
    assert "What happened last:" in told
    assert told[-2].startswith("What it waits for:")
    assert "the end of 's" in told[-1]


@pytest.mark.parametrize("frozen", [True, False])
def test_time_is_afterwards_as_it_was(wf: Workbench, *, frozen: bool) -> None:
    """A test that has frozen its time finds it frozen."""
    if frozen:
        wf.time.freeze()
    before = wf.time.now()
    wf.explore(Pair, check=lambda _: None, examples=1)
    assert wf.clock.flows is not frozen
    assert (wf.time.now() == before) is frozen


def test_nothing_stays_frozen_if_it_cannot_begin(wf: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time flows on, if something still runs when the exploration should begin."""

    def settle(timeout: float = 10.0) -> None:
        raise TimeoutError(f"Steps still run after {timeout} s.")

    monkeypatch.setattr(wf, "settle", settle)
    with pytest.raises(TimeoutError, match="Steps still run"):
        wf.explore(Pair, check=lambda _: None)
    assert wf.clock.flows


@pytest.mark.parametrize(
    ("events", "says"),
    [
        (["x"], r"events=\)\[0\] is .*, not 'x'"), ([{"name": "a"}], r"events=\)\[0\] is"), ("x", "is a list of"),
        ([{"type": "a"}, {"type": "a", "data": 1}], r"events=\)\[1\] is"), ({"type": "a"}, "is a list of"),
        ([{"type": "a.b"}], r"events=\)\[0\] cannot be sent: Event type 'a.b' is invalid"), (None, "is a list of"),
        ([{"type": "a"}, {"type": "a", "payload": print}], r"events=\)\[1\] cannot be sent"),
    ],
)  # fmt: skip
def test_events_are_checked(wf: Workbench, events: Any, says: str) -> None:
    """The error names the entry, and nothing has run."""
    ran: list[Explored] = []
    with pytest.raises(InvalidModification, match=says):
        wf.explore(Pair, check=ran.append, events=events)
    assert not ran


def test_making_a_failure_shorter_has_an_end(wf: Workbench) -> None:
    """However many ways there are to fail, fifty more runs are enough, and the shortest of all stories is told."""
    runs: list[int] = []
    failures: dict[int, int] = {}

    def check(run: Explored) -> None:
        story = " ".join(run.story)
        if "forgets" in story and "twice" in story:
            failures[len(runs)] = len(run.story)
            raise AssertionError(story)

    with pytest.raises(ExplorationFailed) as failed:
        wf.explore(Pair, check=check, before=lambda: runs.append(1), examples=30)
    assert len(runs) <= min(failures) + 50
    assert len(failed.value.run.story) == min(failures.values())


def test_a_failure_that_does_not_come_again_is_told_of(wf: Workbench) -> None:
    """Where `before` does not reset all that matters, the error says what to look for."""
    runs: list[int] = []

    def check(run: Explored) -> None:
        runs.append(1)
        assert len(runs) != 3

    with pytest.raises(ExplorationFailed) as failed:
        wf.explore(Pair, check=check, examples=10)
    assert "`before` does not reset" in failed.value.__notes__[0]
