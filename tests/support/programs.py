"""Random workflow programs for property tests: a small language, its interpreter and a driver.

The driver plays the rest of the engine: it ends one open request at a time, with a value or an error, or lets a result
come in late that `run` has given up on, and writes down the history.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.support.passes import asked, begin, work
from wf.core import Completed, Failed, Key, Kind, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wf.core import Event, Step
    from wf.core.replay import Outcome, Pass

RESULTS_MAX = 600
"""Programs that go on longer, by nested loops, are left suspended."""


@dataclass(frozen=True)
class Node:
    """A piece of a program: what it does, under which name, with which parts."""

    what: str
    name: str = ""
    parts: tuple[Node, ...] = ()


names = st.sampled_from(["a", "b", "c"])
leaves = st.builds(Node, st.sampled_from(["do", "do", "do", "sleep", "wait", "timer"]), names)


def _nodes(whats: Sequence[str], parts: st.SearchStrategy[Node], least: int, most: int) -> st.SearchStrategy[Node]:
    return st.builds(Node, st.sampled_from(whats), names, st.lists(parts, min_size=least, max_size=most).map(tuple))


def _trees(depth: int) -> st.SearchStrategy[Node]:
    """Programs of so many levels."""
    if not depth:
        return leaves
    parts = _trees(depth - 1)
    return st.one_of(
        parts,
        _nodes(["gather", "group", "each", "sequence"], parts, 2, 3),
        _nodes(["race", "race and cancel"], parts, 2, 3),
        _nodes(["timeout", "loop", "later"], parts, 1, 1),
        _nodes(["try", "try finally"], parts, 2, 2),
        _nodes(["if"], parts, 3, 3),
    )


def _independent_trees(depth: int) -> st.SearchStrategy[Node]:
    """Programs whose steps depend on nothing but their place."""
    if not depth:
        return leaves
    parts = _independent_trees(depth - 1)
    return st.one_of(parts, _nodes(["sequence", "gather", "group"], parts, 2, 4), _nodes(["loop"], parts, 1, 1))


programs = _nodes(["sequence", "gather", "group", "each", "race"], _trees(2), 2, 4)
parallel_programs = _nodes(["gather", "group"], _independent_trees(2), 2, 4)


def uniquely_named(node: Node, path: str = "s") -> Node:
    """The same program with a name of its own for every piece."""
    parts = tuple(uniquely_named(part, f"{path}.{number}") for number, part in enumerate(node.parts))
    return Node(node.what, path, parts)


def workflow(program: Node) -> Callable[[Event, Step], Any]:
    """The `run` that carries the program out."""

    async def run(_event: Event, step: Step) -> Any:
        return await _evaluate(program, step)

    return run


async def _evaluate(node: Node, step: Step) -> Any:
    def start() -> list[asyncio.Task[Any]]:
        return [asyncio.create_task(_evaluate(part, step)) for part in node.parts]

    match node.what:
        case "do":
            return await step.do(node.name, work)
        case "sleep":
            return await step.sleep(node.name, 60)
        case "wait":
            return await step.wait_for_event(node.name, "go")
        case "timer":
            return await asyncio.sleep(60)
        case "sequence":
            return [await _evaluate(part, step) for part in node.parts]
        case "gather":
            return await asyncio.gather(*(_evaluate(part, step) for part in node.parts))
        case "group":
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_evaluate(part, step)) for part in node.parts]
            return [task.result() for task in tasks]
        case "each":
            return [await one for one in asyncio.as_completed(start())]
        case "race" | "race and cancel":
            return await _race(node, step, start())
        case _:
            return await _branch(node, step)


async def _race(node: Node, step: Step, tasks: list[asyncio.Task[Any]]) -> Any:
    finished, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if node.what == "race and cancel":
        for task in pending:
            task.cancel()
    for _ in finished:
        await step.do(node.name, work)
    return [(tasks.index(task), task.result()) for task in finished]


async def _branch(node: Node, step: Step) -> Any:
    first = node.parts[0]
    match node.what:
        case "timeout":
            try:
                async with asyncio.timeout(60):
                    return await _evaluate(first, step)
            except TimeoutError:
                return "too late"
        case "loop":
            return [await _evaluate(first, step) for _ in range(2)]
        case "later":
            call = step.do(node.name, work)
            return await _evaluate(first, step), await call
        case "try":
            try:
                return await _evaluate(first, step)
            except Exception as error:  # one error or a group of them
                return repr(error), await _evaluate(node.parts[1], step)
        case "try finally":
            try:
                return await _evaluate(first, step)
            finally:
                await _evaluate(node.parts[1], step)
        case "if":
            even = await _evaluate(first, step) in (0, 2, 4)
            return await _evaluate(node.parts[1 if even else 2], step)
        case _:
            raise AssertionError(node.what)


@dataclass
class Record:
    """What happened to an instance: its history, and what was asked after each result."""

    history: list[Result] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    outcome: Outcome | None = None

    @property
    def prefixes(self) -> range:
        """Lengths of prefixes to look at: all of a short history, some of a long one."""
        return range(0, len(self.history), 1 + len(self.history) // 30)


choices = st.lists(st.integers(0, 255), min_size=1, max_size=30)


def live(program: Node, choices: list[int], *, errors: bool = True) -> Record:
    """Run a program as an instance would be, the choices deciding what ends next and how."""
    suspended, record = begin(workflow(program)), Record()
    seen: dict[Key, None] = {}
    while True:
        record.asked.append(asked(suspended))
        seen.update(dict.fromkeys(request.key for request in suspended.requests()))
        if suspended.outcome is not None or len(record.history) >= RESULTS_MAX:
            record.outcome = suspended.outcome
            suspended.evict()
            return record
        choice = choices[len(record.history) % len(choices)]
        record.history.append(_end_one(suspended, seen, choice, errors=errors))
        del seen[record.history[-1].key]
        suspended.feed(record.history[-1])


@contextmanager
def replayed(program: Node, *history: Result) -> Iterator[Pass]:
    """A pass that was fed a history, for a while."""
    suspended = begin(workflow(program), *history)
    try:
        yield suspended
    finally:
        suspended.evict()


def _end_one(suspended: Pass, seen: dict[Key, None], choice: int, *, errors: bool) -> Result:
    """A result for something open, or for a step that still ran when `run` gave it up."""
    wanted = [request.key for request in suspended.requests()]
    assert wanted, "a run that has not ended waits for something"
    given_up = [key for key in seen if key.kind is Kind.DO and key not in wanted]
    candidates = wanted + given_up
    key, at = candidates[choice % len(candidates)], float(choice % 7)
    if errors and choice % 5 == 4 and key.kind in (Kind.DO, Kind.WAIT):
        return Result(key, at, error=ValueError(f"{key} failed"))
    return Result(key, at, None if key.kind in (Kind.SLEEP, Kind.TIMER) else choice % 6)


def described(outcome: Outcome | None) -> str:
    """An outcome in a form that can be compared across passes: errors are equal by class and message."""
    match outcome:
        case Completed(value):
            return f"completed: {value!r}"
        case Failed(error):
            return f"failed: {error!r}"
        case None:
            return "suspended"
