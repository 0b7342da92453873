"""Where `run` asks for steps: the line of the author's own call."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from wf.core import Event, Pass
from wf.places import Observer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wf.core import Step

FILE = "tests/unit/test_places.py"


def places(run: Any) -> dict[str, str]:
    """The place of each step that a run asks for first."""
    observer = Observer()
    Pass(run, Event(), asked=observer).evict()
    return {str(one.key): one.place for one in observer.asked}


def line(function: Any, number: int) -> str:
    """The line of a function, counted from its `def`."""
    return f"{FILE}:{function.__code__.co_firstlineno + number}"


def test_a_call_has_its_file_and_line() -> None:
    """Steps, sleeps and waits are where they are called, and as the file is called from here."""

    async def run(_: Event, step: Step) -> None:
        one = step.do("one", lambda: 1)
        two = step.sleep("two", 1)
        three = step.wait_for_event("three", "three")
        await asyncio.gather(one, two, three)

    assert places(run) == {"one-1": line(run, 1), "two-1": line(run, 2), "three-1": line(run, 3)}


def test_a_helper_is_where_it_calls() -> None:
    """Of several functions of the author's, the innermost one counts, in whatever task it runs."""

    async def helper(step: Step, name: str) -> None:
        await step.do(name, lambda: 1)

    async def run(_: Event, step: Step) -> None:
        await asyncio.gather(helper(step, "one"), helper(step, "two"))

    assert places(run) == {"one-1": line(helper, 1), "two-1": line(helper, 1)}


def test_a_timer_of_asyncio_is_where_the_author_set_it() -> None:
    """Neither asyncio nor contextlib is the author."""

    @asynccontextmanager
    async def patience() -> AsyncIterator[None]:
        async with asyncio.timeout(5):
            yield

    async def run(_: Event, __: Step) -> None:
        async with patience():
            await asyncio.sleep(1)

    inner = patience.__wrapped__  # type: ignore[attr-defined]
    assert places(run) == {"timer-1": line(inner, 2), "timer-2": line(run, 2)}


def test_a_decorated_step_that_waited_has_the_place_of_its_function() -> None:
    """It is the loop that starts it, when its dependencies have come."""

    async def run(_: Event, step: Step) -> None:
        @step.do("first")
        def first() -> int:
            return 1

        @step.do("second")
        def second(first: int) -> int:
            return first

        await second()

    assert places(run) == {"first-1": line(run, 1)}
