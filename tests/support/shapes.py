# ruff: noqa: C417, PERF401, SIM105, B007  (workflows as people write them)
# mypy: allow-untyped-decorators, allow-untyped-calls
"""Shapes of workflows: a `run` for each spelling that there is, and its diagram."""

from __future__ import annotations

import asyncio
from functools import partial
from types import new_class
from typing import TYPE_CHECKING, Any

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = {"retries": {"limit": 2, "delay": "1 second"}, "timeout": "1 minute"}


def work(*_: Any) -> Any:
    """What steps do."""


async def plain(self: Any, event: Any, step: Any) -> Any:
    await step.do("first", work)
    await step.sleep("nap", "3 days")
    await step.sleep_until("noon", event.timestamp)
    await step.wait_for_event("approval", "approved", timeout="1 hour")
    return await step.transaction("book", work)


async def under_another_name(self: Any, event: Any, s: Any) -> Any:
    do = s.do
    again = s
    await do("first", work)
    await again.do(name="second", callback=work)


async def decorated(self: Any, event: Any, step: Any) -> Any:
    @step.do("create report")
    async def create() -> Any: ...

    @step.do
    async def bare() -> Any: ...

    @step.do()
    def empty() -> Any: ...

    @step.transaction("book")
    def book(connection: Any) -> Any: ...

    never = step.do("never called")(work)
    later = step.do("applied")(lambda: 1)
    await create()
    await bare()
    await empty()
    await book()
    await later()
    return never


async def implicit_dependencies(self: Any, event: Any, step: Any) -> Any:
    @step.do()
    async def source() -> Any: ...

    @step.do()
    async def left(source: Any) -> Any: ...

    @step.do("both", concurrent=True)
    async def both(ctx: Any, source: Any, left: Any) -> Any: ...

    await both()


async def declared_dependencies(self: Any, event: Any, step: Any) -> Any:
    @step.do("a b")
    async def one() -> Any: ...

    @step.do("c d")
    async def two() -> Any: ...

    @step.do("sum", depends=[one, two], concurrent=True)
    async def total(x: Any, y: Any) -> Any: ...

    await total()


async def gathered(self: Any, event: Any, step: Any) -> Any:
    await asyncio.gather(step.do("a", work), step.do("b", work))
    await asyncio.gather(*[step.do(f"upload {f}", work) for f in event.payload], return_exceptions=True)
    await asyncio.gather(*(step.do(f"send {f}", work) for f in event.payload))


async def gathered_later(self: Any, event: Any, step: Any) -> Any:
    parts = []
    for part in event.payload:
        parts.append(step.do(f"part {part}", work))
    await asyncio.gather(*parts)
    a = step.do("a", work)
    b = step.do("b", work)
    work(a)
    await asyncio.gather(a, b)


async def gathered_by_key(self: Any, event: Any, step: Any) -> Any:
    parts = {}
    for part in event.payload:
        parts[part] = step.do(f"part {part}", work)
    await asyncio.gather(*parts.values())


async def generated(self: Any, event: Any, step: Any) -> Any:
    async def pages() -> Any:
        for number in range(2):
            yield await step.do(f"page {number}", work)

    async for _ in pages():
        await step.do("use", work)
    return [await step.do("use again", work) async for _ in pages()]


async def begun_and_awaited(self: Any, event: Any, step: Any) -> Any:
    slow = step.do("slow", work)
    task = asyncio.create_task(self._inner(step))
    await step.do("quick", work)
    await slow
    await task
    step.do("nobody waits", work)


async def mixed_loop(self: Any, event: Any, step: Any) -> Any:
    parts = []
    for part in event.payload:
        await step.do("prepare", work)
        parts.append(step.do("send", work))
    await asyncio.gather(*parts)


async def races(self: Any, event: Any, step: Any) -> Any:
    done, late = await asyncio.wait(
        [step.do("a", work), step.wait_for_event("b", "b")], return_when=asyncio.FIRST_COMPLETED
    )
    await asyncio.wait({step.do("c", work), step.do("d", work)})
    await asyncio.wait_for(step.do("e", work), timeout=60)
    async with asyncio.timeout(60):
        await step.do("f", work)
        await step.do("g", work)
    for each in asyncio.as_completed([step.do("h", work), step.do("i", work)]):
        await each
    return done, late


