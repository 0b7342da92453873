"""The `step` object: its three forms, names, sleeps and waits."""

from __future__ import annotations

import asyncio
import functools
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.passes import asked, begin, done, work
from wf.core import Completed, Kind, StepConfig
from wf.errors import InvalidEventType

if TYPE_CHECKING:
    from collections.abc import Callable

    from wf.core import Event, Request, Step

DAY = 86_400.0


def request_of(call: Callable[[Step], Any], *, at: float = 0.0) -> Request:
    """The one request that a call of a step makes."""

    async def run(_event: Event, step: Step) -> None:
        await call(step)

    suspended = begin(run, at=at)
    assert suspended.outcome is None, suspended.outcome
    (request,) = suspended.requests()
    return request


def error_of(call: Callable[[Step], Any], *, at: float = 0.0) -> Exception:
    """The error that a call of a step raises at once; nothing is asked for."""
    caught: list[Exception] = []

    async def run(_event: Event, step: Step) -> None:
        try:
            call(step)
        except Exception as error:  # the tests look at its class
            caught.append(error)

    suspended = begin(run, at=at)
    assert suspended.outcome == Completed(None)
    assert suspended.warnings == []
    return caught[0]


def test_the_direct_form() -> None:
    """`step.do(name, callback)` starts at once, with the callback and its configuration."""
    request = request_of(lambda step: step.do("a", work, config={"timeout": 5}))
    assert request.callback is work
    assert request.config == StepConfig(timeout=5.0)
    assert request.arguments == {}
    assert request_of(lambda step: step.do("a", work)).config == StepConfig()


def test_the_decorator_does_not_run_the_step() -> None:
    """Decorating asks for nothing; each call of the decorated function is an occurrence."""

    async def run(_event: Event, step: Step) -> Any:
        @step.do("create report", config={"retries": {"limit": 1}})
        def create() -> None:
            """Create it."""

        assert create.__name__ == "create"
        assert create.__doc__ == "Create it."
        await step.sleep("before", 1)
        return await create(), await create()

    suspended = begin(run)
    assert asked(suspended) == ["sleep:before-1"]
    suspended.feed(done("before", kind=Kind.SLEEP))
    assert asked(suspended) == ["do:create report-1"]
    assert suspended.requests()[0].config == StepConfig(limit=1)
    suspended.feed(done("create report", 1))
    assert asked(suspended) == ["do:create report-2"]
    suspended.feed(done("create report", 2, count=2))
    assert suspended.outcome == Completed((1, 2))


@pytest.mark.parametrize("decorate", [lambda step: step.do(work), lambda step: step.do()(work)])
def test_the_name_may_be_that_of_the_function(decorate: Callable[[Step], Any]) -> None:
    """Without a name, with or without parentheses, the function's own is taken."""
    assert str(request_of(lambda step: decorate(step)()).key) == "work-1"


def test_an_empty_name_is_a_name() -> None:
    """The empty text is legal in both forms and is not replaced by the function's name."""
    assert request_of(lambda step: step.do("", work)).key.name == ""
    assert request_of(lambda step: step.do("")(work)()).key.name == ""


@pytest.mark.parametrize("name", ["x" * 256, "a b/c-1.ü 漢字 🎈", "\x7f", "\u200b", "üx" * 128])
def test_legal_names(name: str) -> None:
    """Up to 256 characters of any kind but control characters."""
    assert request_of(lambda step: step.do(name, work)).key.name == name


CALLS: dict[str, Callable[[Step, Any], Any]] = {
    "do": lambda step, name: step.do(name, work),
    "decorator": lambda step, name: step.do(name)(work),
    "sleep": lambda step, name: step.sleep(name, 1),
    "sleep_until": lambda step, name: step.sleep_until(name, 1),
    "wait_for_event": lambda step, name: step.wait_for_event(name, "go"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["x" * 257, "a\nb", "\x00", "tab\t", "\x1f", "lone \ud800"])
def test_illegal_names_are_refused(call: str, name: str) -> None:
    """A name that is too long, or cannot be shown or stored, raises ValueError that shows it."""
    error = error_of(lambda step: CALLS[call](step, name))
    assert isinstance(error, ValueError)
    assert repr(name)[:100] in str(error)
    assert "256 chars" in str(error)


@pytest.mark.parametrize("call", CALLS)
def test_a_name_must_be_text(call: str) -> None:
    """Anything but text as a name is a TypeError that shows it."""
    error = error_of(lambda step: CALLS[call](step, 42))
    assert isinstance(error, TypeError)
    assert "42" in str(error)


@pytest.mark.parametrize(
    "call",
    [
        lambda step: step.do("a", "not a function"),
        lambda step: step.do("a")("not a function"),
        lambda step: step.do("a")(None),
    ],
)
def test_a_callback_must_be_callable(call: Callable[[Step], Any]) -> None:
    """A step needs a function, and says which step does."""
    error = error_of(call)
    assert isinstance(error, TypeError)
    assert "Step 'a' requires a callback function" in str(error)


def test_a_function_without_a_name_needs_one() -> None:
    """A partial has no name of its own; with one it is a fine callback."""
    partial = functools.partial(int, "7")
    error = error_of(lambda step: step.do(partial))
    assert isinstance(error, TypeError)
    assert "write step.do(name)" in str(error)
    assert request_of(lambda step: step.do("seven")(partial)()).callback is not None


def test_bad_configuration_is_refused_at_the_call() -> None:
    """The error names step and key; nothing is asked for."""
    error = error_of(lambda step: step.do("a", work, config={"retires": {}}))
    assert isinstance(error, ValueError)
    assert "Step 'a'" in str(error)
    assert "'retires'" in str(error)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (0, 0.0),
        (1.5, 1.5),
        ("3 days", 3 * DAY),
        ("1h30m", 5400.0),
        (timedelta(weeks=1), 7 * DAY),
        (365 * DAY, 365 * DAY),
    ],
)
def test_sleeps_take_every_form_of_a_duration(duration: Any, expected: float) -> None:
    """A sleep asks for its seconds, whatever they were written as."""
    request = request_of(lambda step: step.sleep("nap", duration))
    assert (request.key.kind, request.delay, request.until) == (Kind.SLEEP, expected, None)


