"""C.3, L.5 to L.7 and L.23: what is journaled is not done again, and what is not is done again in each lifetime."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.conformance.kit_events import entry, moment
from tests.conformance.kit_steps import (
    HOUR,
    Failing,
    caught,
    delays,
    lives,
    new_lifetime,
    once,
    output,
    started,
    to_the_end,
    wake,
)
from wf import NonRetryableError, WorkflowTimeoutError

if TYPE_CHECKING:
    from tests.support import Rig


def test_a_result_is_not_computed_again(rig: Rig) -> None:
    """A cached step gives its value without running; None, False and empty values are values."""
    calls: list[int] = []
    values: list[Any] = [None, False, 0, "", [], {}, {"a": [1, None]}]

    async def body(step: Any) -> Any:
        def give(number: int) -> Any:
            calls.append(number)
            return values[number]

        return [await step.do("give", lambda number=number: give(number)) for number in range(len(values))]

    assert lives(rig, body) == [values, values]
    assert calls == list(range(len(values)))


def test_a_value_that_run_changed_is_given_as_it_was(rig: Rig) -> None:
    """The live value is not the callback's own object, and what `run` does to it is not kept."""
    original = {"rows": [1]}

    async def body(step: Any) -> Any:
        found = await step.do("read", lambda: original)
        before = [found is original, list(found["rows"])]
        found["rows"].append(2)
        return before

    assert lives(rig, body) == [[False, [1]], [False, [1]]]
    assert original == {"rows": [1]}


def test_a_failure_is_thrown_again_without_running(rig: Rig) -> None:
    """Exhausted retries, and a NonRetryableError, are final: same class, same message, no further attempt."""
    exhausted, refused = Failing(), Failing(error=NonRetryableError("refused"))

    async def body(step: Any) -> Any:
        first = await caught(step.do, "exhausted", exhausted, config=once(2))
        second = await caught(step.do, "refused", refused, config=once(2))
        return [type(first), str(first), type(second), str(second)]

    assert lives(rig, body) == [[ValueError, "failure 3", NonRetryableError, "refused"]] * 2
    assert (exhausted.calls, refused.calls) == (3, 1)


def test_a_timeout_is_thrown_again_without_running(rig: Rig) -> None:
    """A step that timed out is a step that failed."""
    calls: list[int] = []

    async def hang() -> None:
        calls.append(1)
        await asyncio.Event().wait()

    async def body(step: Any) -> Any:
        error = await caught(step.do, "hang", hang, config={**once(), "timeout": 0.02})
        return [type(error), error.args, error.seconds]

    live, replayed = lives(rig, body)
    assert live == replayed
    assert len(calls) == 1


def test_a_timeout_that_is_over_at_once_is_an_ordinary_failure(rig: Rig) -> None:
    """A coroutine whose time is over before it could start fails in its own task, not beside it."""

    async def hang() -> None:
        await asyncio.Event().wait()

    async def body(step: Any) -> Any:
        errors = [await caught(step.do, "hang", hang, config={**once(), "timeout": 1e-9}) for _ in range(30)]
        return [type(error) for error in errors]

    live, replayed = lives(rig, body)
    assert live == replayed == [WorkflowTimeoutError] * 30


def test_a_replay_writes_nothing(rig: Rig) -> None:
    """Lifetimes that only replay leave journal, description and feed as they were."""

    async def waiting(_: Any, step: Any) -> None:
        await step.do("one", lambda: 1)
        await caught(step.do, "two", Failing(), config=once(1))
        await step.sleep("nothing", 0)
        await step.sleep("long", 10 * HOUR)

    instance = started(rig, waiting)
    rows = "select generation, rev, created_at, due_at from wf.instance"
    to_the_sleep = rig.sql(rows), instance.describe().steps
    for _ in range(3):
        new_lifetime(rig)
        instance.send_event("unrelated")  # a reason to look at the instance
        rig.settle()
    found = instance.describe().steps
    assert found == to_the_sleep[1]
    assert [step.name for step in found] == ["one-1", "two-1", "nothing-1", "long-1"]
    to_the_end(rig, instance, lifetimes=True)
    told = [(event.type, event.get("stepName"), event.get("attempt")) for event in instance.subscribe(cursor=0)]
    journal = [event for event in told if not event[0].startswith("workflow_")]
    assert len(journal) == len(set(journal)) == 14


