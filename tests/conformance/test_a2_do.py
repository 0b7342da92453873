"""A.2, L.4 and L.22: what `step.do` can be given, how it is configured, and what it refuses (SPEC 1, 2 and 7.2)."""

from __future__ import annotations

import asyncio
import functools
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.conformance.kit_steps import caught, lives, once, output, result_of, started

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Rig
    from wf import Step

BAD_CONFIGS: list[tuple[Any, str]] = [
    ({"retry": {}}, "retry"), ({"timeouts": 1}, "timeouts"), ({"limit": 3}, "limit"), ({"jitter": 0.5}, "jitter"),
    ({"max_delay": 3}, "max_delay"), ({"retry_on": OSError}, "retry_on"), ({7: 1}, "7"), ({"Retries": {}}, "Retries"),
    ({"retries": {"limits": 5}}, "limits"), ({"retries": {"timeout": 5}}, "timeout"),
    ({"retries": {"maxDelay": 5}}, "maxDelay"), ({"retries": {"at_most_once": True}}, "at_most_once"),
    ({"retries": 0}, "retries"), ({"retries": 3}, "retries"), ({"retries": []}, "retries"), ("fast", "config"),
    (5, "config"), ([], "config"),
    ({"retries": {"limit": -1}}, "limit"), ({"retries": {"limit": 1.5}}, "limit"),
    ({"retries": {"limit": "3"}}, "limit"),
    ({"retries": {"limit": None}}, "limit"), ({"retries": {"limit": True}}, "limit"),
    ({"retries": {"limit": math.nan}}, "limit"),
    ({"retries": {"delay": -1}}, "delay"), ({"retries": {"delay": "soon"}}, "delay"),
    ({"retries": {"delay": None}}, "delay"),
    ({"retries": {"delay": math.inf}}, "delay"), ({"retries": {"delay": [1]}}, "delay"),
    ({"retries": {"backoff": "quadratic"}}, "backoff"), ({"retries": {"backoff": None}}, "backoff"),
    ({"retries": {"backoff": "Linear"}}, "backoff"),
    ({"retries": {"max_delay": "1 fortnight"}}, "max_delay"), ({"retries": {"max_delay": -1}}, "max_delay"),
    ({"retries": {"jitter": 1.1}}, "jitter"), ({"retries": {"jitter": -0.1}}, "jitter"),
    ({"retries": {"jitter": "0.5"}}, "jitter"), ({"retries": {"jitter": math.nan}}, "jitter"),
    ({"retries": {"retry_on": 5}}, "retry_on"),
    ({"retries": {"retry_on": [int]}}, "retry_on"), ({"retries": {"retry_on": OSError()}}, "retry_on"),
    ({"retries": {"no_retry_on": [OSError, 7]}}, "no_retry_on"), ({"retries": {"no_retry_on": int}}, "no_retry_on"),
    ({"timeout": 0}, "timeout"), ({"timeout": "0 seconds"}, "timeout"), ({"timeout": -1}, "timeout"),
    ({"timeout": timedelta(0)}, "timeout"), ({"timeout": "forever"}, "timeout"), ({"timeout": None}, "timeout"),
    ({"timeout": math.inf}, "timeout"),
    ({"sensitive": True}, "sensitive"), ({"sensitive": "input"}, "sensitive"),
    ({"at_most_once": "yes"}, "at_most_once"), ({"at_most_once": 1}, "at_most_once"),
]  # fmt: skip
"""A configuration that is refused, and the key that the error names."""

GOOD_CONFIGS: list[Any] = [
    None, {}, {"retries": {}}, {"retries": {"limit": 0}}, {"retries": {"delay": 0}}, {"retries": {"backoff": "linear"}},
    {"retries": {"limit": 10_000, "delay": "365 days", "backoff": "constant", "max_delay": "1 hour", "jitter": 1}},
    {"retries": {"limit": math.inf}}, {"retries": {"retry_on": OSError, "no_retry_on": [ConnectionError, KeyError]}},
    {"retries": {"retry_on": ()}}, {"retries": {"jitter": 0}}, {"timeout": 0.5}, {"timeout": timedelta(minutes=3)},
    {"timeout": "1h30m"}, {"sensitive": "output"}, {"at_most_once": True}, {"at_most_once": False},
]  # fmt: skip
"""Configurations that are taken: whatever is absent has its default."""


def test_bad_configurations_are_refused(rig: Rig) -> None:
    """Thrown out of the call, a ValueError that names step and key; catchable, and nothing is journaled."""

    async def careful(_: Any, step: Any) -> Any:
        found = []
        for config, key in BAD_CONFIGS:
            error = await caught(step.do, "upload", lambda: 1, config=config)
            found.append((str(config), type(error).__name__, "upload" in str(error), key in str(error)))
        for config, key in BAD_CONFIGS[:3]:
            error = await caught(step.do("decorated", config=config)(lambda: 1))
            found.append((str(config), type(error).__name__, "decorated" in str(error), key in str(error)))
        return found

    instance = started(rig, careful)
    expected = [*BAD_CONFIGS, *BAD_CONFIGS[:3]]
    assert output(instance) == [(str(config), "ValueError", True, True) for config, _ in expected]
    assert instance.describe().steps == []