@pytest.mark.parametrize("duration", ["soon", -1, None, True, float("nan"), float("inf")])
def test_bad_durations_are_refused(duration: Any) -> None:
    """What is no duration raises an error that names the sleep, or the wait, and shows the accepted forms."""
    for call in (
        lambda step: step.sleep("nap", duration),
        lambda step: step.wait_for_event("nap", "go", timeout=duration),
    ):
        error = error_of(call)
        assert isinstance(error, ValueError)
        assert "'nap'" in str(error)
        assert "1h30m" in str(error)


@pytest.mark.parametrize(
    "call",
    [
        lambda step: step.sleep("nap", "366 days"),
        lambda step: step.sleep_until("nap", 1_000_000 + 366 * DAY),
        lambda step: step.wait_for_event("nap", "go", timeout=timedelta(days=365, seconds=1)),
    ],
)
def test_nothing_lasts_longer_than_a_year(call: Callable[[Step], Any]) -> None:
    """Sleeps and waits of more than 365 days are refused."""
    error = error_of(call, at=1_000_000)
    assert isinstance(error, ValueError)
    assert "'nap'" in str(error)
    assert "(WF_MAX_WAIT), not " in str(error)


MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment",
    [
        MOMENT,
        MOMENT.astimezone(timezone(timedelta(hours=-7))),
        MOMENT.astimezone().replace(tzinfo=None),
        MOMENT.timestamp(),
        int(MOMENT.timestamp()),
    ],
)
def test_sleep_until_takes_datetimes_and_seconds(moment: datetime | float) -> None:
    """Aware, naive (local time) and numeric moments are the same aware moment."""
    request = request_of(lambda step: step.sleep_until("until", moment), at=MOMENT.timestamp() - 60)
    assert (request.key.kind, request.until) == (Kind.SLEEP, MOMENT)
    assert request.until is not None
    assert request.until.tzinfo is not None


def test_sleep_until_may_lie_in_the_past() -> None:
    """A past moment is asked for like any other; the journal ends it at once."""
    request = request_of(lambda step: step.sleep_until("until", MOMENT), at=MOMENT.timestamp() + DAY)
    assert request.until == MOMENT


@pytest.mark.parametrize("moment", [1e300, float("nan"), float("inf"), -1e18])
def test_sleep_until_refuses_numbers_that_are_no_moment(moment: float) -> None:
    """A number outside the calendar raises ValueError that shows it."""
    error = error_of(lambda step: step.sleep_until("until", moment))
    assert isinstance(error, ValueError)
    assert "is not a moment in time" in str(error)


@pytest.mark.parametrize("moment", ["tomorrow", None, True, timedelta(days=1), MOMENT.date()])
def test_sleep_until_refuses_other_types(moment: Any) -> None:
    """Only datetimes and numbers are moments."""
    error = error_of(lambda step: step.sleep_until("until", moment))
    assert isinstance(error, TypeError)
    assert "must be a datetime or a number" in str(error)


def test_a_wait_has_a_type_and_a_day() -> None:
    """A wait asks for its event type, and by default for 24 hours."""
    request = request_of(lambda step: step.wait_for_event("approval", "approved"))
    assert (request.key.kind, request.event_type, request.delay) == (Kind.WAIT, "approved", DAY)
    assert request_of(lambda step: step.wait_for_event("a", "b", timeout="1 hour")).delay == 3600.0
    assert request_of(lambda step: step.wait_for_event("a", "b", 0)).delay == 0.0


@pytest.mark.parametrize("type", ["a", "A-b_9", "_x", "9", "x" * 100])
def test_legal_event_types(type: str) -> None:
    """1 to 100 letters, digits, '-' or '_', not beginning with '-'."""
    assert request_of(lambda step: step.wait_for_event("w", type)).event_type == type


@pytest.mark.parametrize("type", ["", "-a", "a.b", "a b", "ü", "x" * 101, "a\n", None, 5])
def test_illegal_event_types_are_refused(type: Any) -> None:
    """Anything else raises InvalidEventType with the type."""
    error = error_of(lambda step: step.wait_for_event("w", type))
    assert isinstance(error, InvalidEventType)
    assert error.type == type


def test_steps_are_futures() -> None:
    """A step call can be asked whether it is done, and given callbacks."""

    async def run(_event: Event, step: Step) -> Any:
        call, seen = step.do("a", work), []
        assert asyncio.isfuture(call)
        assert not call.done()
        call.add_done_callback(lambda one: seen.append(one.result()))
        await call
        return seen

    assert begin(run, done("a", 5)).outcome == Completed([5])