async def task_group(self: Any, event: Any, step: Any) -> Any:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(self._inner(step))
        for name in event.payload:
            tasks.create_task(step.do(f"part {name}", work))


async def timers(self: Any, event: Any, step: Any) -> Any:
    await asyncio.sleep(60)
    await asyncio.sleep(0)
    nap = asyncio.sleep(5)
    await step.do("a", work)
    await nap


async def loops(self: Any, event: Any, step: Any) -> Any:
    for each in await step.do("list", work):
        if each:
            continue
        await step.do("one", work)
    while not await step.do("poll", work):
        await step.sleep("pause", 60)
        if event.payload:
            break
    else:
        await step.do("at the end", work)
    async for _ in event.stream():
        await step.do("streamed", work)
    for each in event.payload:
        if each:
            break
    return [await step.do(f"each {e}", work) for e in event.payload]


async def branches(self: Any, event: Any, step: Any) -> Any:
    if event.payload > 1:
        await step.do("many", work)
    elif await step.do("ask", work):
        await step.do("few", work)
    else:
        raise ValueError
    if event.payload == 7:
        return None
    if event.payload == 8:
        work("nothing that counts")
    await (step.do("yes", work) if event.payload else step.do("no", work))
    event.payload and await step.do("and", work)
    return event.payload or await step.do("or", work)


async def matched(self: Any, event: Any, step: Any) -> Any:
    match event.payload:
        case {"kind": "a"}:
            await step.do("a", work)
        case int() if event.payload > 1:
            await step.do("b", work)
        case _:
            await step.do("else", work)


async def guarded(self: Any, event: Any, step: Any) -> Any:
    try:
        await step.do("a", work)
    except ValueError:
        await step.do("mend", work)
    finally:
        await step.do("clean", work)
    try:
        await step.do("b", work)
    except (KeyError, TypeError) as error:
        await step.do("mend keys", work, config={"timeout": str(error)})
    except Exception:
        pass
    else:
        await step.do("went well", work)
    try:
        work("nothing")
    except ValueError:
        pass


async def helpers(self: Any, event: Any, step: Any) -> Any:
    await self._inner(step)
    await _outer(step, 1)
    await _outer(step, 2)
    work(event)

    async def inside(name: str) -> Any:
        await step.do(f"inside {name}", work)

    await asyncio.gather(*map(inside, event.payload))
    await asyncio.gather(*[inside(name) for name in event.payload])


async def lambdas(self: Any, event: Any, step: Any) -> Any:
    one = lambda name: step.do(f"one {name}", work)  # noqa: E731  (people do)
    await one("a")
    await asyncio.gather(*map(lambda name: step.do(f"many {name}", work), event.payload))
    two = partial(step.do, "two", config=QUICK)
    await two(work)
    await partial(_outer, step)(1)


async def tables(self: Any, event: Any, step: Any) -> Any:
    async def red() -> Any:
        await step.do("red", work)

    async def blue() -> Any:
        await step.do("blue", work)

    for paint in (red, blue):
        await paint()
    await {"r": red, "b": blue}[event.payload]()


async def recursive(self: Any, event: Any, step: Any) -> Any:
    async def down(depth: int) -> Any:
        await step.do(f"depth {depth}", work)
        if depth:
            await down(depth - 1)

    await down(3)


async def recursive_by_name(self: Any, event: Any, step: Any) -> Any:
    async def down(name: str) -> Any:
        await step.do(name, work)
        if name == "first":
            await down("other")

    await down("first")


async def special_functions(self: Any, event: Any, step: Any) -> Any:
    await _named(step, "charge card")
    await _named(step, "send mail")
    await _named(step, "charge card")


async def special_surroundings(self: Any, event: Any, step: Any) -> Any:
    await _around(step, "red")
    await _around(step, "blue")


async def attributes(self: Any, event: Any, step: Any) -> Any:
    self.step = step
    await self.by_attribute()
    for nap in [step.sleep("a", 1), step.sleep("b", 1)]:
        await nap


async def built_inside(self: Any, event: Any, step: Any) -> Any:
    made = _define(step)
    await made()


