"""A.6, L.17, the error rows of SPEC 2: NonRetryableError by class, and errors that are the same live and replayed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import entry
from tests.conformance.kit_steps import (
    Failing,
    caught,
    lives,
    once,
    output,
    result_of,
    started,
    to_the_end,
    wake,
)
from wf import NonRetryableError, StepError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Rig


class Halt(BaseException):
    """An author's own, which is no Exception."""


class CardError(NonRetryableError):
    """A subclass with a message of its own."""


class RefusedError(Exception):
    """An error with a constructor of its own, and facts."""

    def __init__(self, amount: int, *, currency: str) -> None:
        super().__init__(f"{amount} {currency} refused", amount)
        self.amount, self.currency = amount, currency


def chained() -> None:
    """Fails with everything that an error can have."""
    try:
        dict[str, int]()["card"]
    except KeyError as cause:
        error = RefusedError(7, currency="EUR")
        error.add_note("order 12")
        raise error from cause


def facts(error: BaseException) -> Any:
    """All that a replay has to give back."""
    cause = error.__cause__
    notes = getattr(error, "__notes__", [])
    mine = {key: value for key, value in vars(error).items() if not key.startswith("__")}
    args = [facts(error) for error in error.exceptions] if isinstance(error, ExceptionGroup) else error.args
    return [type(error), args, str(error), notes, mine, None if cause is None else facts(cause)]


NON_RETRYABLE: list[Callable[[], Exception]] = [
    lambda: NonRetryableError("stolen"),
    NonRetryableError,
    lambda: NonRetryableError(""),
    lambda: NonRetryableError("stolen", "CustomName"),
    lambda: CardError("expired"),
]


def test_a_non_retryable_error_ends_the_retries(rig: Rig) -> None:
    """By class, whatever its message and name, subclasses too: one attempt, and the error itself reaches `run`."""

    async def paying(_: Any, step: Any) -> Any:
        found = []
        for number, make in enumerate(NON_RETRYABLE):
            error = await caught(step.do, f"pay {number}", Failing(error=make()), config=once(3))
            found.append(facts(error)[:3] == facts(make())[:3])
        return found

    instance = started(rig, paying)
    assert output(instance) == [True] * 5
    assert [len(step.attempts) for step in instance.describe().steps] == [1] * 5
    assert {step.attempts[0].retry_at for step in instance.describe().steps} == {None}


def test_no_other_error_does(rig: Rig) -> None:
    """Not by the beginning of its message, and not by the name it gives itself."""
    impostor = ValueError("NonRetryableError: no")
    named = RuntimeError("no")
    named.name = "NonRetryableError"  # type: ignore[attr-defined]

    async def body(step: Any) -> Any:
        calls = [Failing(error=impostor), Failing(error=named)]
        for number, call in enumerate(calls):
            await caught(step.do, f"pay {number}", call, config=once(2))
        return [call.calls for call in calls]

    assert result_of(rig, body) == [3, 3]


def test_its_name_and_message_are_shown(rig: Rig) -> None:
    """Attempt, step and instance show the name and the original message of an uncaught one."""

    async def paying(_: Any, step: Any) -> Any:
        return await step.do("pay", Failing(error=NonRetryableError("card stolen")))

    instance = started(rig, paying)
    shown = instance.describe()
    errors = [shown.error, shown.steps[0].error, shown.steps[0].attempts[0].error, instance.status().error]
    assert [(error.name, error.message) for error in errors] == [("NonRetryableError", "card stolen")] * 4
    assert shown.status == "errored"
    with pytest.raises(NonRetryableError, match=r"^card stolen$"):
        instance.result(timeout=1)


def test_outside_a_step_it_is_an_error_like_others(rig: Rig) -> None:
    """Raised by `run` itself the instance is errored."""

    async def refusing(_: Any, step: Any) -> None:
        raise CardError("never")

    found = started(rig, refusing).status()
    assert (found.status, found.error.name, found.error.message) == ("errored", "CardError", "never")


