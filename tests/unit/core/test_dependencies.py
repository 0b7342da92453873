"""Steps that depend on steps: by parameter names, by `depends`, and who shares what."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.support.passes import asked, begin, done, work
from wf.core import Completed

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import Event, Step
    from wf.core.replay import Pass


def arguments_of(suspended: Pass) -> dict[str, Any]:
    """What the one open request hands to its callback."""
    (request,) = suspended.requests()
    return request.arguments


async def diamond(_event: Event, step: Step) -> Any:
    """`bottom` needs `left` and `right`, which both need `top`."""

    @step.do()
    def top() -> None: ...

    @step.do("left")
    def one(top: Any) -> None: ...

    @step.do
    def right(top: Any, ctx: Any) -> None: ...

    @step.do("bottom step", concurrent=True)
    def bottom(left: Any, ctx: Any, right: Any = "default values do not count") -> None: ...

    return await bottom()


def test_parameters_are_filled_by_step_names() -> None:
    """Dependencies run first, once each, and hand their results to the parameters of their names."""
    suspended = begin(diamond)
    assert asked(suspended) == ["do:top-1"]
    suspended.feed(done("top", 1))
    assert asked(suspended) == ["do:left-1", "do:right-1"]
    assert [request.arguments for request in suspended.requests()] == [{"top": 1}, {"top": 1}]
    suspended.feed(done("right", 3), done("left", 2))
    assert asked(suspended) == ["do:bottom step-1"]
    assert arguments_of(suspended) == {"left": 2, "right": 3}
    suspended.feed(done("bottom step", 6))
    assert suspended.outcome == Completed(6)


def sum_of(concurrent: bool) -> Callable[[Event, Step], Any]:
    """A `run` whose one step depends on two others."""

    async def run(_event: Event, step: Step) -> Any:
        @step.do
        def a() -> None: ...

        @step.do
        def b() -> None: ...

        @step.do(depends=[b, a], concurrent=concurrent)
        def total(x: Any, *, ctx: Any, y: Any) -> None: ...

        return await total()

    return run


def test_dependencies_run_one_after_the_other() -> None:
    """By default each dependency is awaited before the next begins, in the order of the parameters."""
    suspended = begin(sum_of(concurrent=False))
    assert asked(suspended) == ["do:b-1"]
    suspended.feed(done("b", "of b"))
    assert asked(suspended) == ["do:a-1"]
    suspended.feed(done("a", "of a"))
    assert arguments_of(suspended) == {"x": "of b", "y": "of a"}


def test_concurrent_dependencies_run_together() -> None:
    """`concurrent=True` starts all dependencies of this step at once."""
    suspended = begin(sum_of(concurrent=True))
    assert asked(suspended) == ["do:b-1", "do:a-1"]
    suspended.feed(done("a", "of a"), done("b", "of b"))
    assert arguments_of(suspended) == {"x": "of b", "y": "of a"}


def test_a_failed_dependency_stops_the_dependent() -> None:
    """The error goes through to the caller; the dependent never starts, and a running sibling goes on."""

    async def run(event: Event, step: Step) -> Any:
        try:
            await sum_of(concurrent=True)(event, step)
        except OSError as error:
            return str(error), await step.do("after", work)

    suspended = begin(run, done("b", error=OSError("no b")))
    assert asked(suspended) == ["do:a-1", "do:after-1"]
    suspended.feed(done("a"), done("after"))
    assert suspended.outcome == Completed(("no b", None))
    assert suspended.warnings == []


def shared(calls: Callable[[Any, Any, Any], Any]) -> Callable[[Event, Step], Any]:
    """A `run` with `a`, and `b` and `c` that need it, called as the test says."""

    async def run(_event: Event, step: Step) -> Any:
        a = step.do("a")(work)

        @step.do("b")
        def first(a: Any) -> None: ...

        @step.do("c")
        def second(a: Any) -> None: ...

        return await calls(a, first, second)

    return run


def test_a_dependency_in_flight_is_shared() -> None:
    """Two dependents, and a direct call before them, await one run of the dependency."""

    async def calls(a: Any, b: Any, c: Any) -> Any:
        return await asyncio.gather(a(), b(), c())

    suspended = begin(shared(calls))
    assert asked(suspended) == ["do:a-1"]
    suspended.feed(done("a", 1))
    assert asked(suspended) == ["do:b-1", "do:c-1"]


def test_a_completed_dependency_is_not_run_again() -> None:
    """A dependency that ran before, called directly or for another step, gives what it gave."""

    async def calls(a: Any, b: Any, c: Any) -> Any:
        await a()
        await b()
        return await c()

    suspended = begin(shared(calls), done("a", 1), done("b"))
    assert asked(suspended) == ["do:c-1"]
    assert arguments_of(suspended) == {"a": 1}


def test_a_direct_call_is_always_a_new_occurrence() -> None:
    """Calling a decorated step again runs a new step, also after a dependent ran it."""

    async def calls(a: Any, b: Any, c: Any) -> Any:
        await b()
        await a()
        await a()
        return await c()

    suspended = begin(shared(calls), done("a", 1), done("b"))
    assert asked(suspended) == ["do:a-2"]
    suspended.feed(done("a", 2, count=2))
    assert asked(suspended) == ["do:a-3"]
    suspended.feed(done("a", 3, count=3))
    assert arguments_of(suspended) == {"a": 3}


def test_a_failed_dependency_is_run_again() -> None:
    """A failure is not remembered: the next dependent runs the dependency as a new occurrence."""

    async def calls(_a: Any, b: Any, c: Any) -> Any:
        results = await asyncio.gather(b(), return_exceptions=True)
        return results, await c()

    suspended = begin(shared(calls), done("a", error=OSError("no")))
    assert asked(suspended) == ["do:a-2"]
    suspended.feed(done("a", 2, count=2))
    assert arguments_of(suspended) == {"a": 2}


def test_a_success_outlives_a_later_failure() -> None:
    """A dependency that has completed is not run again because a second, direct call of it failed."""

    async def calls(a: Any, b: Any, c: Any) -> Any:
        await a()
        await asyncio.gather(a(), return_exceptions=True)
        await b()
        await asyncio.wait([a(), c()], return_when=asyncio.FIRST_COMPLETED)

    suspended = begin(shared(calls), done("a", 1), done("a", error=OSError("no"), count=2))
    assert arguments_of(suspended) == {"a": 1}
    suspended.feed(done("b"))
    assert asked(suspended) == ["do:a-3", "do:c-1"]


def test_a_cancelled_dependency_is_run_again() -> None:
    """Cancelling a direct call does not count as a result; cancelling a dependent leaves the dependency alone."""

    async def calls(a: Any, b: Any, c: Any) -> Any:
        a().cancel()
        running = b()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        return await c()

    suspended = begin(shared(calls))
    assert asked(suspended) == ["do:a-2"]
    suspended.feed(done("a", 2, count=2))
    assert asked(suspended) == ["do:c-1"]


def test_a_second_step_of_a_name_replaces_the_first() -> None:
    """Parameters find the step that was decorated last under their name; each callable remembers for itself."""

    async def run(_event: Event, step: Step) -> Any:
        first = step.do("a")(work)
        await first()
        step.do("a")(work)

        @step.do
        def b(a: Any) -> None: ...

        return await b()

    suspended = begin(run, done("a", 1))
    assert asked(suspended) == ["do:a-2"]
    suspended.feed(done("a", 2, count=2))
    assert arguments_of(suspended) == {"a": 2}


def test_functions_without_a_signature_have_no_dependencies() -> None:
    """Some functions written in C do not tell their parameters; they are steps all the same."""

    async def run(_event: Event, step: Step) -> Any:
        return await step.do("empty")(dict)()

    assert asked(begin(run)) == ["do:empty-1"]