def synchronous(self: Any, event: Any, step: Any) -> Any:
    return step.do("only", work)


async def nothing(self: Any, event: Any, step: Any) -> Any:
    for each in event.payload:
        work(each)
    return work(event)


async def _outer(step: Any, number: int) -> Any:
    await step.do("outer", lambda: number)


async def _named(step: Any, name: str) -> Any:
    await step.do(name, work)


async def _around(step: Any, colour: str) -> Any:
    async def paint() -> Any:
        await step.do(f"paint {colour}", work)

    await paint()


def _define(step: Any) -> Any:
    @step.do("defined elsewhere")
    async def inner() -> Any: ...

    return inner


SHAPES: dict[Callable[..., Any], str] = {
    plain: "do first, sleep nap, until noon, wait approval, do book",
    under_another_name: "do first, do second",
    decorated: "do create report, do bare, do empty, do book, do applied",
    implicit_dependencies: "all[do source, do left], do both",
    declared_dependencies: "all[do a b, do c d], do sum",
    gathered: "all[do a, do b], all_settled[loop[do upload {f}]], all[loop[do send {f}]]",
    gathered_later: "all[loop[do part {part}]], all[do a, do b]",
    gathered_by_key: "all[loop[do part {part}]]",
    generated: "pages(), loop[do use], pages(), loop[do use again] & pages(loop[do page {number}])",
    begun_and_awaited: "do slow <1 >3, _inner() <2 >4, do quick, do nobody waits <5 & _inner(do inner)",
    mixed_loop: "loop[do prepare, do send <1 >2]",
    races: "race[do a, wait b], all_settled[do c, do d], race[do e, sleep timer], "
    "race[block[do f, do g], sleep timer], all[do h, do i]",
    task_group: "all[_inner(), loop[do part {name}]] & _inner(do inner)",
    timers: "sleep timer, do a, sleep timer",
    loops: "do list, loop[if[each: continue], do one], loop[do poll, sleep pause, if[event.payload: break]], "
    "do at the end, loop[do streamed], loop[do each {e}]",
    branches: "do ask, if[event.payload > 1: do many; await step.do('ask', work): do few; else: raise], "
    "if[event.payload == 7: return], if[event.payload: do yes; else: do no], if[event.payload: do and], "
    "if[not (event.payload): do or]",
    matched: "switch[{'kind': 'a'}: do a; int() if event.payload > 1: do b; else: do else]",
    guarded: "try[do a; do mend; do clean], "
    "try[do b, do went well; if[(KeyError, TypeError) as error: do mend keys; Exception: ]; -]",
    helpers: "_inner(), _outer(), _outer(), all[loop[inside()]], all[loop[inside()]] "
    "& _inner(do inner) & _outer(do outer) & inside(do inside {name})",
    lambdas: "do one a, all[loop[do many {name}]], do two, _outer() & _outer(do outer)",
    tables: "loop[switch[red: red(); blue: blue()]], switch[red: red(); blue: blue()] & red(do red) & blue(do blue)",
    recursive: "down() & down(do depth {depth}, if[depth: down()])",
    recursive_by_name: "down() & down(do {name}, if[name == 'first': down()])",
    special_functions: "_named(), _named (2)(), _named() & _named(do charge card) & _named (2)(do send mail)",
    special_surroundings: "_around(), _around (2)() & _around(paint()) & paint(do paint red) "
    "& _around (2)(paint (2)()) & paint (2)(do paint blue)",
    attributes: "by_attribute(), sleep a <1 >3, sleep b <2 >4 & by_attribute(do by attribute)",
    built_inside: "do defined elsewhere",
    synchronous: "do only",
    nothing: "",
}


class Shaped(WorkflowEntrypoint, name="shaped-by-tests"):
    """Has the methods that shapes call."""

    async def _inner(self, step: Any) -> Any:
        await step.do("inner", work)

    async def by_attribute(self) -> Any:
        await self.step.do("by attribute", work)  # type: ignore[attr-defined]  # shapes set it


def shaped(run: Callable[..., Any]) -> type[WorkflowEntrypoint]:
    """A workflow of a shape."""
    return new_class("Shape", (Shaped,), {"name": run.__name__}, lambda body: body.update(run=run))