def test_good_configurations_are_taken(rig: Rig) -> None:
    """Defaults fill in what is absent, also within `retries`."""

    async def body(step: Any) -> Any:
        return [await step.do("call", lambda number=number: number, config=c) for number, c in enumerate(GOOD_CONFIGS)]

    assert result_of(rig, body) == list(range(len(GOOD_CONFIGS)))


class Uploader:
    """Callable in every way that a class can be."""

    def __call__(self) -> str:
        return "object"

    def method(self) -> str:
        return "method"

    async def async_method(self) -> str:
        return "async method"

    @staticmethod
    def static() -> str:
        return "static"

    @classmethod
    def of_class(cls) -> str:
        return cls.__name__


class AsyncUploader:
    """An object whose call is a coroutine."""

    async def __call__(self) -> str:
        await asyncio.sleep(0)
        return "async object"


async def coroutine(word: str = "coroutine") -> str:
    """An async function that really waits."""
    await asyncio.sleep(0)
    return word


def plain(word: str = "plain") -> str:
    """A sync function."""
    return word


CALLBACKS: list[tuple[Callable[..., Any], Any]] = [
    (plain, "plain"),
    (coroutine, "coroutine"),
    (lambda: "lambda", "lambda"),
    (lambda: coroutine("lambda of a coroutine"), "lambda of a coroutine"),
    (lambda ctx: ctx.attempt, 1),
    (lambda anything: anything.step.name, "call"),
    (lambda *, ctx: ctx.step.name, "call"),
    (lambda word="default": word, "default"),
    (functools.partial(plain, "partial"), "partial"),
    (functools.partial(coroutine, "async partial"), "async partial"),
    (functools.partial(plain, word="keyword partial"), "keyword partial"),
    (Uploader(), "object"),
    (AsyncUploader(), "async object"),
    (Uploader().method, "method"),
    (Uploader().async_method, "async method"),
    (Uploader.static, "static"),
    (Uploader.of_class, "Uploader"),
    (dict, {}),
]
"""Callbacks of every kind, and their results."""


def test_callbacks_of_every_kind(rig: Rig) -> None:
    """Sync and async functions, lambdas, partials, methods and objects; they get the context if they take one."""

    async def body(step: Any) -> Any:
        return [await step.do("call", callback) for callback, _ in CALLBACKS]

    expected = [result for _, result in CALLBACKS]
    assert lives(rig, body) == [expected, expected]


def test_every_form_of_the_call(rig: Rig) -> None:
    """Direct, decorator with and without a name, and with another name than the function's."""

    async def forms(_: Any, step: Step) -> Any:
        @step.do("named", config=once())
        async def first(ctx: Any) -> str:
            return str(ctx.step.name)

        @step.do()
        def second() -> str:
            return "second"

        @step.do
        def third() -> str:
            return "third"

        direct = await step.do("direct", lambda: "direct", config=once())
        return [await first(), await second(), await third(), direct]

    instance = started(rig, forms)
    assert output(instance) == ["named", "second", "third", "direct"]
    assert [step.name for step in instance.describe().steps] == ["direct-1", "named-1", "second-1", "third-1"]


def test_a_decorated_step_runs_when_it_is_called(rig: Rig) -> None:
    """Decorating runs nothing; each direct call is a new step; a dependency that has run is not run again."""

    async def decorating(_: Any, step: Step) -> Any:
        @step.do("never called")
        async def never() -> None:
            raise AssertionError

        @step.do
        async def base() -> int:
            return 2

        @step.do("square")
        async def square(base: int, ctx: Any) -> int:
            return int(base**2 + ctx["attempt"] - 1)

        return [await square(), await base(), await square()]

    instance = started(rig, decorating)
    assert output(instance) == [4, 2, 4]
    assert [step.name for step in instance.describe().steps] == ["base-1", "square-1", "base-2", "square-2"]


def test_a_step_starts_when_it_is_called(rig: Rig) -> None:
    """Start now, await later: both run before the first of them is awaited, and a result may be awaited twice."""

    async def eager(_: Any, step: Any) -> Any:
        first, second = step.do("first", lambda: 1), step.do("second", lambda: 2)
        third = await step.do("third", lambda: 3)
        return [third, await second, await first, await first]

    instance = started(rig, eager)
    assert output(instance) == [3, 2, 1, 1]
    assert [step.name for step in instance.describe().steps] == ["first-1", "second-1", "third-1"]


def test_what_cannot_be_called_is_refused(rig: Rig) -> None:
    """With the name of the step, at the call; nothing is journaled."""

    async def careful(_: Any, step: Any) -> Any:
        found = [await caught(step.do, "upload", callback) for callback in (7, "text", {"a": 1}, coroutine_of(step))]
        return [(isinstance(error, TypeError | ValueError), "upload" in str(error)) for error in found]

    instance = started(rig, careful)
    assert output(instance) == [(True, True)] * 4
    assert instance.describe().steps == []


def coroutine_of(_: Any) -> object:
    """Something that was called already, the commonest slip."""
    made = coroutine()
    made.close()
    return made


def test_arguments_that_no_step_has(rig: Rig) -> None:
    """An unknown parameter of a decorated step is a TypeError of the call that names it."""

    async def careful(step: Step) -> Any:
        @step.do("needs")
        async def needs(unknown: Any) -> Any:
            return unknown

        error = await caught(needs)
        return [type(error).__name__, "unknown" in str(error)]

    assert result_of(rig, careful) == ["TypeError", True]
