"""Dependencies that cannot be: the errors of a call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.passes import begin, done, work
from wf.core import Completed, Failed
from wf.errors import StepAfterEndError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import Event, Step


def _any(*_values: Any, **_more: Any) -> None: ...


def _one(x: Any) -> None: ...


def _one_and_ctx(ctx: Any, x: Any) -> None: ...


def _depends_on_itself(own: Any) -> None: ...


@pytest.mark.parametrize(
    ("decorate", "text"),
    [
        (lambda step: step.do("s")(_one), "Received unexpected parameter x"),
        (lambda step: step.do("s")(_any), "Received unexpected parameter _values"),
        (lambda step: step.do("own")(_depends_on_itself), "Received unexpected parameter own"),
        (
            lambda step: step.do("s", depends=[])(_one_and_ctx),
            "Step declares 1 non-ctx parameter(s) but 'depends' has 0 item(s)",
        ),
        (
            lambda step: step.do("s", depends=[step.do(work)])(work),
            "Step declares 0 non-ctx parameter(s) but 'depends' has 1 item(s)",
        ),
        (
            lambda step: step.do("s", depends=[work])(_one),
            "'depends' entry for parameter 'x' is not a function decorated with step.do",
        ),
    ],
)
def test_wrong_dependencies_are_refused_at_the_call(decorate: Callable[[Step], Any], text: str) -> None:
    """Decorating is always fine; the call raises TypeError with the text of the reference, and asks for nothing."""

    async def run(_event: Event, step: Step) -> Any:
        decorated = decorate(step)
        with pytest.raises(TypeError) as caught:
            decorated()
        return str(caught.value)

    suspended = begin(run)
    assert isinstance(suspended.outcome, Completed)
    assert suspended.outcome.value == text


def test_an_unknown_parameter_shows_the_known_steps() -> None:
    """The error's note says that there is no `depends`, and lists the decorated steps that a parameter could be."""

    async def run(_event: Event, step: Step) -> Any:
        step.do("fetch")(work)
        step.do("parse")(work)
        with pytest.raises(TypeError) as caught:
            step.do("s")(_one)()
        return caught.value.__notes__

    note = (
        "Step has 1 non-ctx parameter(s) but no 'depends' list provided: step 's' can take `ctx` and the names of "
        "decorated steps (fetch, parse)."
    )
    assert begin(run).outcome == Completed([note])


def test_a_dependent_with_bad_configuration_fails_when_it_starts() -> None:
    """The error names the step; its dependencies have run by then."""

    async def run(_event: Event, step: Step) -> Any:
        step.do("x")(work)
        return await step.do("s", config={"timeout": 0})(_one)()

    outcome = begin(run, done("x")).outcome
    assert isinstance(outcome, Failed)
    assert str(outcome.error) == "Step 's': timeout must be longer than 0."


def test_a_decorated_step_with_dependencies_is_refused_after_the_end() -> None:
    """Nothing of the dependencies is started either."""
    kept: list[Any] = []

    async def run(_event: Event, step: Step) -> None:
        step.do("x")(work)
        kept.append(step.do("s")(_one))

    suspended = begin(run)
    with pytest.raises(StepAfterEndError):
        kept[0]()
    assert not asyncio.all_tasks(suspended.loop)
