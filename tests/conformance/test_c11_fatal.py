"""C.11 and the step rows of D, as SPEC 2 and 7.13 have them: failures without a retry, which `run` may catch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import MIB, entry
from tests.conformance.kit_steps import Failing, caught, flow, lives, once, output, result_of, started, to_the_end, wake
from tests.support import Rig
from wf import PayloadTooLarge, SerializationError

if TYPE_CHECKING:
    from wf.settings import Settings

CYCLE: list[Any] = []
CYCLE.append(CYCLE)

OVERHEAD = 3
"""Bytes of a stored text beside its characters: two quotes, and the mark of the format."""

UNSTORABLE: list[tuple[Any, str]] = [
    ({"files": [0, 1, 2, {"handle": open}]}, "$.files[3].handle"),
    (open, "$"),
    ([1, object()], "$[1]"),
    ((1, {2: {3: iter([])}}), "$[1]"),
    ({"cycle": CYCLE}, "$.cycle"),
    ({"task": asyncio.sleep}, "$.task"),
    ({object(): 1}, "$"),
]
"""Results that cannot be stored, and where."""


def test_what_cannot_be_stored_fails_the_step_at_once(rig: Rig) -> None:
    """No retry; a SerializationError that names step and path, caught like any error, the same on replay."""

    async def giving(step: Any) -> Any:
        found = []
        for value, path in UNSTORABLE:
            error = await caught(step.do, "give", lambda value=value: value, config=once(3))
            found.append((type(error), path in str(error), str(error)))
        return found

    live, replayed = lives(rig, giving)
    assert live == replayed
    assert [kind for kind, _, _ in live] == [SerializationError] * len(UNSTORABLE)
    assert [message for _, named, message in live if not named] == []


def test_what_cannot_be_stored_is_tried_once(rig: Rig) -> None:
    """One attempt, which has failed; uncaught the instance is errored with the same error."""
    calls: list[int] = []

    def give(ctx: Any) -> Any:
        calls.append(ctx.attempt)
        return {"handle": print}

    async def giving(_: Any, step: Any) -> Any:
        return await step.do("give", give)

    instance = started(rig, giving)
    shown = instance.describe()
    (attempt,) = shown.steps[0].attempts
    assert (shown.status, calls, attempt.success, attempt.retry_at) == ("errored", [1], False, None)
    assert shown.error.name == shown.steps[0].error.name == attempt.error.name == "SerializationError"
    assert "$.handle" in shown.error.message
    with pytest.raises(SerializationError):
        instance.result(timeout=1)


def test_results_up_to_a_mebibyte_are_stored(rig: Rig) -> None:
    """2^20 bytes as they are stored, and not one more; the error says whose result, size and limit."""

    async def body(step: Any) -> Any:
        whole = await step.do("whole", lambda: "x" * (MIB - OVERHEAD))
        error = await caught(step.do, "more", lambda: "x" * (MIB - OVERHEAD + 1), config=once(3))
        return [len(whole), type(error), str(error)]

    live, replayed = lives(rig, body)
    assert live == replayed
    assert live[:2] == [MIB - OVERHEAD, PayloadTooLarge]
    assert "'more-1' is 1,048,577 bytes; the limit is 1,048,576 (WF_MAX_PAYLOAD)" in live[2]


def test_too_big_a_result_is_tried_once(rig: Rig) -> None:
    """SPEC 7.13: like one that is not serialisable."""
    calls: list[int] = []

    def give(ctx: Any) -> str:
        calls.append(ctx.attempt)
        return "x" * 2 * MIB

    async def giving(_: Any, step: Any) -> Any:
        return await step.do("give", give)

    instance = started(rig, giving)
    assert (instance.status().error.name, calls) == ("PayloadTooLarge", [1])
    assert [attempt.retry_at for attempt in entry(instance, "give-1").attempts] == [None]


def test_the_output_of_run_follows_the_same_rules(rig: Rig) -> None:
    """What cannot be stored, or is too big, leaves the instance errored, with what it says of itself."""
    outputs: list[tuple[Any, str, str]] = [
        ({"a": [print]}, "SerializationError", "$.a[0]"),
        ("x" * MIB, "PayloadTooLarge", "1,048,576"),
    ]
    for value, name, text in outputs:

        async def giving(_: Any, step: Any, value: Any = value) -> Any:
            await step.do("first", lambda: 1)
            return value

        shown = started(rig, giving).describe()
        assert (shown.status, shown.error.name, shown.output) == ("errored", name, None)
        assert text in shown.error.message
        assert shown.steps[0].success is True

    async def exactly(_: Any, step: Any) -> str:
        return "x" * (MIB - OVERHEAD)

    assert len(output(started(rig, exactly))) == MIB - OVERHEAD


def test_nothing_is_a_result(rig: Rig) -> None:
    """A step or a `run` that returns nothing gives None."""

    async def silent(_: Any, step: Any) -> None:
        assert await step.do("silent", lambda: None) is None

    shown = started(rig, silent).describe()
    assert (shown.status, shown.success, shown.output, shown.steps[0].output) == ("complete", True, None, None)


def test_the_limit_of_steps(rig: Rig) -> None:
    """`limits={"steps": n}`: call n + 1 throws at once, catchable, with the limit; nothing of it is journaled."""

    async def counting(_: Any, step: Any) -> Any:
        for number in range(3):
            await step.do(f"{number}", lambda: None)
        await step.sleep("sleeps do not count", 0)
        found = [await caught(step.do, "one more", lambda: None) for _ in range(2)]
        return [str(error) for error in found]

    instance = started(rig, counting, limits={"steps": 3})
    assert all(message.startswith("The limit of 3 steps has been reached") for message in output(instance))
    assert instance.describe().step_count == 3


def test_the_limit_counts_each_lifetime_anew(rig: Rig) -> None:
    """Steps that are replayed count once for each lifetime, not once more."""

    async def looping(_: Any, step: Any) -> int:
        for _ in range(5):
            await step.do("turn", lambda: None)
            await step.sleep("between", 60)
        return 5

    instance = started(rig, looping, limits={"steps": 5})
    assert to_the_end(rig, instance, lifetimes=True).output == 5


def test_retries_do_not_count_for_the_limit(rig: Rig) -> None:
    """A step is a step, however often it is tried; dependencies of a graph are steps, too."""

    async def trying(_: Any, step: Any) -> Any:
        return await step.do("try", Failing(4), config=once(5))

    assert to_the_end(rig, started(rig, trying, limits={"steps": 1})).output == 5


def test_an_uncaught_limit_ends_the_instance(rig: Rig) -> None:
    """The instance is errored; the error says where the limit is set."""

    async def counting(_: Any, step: Any) -> None:
        await asyncio.gather(*[step.do("many", lambda: None) for _ in range(3)])

    found = started(rig, counting, limits={"steps": 2}).status()
    assert (found.status, found.error.name) == ("errored", "StepLimitError")
    assert "limits={'steps': n}" in found.error.message


def test_limits_are_settings(settings: Settings) -> None:
    """WF_MAX_STEPS and WF_MAX_PAYLOAD hold for every workflow that says nothing itself."""
    with Rig(settings.model_copy(update={"max_steps": 2, "max_payload": 100})) as rig:

        async def body(step: Any) -> Any:
            too_big = await caught(step.do, "big", lambda: "x" * (101 - OVERHEAD), config=once(2))
            fits = await step.do("fits", lambda: "x" * (100 - OVERHEAD))
            too_many = await caught(step.do, "third", lambda: None)
            return [str(too_big)[:80].count("101"), len(fits), str(too_many)[:40]]

        assert result_of(rig, body) == [1, 100 - OVERHEAD, "The limit of 2 steps has been reached. R"]

        async def own(_: Any, step: Any) -> int:
            for _ in range(3):
                await step.do("turn", lambda: None)
            return 3

        assert output(started(rig, own, limits={"steps": 3})) == 3


def test_an_instance_goes_on_after_a_caught_failure(rig: Rig) -> None:
    """Nothing of C.11 is fatal here: later steps run, and a replay comes to the same end."""

    async def going_on(_: Any, step: Any) -> Any:
        await caught(step.do, "unstorable", lambda: print, config=once(2))
        await step.sleep("between", 3600)
        return await step.do("after", lambda: "went on")

    instance = rig.create(flow(going_on))
    rig.settle()
    wake(rig)
    assert output(instance) == "went on"
