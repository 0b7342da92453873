"""Steps that can be undone: what `step.do` takes, and what a pass keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.passes import asked, begin, done, work
from wf.core import Completed, Failed, Key, Kind, Rollback, StepConfig
from wf.errors import RollbackPhaseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import Event, Pass, Step


def undo() -> None:
    """A handler that nobody runs here."""


def undo_other() -> None:
    """Another one."""


def key(name: str, count: int = 1) -> Key:
    return Key(Kind.DO, name, count)


async def direct(_event: Event, step: Step) -> Any:
    """The direct form."""
    return await step.do("charge", work, rollback=undo, rollback_config={"retries": {"limit": 2}, "timeout": "1 min"})


async def decorated(_event: Event, step: Step) -> Any:
    """The decorator."""

    @step.do("charge", rollback=undo, rollback_config={"retries": {"limit": 2}, "timeout": 60})
    def charge() -> None: ...

    return await charge()


async def graph(_event: Event, step: Step) -> Any:
    """A step with dependencies, which can be undone, too."""

    @step.do("order", rollback=undo_other)
    def order() -> None: ...

    @step.do("charge", rollback=undo, rollback_config={"retries": {"limit": 2}, "timeout": 60})
    def charge(order: object) -> None: ...

    return await charge()


CONFIG = StepConfig(limit=2, timeout=60.0)


@pytest.mark.parametrize("run", [direct, decorated])
def test_a_step_is_asked_for_with_its_rollback(run: Callable[[Event, Step], Any]) -> None:
    """Handler and configuration are in the request, and the journal's configuration says that there is one."""
    suspended = begin(run)
    (request,) = suspended.requests()
    assert (request.rollback, request.rollback_config) == (undo, CONFIG)
    assert request.config == StepConfig(rollback=True)
    assert suspended.rollbacks == {key("charge"): Rollback(undo, CONFIG)}


def test_every_step_of_a_graph_keeps_its_own_rollback() -> None:
    """A step is known as one that can be undone when it is asked for, after its dependencies."""
    suspended = begin(graph)
    assert suspended.rollbacks == {key("order"): Rollback(undo_other, StepConfig())}
    suspended.feed(done("order"))
    assert suspended.rollbacks == {
        key("order"): Rollback(undo_other, StepConfig()),
        key("charge"): Rollback(undo, CONFIG),
    }


async def thrice(_event: Event, step: Step) -> None:
    """Steps of one name; the second cannot be undone."""
    await step.do("a", work, rollback=undo, config={"timeout": 5})
    await step.do("a", work)
    await step.do("a", work, rollback=undo_other)


def test_each_occurrence_has_its_own_rollback() -> None:
    """Which steps can be undone is a matter of key, and what is configured for the step stays with it."""
    suspended = begin(thrice, done("a"))
    (second,) = suspended.requests()
    assert (second.rollback, second.rollback_config, second.config) == (None, None, StepConfig())
    suspended.feed(done("a", count=2))
    assert suspended.rollbacks == {
        key("a"): Rollback(undo, StepConfig()),
        key("a", 3): Rollback(undo_other, StepConfig()),
    }
    assert begin(thrice).requests()[0].config == StepConfig(timeout=5.0, rollback=True)


def test_rollbacks_are_kept_when_results_come_early() -> None:
    """A result that was fed before its step was asked for makes no difference."""
    suspended = begin(thrice, done("a", count=3), done("a", count=2), done("a"))
    assert suspended.outcome == Completed(None)
    assert list(suspended.rollbacks) == [key("a"), key("a", 3)]


def test_rollbacks_outlive_the_pass() -> None:
    """After an eviction the handlers are still there, for whoever has to undo the steps."""
    suspended = begin(thrice, done("a"), done("a", count=2))
    suspended.evict()
    assert list(suspended.rollbacks) == [key("a"), key("a", 3)]


def test_what_a_pass_asks_for_while_it_is_thrown_away_is_no_step() -> None:
    """A step call in a `finally` block of an evicted pass is neither a request nor can it be undone."""

    async def run(_event: Event, step: Step) -> None:
        try:
            await step.do("a", work, rollback=undo)
        finally:
            await step.do("late", work, rollback=undo)

    suspended = begin(run)
    suspended.end_for_rollback()
    assert list(suspended.rollbacks) == [key("a")]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rollback": "undo"}, TypeError, "Rollback for \"charge\" must be a function, not 'undo'"),
        ({"rollback": {"rollback": undo}}, TypeError, 'Rollback for "charge" must be a function'),
        ({"rollback": 0, "rollback_config": {}}, TypeError, 'Rollback for "charge" must be a function, not 0'),
        ({"rollback_config": {"timeout": 5}}, ValueError, 'Rollback config for "charge" was given, but no rollback'),
        ({"rollback_config": {}}, ValueError, 'Rollback config for "charge" was given, but no rollback'),
        ({"rollback": undo, "rollback_config": {"limit": 5}}, ValueError, 'Rollback config for "charge": unknown key'),
        ({"rollback": undo, "rollback_config": [1]}, ValueError, 'Rollback config for "charge": config must be a dict'),
    ],
)
@pytest.mark.parametrize("form", ["direct", "decorator"])
def test_bad_rollback_options_are_refused_by_the_call(
    form: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """They are an error at once, with the step's name; nothing is asked for."""

    async def run(_event: Event, step: Step) -> None:
        if form == "direct":
            step.do("charge", work, **options)
        else:
            step.do("charge", **options)(work)

    suspended = begin(run)
    assert isinstance(suspended.outcome, Failed)
    assert type(suspended.outcome.error) is error
    assert str(suspended.outcome.error).startswith(message)
    assert suspended.rollbacks == {}


CALLS: list[Callable[[Step], object]] = [
    lambda step: step.do("again", work),
    lambda step: step.do("again")(work)(),
    lambda step: step.sleep("again", 5),
    lambda step: step.sleep_until("again", 5.0),
    lambda step: step.wait_for_event("again", "go"),
    lambda step: step.now(),
    lambda step: step.random(),
    lambda step: step.uuid4(),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("history", [[], [done("charge", error=OSError("no"))]], ids=["terminated", "failed"])
def test_no_step_can_be_called_while_steps_are_undone(call: Callable[[Step], object], history: list[Any]) -> None:
    """A handler that calls a step is told so, whether the instance was terminated or has failed."""
    suspended = begin(direct, *history)
    suspended.end_for_rollback()
    with pytest.raises(RollbackPhaseError, match=r"^Cannot execute steps during rollback phase"):
        call(suspended.step)
    assert asked(suspended) == []
    assert list(suspended.rollbacks) == [key("charge")]


def test_a_pass_that_is_used_for_rollback_takes_no_results() -> None:
    """It is evicted: what is fed to it changes nothing."""
    suspended: Pass = begin(thrice)
    suspended.end_for_rollback()
    suspended.feed(done("a"))
    assert (suspended.outcome, asked(suspended)) == (None, [])