def test_an_error_is_the_same_live_and_replayed(rig: Rig) -> None:
    """Class, arguments, message, notes, cause and attributes: the first raise is the reconstructed one, too."""
    made = [
        chained,
        Failing(error=KeyError("k", 2)),
        Failing(error=OSError(28, "No space", "a file")),
        Failing(error=UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")),
        Failing(error=CardError("expired")),
        Failing(error=ValueError()),
        Failing(error=ExceptionGroup("two", [ValueError(1), KeyError("k")])),
        Failing(error=TimeoutError("late")),
    ]

    async def body(step: Any) -> Any:
        found = []
        for number, callback in enumerate(made):
            error = await caught(step.do, f"{number}", callback, config=once())
            found.append(facts(error))
        return found

    live, replayed = lives(rig, body)
    assert live == replayed
    assert live[0] == [
        RefusedError,
        ("7 EUR refused", 7),
        "('7 EUR refused', 7)",
        ["order 12"],
        {"amount": 7, "currency": "EUR"},
        [KeyError, ("card",), "'card'", [], {}, None],
    ]
    assert [error[0] for error in live[1:7]] == [
        KeyError,
        OSError,
        UnicodeDecodeError,
        CardError,
        ValueError,
        ExceptionGroup,
    ]
    assert live[7][0] is TimeoutError


def test_except_clauses_work_in_every_lifetime(rig: Rig) -> None:
    """`except MyError` catches its own class and its bases, and nothing else."""

    async def body(step: Any) -> Any:
        try:
            await step.do("pay", chained, config=once())
        except (OSError, NonRetryableError):
            return "the wrong one"
        except RefusedError as error:
            return error.amount

    assert lives(rig, body) == [7, 7]


def test_a_class_that_cannot_be_rebuilt_becomes_a_step_error(rig: Rig) -> None:
    """With the name and the message of the original, live as on replay."""

    class LocalError(Exception):
        """Nobody can import it."""

    async def body(step: Any) -> Any:
        error = await caught(step.do, "pay", Failing(error=LocalError("no", 1)), config=once())
        return [type(error), error.name, error.message]

    live, replayed = lives(rig, body)
    assert live == replayed
    assert live[0] is StepError
    assert live[1].endswith("LocalError")
    assert live[2] == "('no', 1)"


def test_errors_that_no_coroutine_can_be_told_become_step_errors(rig: Rig) -> None:
    """StopIteration, and what is no Exception, reach `run` as a StepError that `except Exception` catches."""
    made = [StopIteration(3), asyncio.CancelledError("away"), GeneratorExit("left"), Halt("now")]

    async def body(step: Any) -> Any:
        found = []
        for number, error in enumerate(made):
            callback = Failing(error=error)
            got = await caught(step.do, f"{number}", callback, config=once())
            found.append((type(got), got.name, got.message))
        return found

    live, replayed = lives(rig, body)
    assert live == replayed == [(StepError, type(error).__name__, str(error)) for error in made]


def test_an_error_in_run_is_shown_with_its_traceback(rig: Rig) -> None:
    """The instance is errored at once, with class, message, and the line that raised it."""

    async def stumbling(_: Any, step: Any) -> None:
        await step.do("first", lambda: 1)
        raise RefusedError(7, currency="EUR")

    instance = started(rig, stumbling)
    shown = instance.describe()
    assert (shown.status, shown.success, shown.output) == ("errored", False, None)
    assert (shown.error.name, shown.error.message) == ("RefusedError", "('7 EUR refused', 7)")
    assert 'raise RefusedError(7, currency="EUR")' in shown.error.traceback
    assert __file__.rsplit("/", 1)[-1] in shown.error.traceback
    assert len(shown.steps) == 1
    with pytest.raises(RefusedError) as raised:
        instance.result(timeout=1)
    assert raised.value.currency == "EUR"


def test_an_uncaught_step_error_is_the_instances(rig: Rig) -> None:
    """With the traceback of the callback, where it really happened."""

    async def paying(_: Any, step: Any) -> None:
        await step.do("pay", chained, config=once())

    instance = started(rig, paying)
    wake(rig)
    shown = instance.describe()
    assert shown.error.name == shown.steps[0].error.name == "RefusedError"
    assert "in chained" in shown.error.traceback
    assert "in chained" in shown.steps[0].attempts[0].error.traceback
    with pytest.raises(RefusedError) as raised:
        instance.result(timeout=1)
    assert type(raised.value.__cause__) is KeyError


def test_an_error_of_one_step_may_be_raised_by_another(rig: Rig) -> None:
    """A caught error can be the cause of a new one; both keep what they were."""

    async def wrapping(_: Any, step: Any) -> None:
        try:
            await step.do("pay", chained, config=once())
        except RefusedError as error:
            raise CardError("gave up") from error

    instance = started(rig, wrapping)
    assert instance.status().error.name == "CardError"
    with pytest.raises(CardError) as raised:
        instance.result(timeout=1)
    assert type(raised.value.__cause__) is RefusedError


def test_a_callback_that_is_cancelled_has_failed(rig: Rig) -> None:
    """A CancelledError that a callback raises by itself is a failed attempt like any other."""
    calls: list[int] = []

    async def cancel_itself() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise asyncio.CancelledError
        return "second try"

    async def trying(_: Any, step: Any) -> Any:
        return await step.do("try", cancel_itself, config=once(1))

    instance = started(rig, trying)
    shown = to_the_end(rig, instance)
    assert (shown.output, len(entry(instance, "try-1").attempts)) == ("second try", 2)