def test_the_first_configuration_wins(rig: Rig) -> None:
    """A deploy that changes limit, delay or backoff changes them for steps that have not begun, and for no others."""
    config = once(2, delay=60, backoff="constant")

    async def deployed(_: Any, step: Any) -> None:
        await caught(step.do, "old", Failing(), config=config)
        await caught(step.do, "new", Failing(), config=config)

    instance = started(rig, deployed)
    config = once(0, delay=5)
    to_the_end(rig, instance, lifetimes=True)
    assert delays(entry(instance, "old-1")) == [60, 60]
    assert len(entry(instance, "old-1").attempts) == 3
    assert entry(instance, "old-1").config["retries"]["limit"] == 2
    assert len(entry(instance, "new-1").attempts) == 1


def test_the_first_timeout_wins(rig: Rig) -> None:
    """An attempt after the deploy still has the time that its step was given first."""
    seen: list[float] = []
    config: dict[str, Any] = {**once(1, delay=60), "timeout": "5 minutes"}

    async def deployed(_: Any, step: Any) -> None:
        calls = Failing(times=1)

        def call(ctx: Any) -> Any:
            seen.append(ctx.config["timeout"])
            return None if len(seen) > 1 else calls()

        await step.do("call", call, config=config)

    instance = started(rig, deployed)
    config = {"timeout": "1 second"}
    to_the_end(rig, instance, lifetimes=True)
    assert seen == [300, 300]


def test_the_delay_function_is_that_of_todays_code(rig: Rig) -> None:
    """Functions cannot be stored: today's is asked, and without one the default of 10 seconds counts."""
    delay: Any = lambda: 100  # noqa: E731  (three deploys of one function)

    async def deployed(_: Any, step: Any) -> None:
        retries = {"limit": 3, "backoff": "constant", **({} if delay is None else {"delay": delay})}
        await caught(step.do, "call", Failing(), config={"retries": retries})

    instance = started(rig, deployed)
    for later, waited in ((lambda: 50, 100), (None, 50)):
        delay = later
        wake(rig, waited)
    to_the_end(rig, instance)
    assert delays(entry(instance, "call-1")) == [100, 50, 10]


def test_a_fixed_delay_that_is_stored_wins_over_a_function(rig: Rig) -> None:
    """What was journaled at the first call is not replaced by a function of a later deploy."""
    delay: Any = 30

    async def deployed(_: Any, step: Any) -> None:
        config = {"retries": {"limit": 2, "backoff": "constant", "delay": delay}}
        await caught(step.do, "call", Failing(), config=config)

    instance = started(rig, deployed)
    delay = lambda: 7  # noqa: E731  (another deploy)
    to_the_end(rig, instance, lifetimes=True)
    assert delays(entry(instance, "call-1")) == [30, 30]


def test_only_the_rest_of_a_delay_is_waited_for(rig: Rig) -> None:
    """A pending retry keeps its time over any number of lifetimes, and its step its start."""
    calls = Failing(times=1)

    async def retried(_: Any, step: Any) -> Any:
        return await step.do("call", calls, config=once(1, delay=HOUR))

    instance = started(rig, retried)
    for _ in range(5):
        wake(rig, HOUR / 6)
        assert instance.describe().next_wake == moment(HOUR)
    assert calls.calls == 1
    wake(rig, HOUR / 6)
    assert output(instance) == 2
    shown = entry(instance, "call-1")
    assert (shown.start, shown.end) == (moment(0), moment(HOUR))
    assert [attempt.start for attempt in shown.attempts] == [moment(0), moment(HOUR)]


def test_a_step_whose_code_is_gone_keeps_its_result_unused(rig: Rig) -> None:
    """A step that is new in the code runs; the ones that are cached around it do not."""
    calls: list[str] = []
    names = ["a", "b"]

    async def deployed(_: Any, step: Any) -> Any:
        found = [await step.do(name, lambda name=name: calls.append(name)) for name in names]
        await step.sleep("between", HOUR)
        return len(found)

    instance = started(rig, deployed)
    names = ["a", "new", "b"]
    wake(rig)
    assert (output(instance), calls) == (3, ["a", "b", "new"])


def test_code_outside_steps_runs_again_in_each_lifetime(rig: Rig) -> None:
    """From the first line of `run` to where it waits; variables of `run` are built anew from the journal."""
    lines: list[str] = []

    async def talking(event: Any, step: Any) -> list[int]:
        lines.append("begin")
        total = []
        for number in range(2):
            total.append(await step.do("count", lambda number=number: number + 1))
            await step.sleep("between", HOUR)
            lines.append(f"woke {number}")
        return total

    instance = started(rig, talking)
    wake(rig)
    wake(rig)
    assert output(instance) == [1, 2]
    assert lines == ["begin", "begin", "woke 0", "begin", "woke 0", "woke 1"]
