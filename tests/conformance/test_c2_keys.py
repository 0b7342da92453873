"""C.2, L.16, and the rule for names of A.2: what makes a step the same step in every lifetime."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.conformance.kit_steps import HOUR, caught, new_lifetime, output, started, to_the_end, wake

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support import Rig

LEGAL = [
    "",
    " ",
    "x" * 256,
    "größe 5 → 6",
    "a/b?c=%20",
    "a-1",
    "\x7f",
    "\u200b",
    "名前",
    "'; drop table step; --",
    "{}",
    "🎉" * 128,
]
ILLEGAL = ["x" * 257, "a\nb", "\t", "nul \x00", "\x1f", "🎉" * 257]


def callers(step: Any, name: Any) -> dict[str, Callable[[], Awaitable[Any]]]:
    """Every way to give a step a name."""

    def decorated() -> Any:
        return step.do(name)(bool)()

    return {
        "do": lambda: step.do(name, lambda: None),
        "decorator": decorated,
        "sleep": lambda: step.sleep(name, 0),
        "sleep_until": lambda: step.sleep_until(name, 0.0),
        "wait_for_event": lambda: step.wait_for_event(name, "go", timeout=1),
        "transaction": lambda: step.transaction(name, bool),
    }


def test_the_same_name_again_is_the_next_step(rig: Rig) -> None:
    """Counted from 1, shown as `<name>-<count>`, in the order of the calls; each has its own result."""

    async def repeating(_: Any, step: Any) -> Any:
        one_by_one = [await step.do("a", lambda number=number: number) for number in range(3)]
        together = await asyncio.gather(*[step.do("a", lambda number=number: number) for number in range(3, 6)])
        await step.sleep("between", HOUR)
        return [*one_by_one, *together]

    instance = started(rig, repeating)
    wake(rig)
    assert output(instance) == [0, 1, 2, 3, 4, 5]
    assert [(step.name, step.output) for step in instance.describe().steps[:6]] == [(f"a-{n + 1}", n) for n in range(6)]


def test_kinds_are_counted_apart(rig: Rig) -> None:
    """A `do`, a sleep and a wait may share a name; both kinds of sleep are one kind."""

    async def sharing(_: Any, step: Any) -> Any:
        found = []
        for number in range(2):
            found.append(await step.do("x", lambda number=number: number))
            await step.sleep("x", HOUR)
            await step.sleep_until("x", 0)
            found.append((await step.wait_for_event("x", "go")).payload)
        return found

    instance = started(rig, sharing)
    for payload in "ab":
        instance.send_event("go", payload)
    wake(rig)
    wake(rig)
    assert output(instance) == [0, "a", 1, "b"]
    steps = [(step.type, step.name) for step in instance.describe().steps]
    assert steps == [
        ("step", "x-1"), ("sleep", "x-1"), ("sleep", "x-2"), ("waitForEvent", "x-1"),
        ("step", "x-2"), ("sleep", "x-3"), ("sleep", "x-4"), ("waitForEvent", "x-2"),
    ]  # fmt: skip


def test_counters_begin_anew_in_each_lifetime(rig: Rig) -> None:
    """However often a loop is replayed, its steps keep their counts and nothing runs twice."""
    calls: list[int] = []

    async def looping(_: Any, step: Any) -> None:
        for number in range(4):
            await step.do("turn", lambda number=number: calls.append(number))
            await step.sleep("pause", HOUR)

    instance = started(rig, looping)
    found = to_the_end(rig, instance, lifetimes=True)
    assert calls == [0, 1, 2, 3]
    assert [step.name for step in found.steps] == [f"{name}-{n}" for n in range(1, 5) for name in ("turn", "pause")]


def test_names_that_look_like_counted_ones_do_not_collide(rig: Rig) -> None:
    """`a` for the second time and `a-2` for the first are two steps."""

    async def alike(_: Any, step: Any) -> Any:
        found = [await step.do(name, lambda n=n: n) for n, name in enumerate(["a", "a", "a-2", "a-1", "a-1-1", "a"])]
        await step.sleep("between", HOUR)
        return found

    instance = started(rig, alike)
    wake(rig)
    assert output(instance) == [0, 1, 2, 3, 4, 5]


def test_results_go_by_name_and_not_by_position(rig: Rig) -> None:
    """A deploy may change the order of independent steps; nothing is done again."""
    order = ["a", "b", "c"]
    calls: list[str] = []

    def call(ctx: Any) -> str:
        calls.append(ctx.step.name)
        return calls[-1].upper()

    async def deployed(_: Any, step: Any) -> Any:
        found = {name: await step.do(name, call) for name in order}
        await step.sleep("between", HOUR)
        return found

    instance = started(rig, deployed)
    order = ["c", "a", "b"]
    wake(rig)
    assert output(instance) == {"a": "A", "b": "B", "c": "C"}
    assert calls == ["a", "b", "c"]


def test_steps_of_one_tick_are_counted_in_the_order_of_their_calls(rig: Rig) -> None:
    """Whatever order their callbacks end in: the third call of a name is the third step, live and replayed."""

    async def racing(_: Any, step: Any) -> Any:
        tasks = [asyncio.create_task(late(step, number)) for number in range(3)]
        found = await asyncio.gather(*tasks)
        await step.sleep("between", HOUR)
        return found

    async def late(step: Any, number: int) -> Any:
        await step.sleep(f"start {number}", 3 - number)
        first = await step.do("shared", lambda ctx: [number, ctx.step.count])
        return [first, await step.do("shared", lambda ctx: [number, ctx.step.count])]

    instance = started(rig, racing)
    found = to_the_end(rig, instance, lifetimes=True)
    assert found.output == [[[0, 5], [0, 6]], [[1, 3], [1, 4]], [[2, 1], [2, 2]]]


def test_every_legal_name_is_taken(rig: Rig) -> None:
    """Up to 256 characters without control characters, the empty one too; each finds its own result again."""

    async def naming(_: Any, step: Any) -> Any:
        found = [await step.do(name, lambda name=name: name) for name in LEGAL]
        for name in LEGAL:
            await step.sleep(name, 0)
        await step.sleep("between", HOUR)
        return found

    instance = started(rig, naming)
    wake(rig)
    assert output(instance) == LEGAL
    assert [step.name for step in instance.describe().steps][: len(LEGAL)] == [f"{name}-1" for name in LEGAL]


def test_other_names_are_refused(rig: Rig) -> None:
    """Thrown out of the call, catchable, with the name and the rule; no step of it is in the journal."""

    async def naming(_: Any, step: Any) -> Any:
        found = []
        for name in ILLEGAL:
            for call in callers(step, name).values():
                error = await caught(call)
                found.append((type(error).__name__, "exceeds max length (256 chars) or invalid" in str(error)))
        for no_text in (7, b"bytes", ["list"]):
            for kind, call in callers(step, no_text).items():
                error = await caught(call)
                found.append((kind, isinstance(error, TypeError | ValueError)))
        return found

    instance = started(rig, naming)
    found = output(instance)
    assert set(found[: 6 * len(ILLEGAL)]) == {("ValueError", True)}
    assert {kind for kind, refused in found[6 * len(ILLEGAL) :] if not refused} == set()
    assert instance.describe().steps == []


def test_a_refused_call_does_not_count(rig: Rig) -> None:
    """A call that never became a step takes no number from those that do."""

    async def stumbling(_: Any, step: Any) -> Any:
        await caught(step.do, "a", lambda: 1, config={"timeout": 0})
        await caught(step.sleep, "b", "soon")
        counts = [await step.do("a", lambda ctx: ctx.step.count)]
        await step.sleep("b", 0)
        return counts

    instance = started(rig, stumbling)
    new_lifetime(rig)
    assert output(instance) == [1]
    assert [step.name for step in instance.describe().steps] == ["a-1", "b-1"]
