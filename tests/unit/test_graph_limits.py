"""What diagrams keep clear of: code that takes too long to follow, code of objects, steps twice, and secrets."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.shapes import Shaped, shaped, work
from tests.support.sketches import graph, sketch, written
from wf.graph import graph_of, steps_of
from wf.graph.effort import EFFORT_MAX, TooBig

if TYPE_CHECKING:
    from pathlib import Path


def source(*lines: str, before: str = "") -> str:
    """A module with such a `run`."""
    return "\n".join([before, "async def run(self, event, step):", *(f"    {line}" for line in lines), ""])


LAMBDAS = [f"f{n} = lambda: (f{n - 1}(), f{n - 1}())" for n in range(1, 31)]
TEXTS = [f"a{n} = {' + '.join([f'a{n - 1}'] * 6)}" for n in range(1, 10)]
APPENDED = [f"tasks.append(step.do('a{n}', print))" for n in range(3000)]


@pytest.mark.parametrize(
    "lines",
    [
        ["f0 = lambda: step.do('a', print)", *LAMBDAS, "await f30()"],
        ["tasks = []", *APPENDED, "await asyncio.gather(*tasks)"],
    ],
    ids=["lambdas", "futures"],
)
def test_what_takes_too_long_has_no_diagram(lines: list[str], tmp_path: Path) -> None:
    """Two to the power of thirty calls, and their like: a worker that starts does not wait for them."""
    run = written(tmp_path, source(*lines, before="import asyncio"))
    with pytest.raises(TooBig, match=f"{EFFORT_MAX:,} steps of the analysis"):
        graph_of(shaped(run))


def test_a_long_workflow_is_followed(tmp_path: Path) -> None:
    """A thousand branches that assign variables, and as many futures at once, are nothing to an analysis."""
    branches = [
        line
        for n in range(1000)
        for line in (f"elif event.payload == {n}:", *(f"    v{k} = 'x{n}{k}'" for k in range(5)))
    ]
    gathered = ", ".join(f"step.do('a{n}', print)" for n in range(1000))
    lines = ["if not event.payload:", "    pass", *branches, "await step.do(v1, print)"]
    run = written(tmp_path, source(*lines, f"await asyncio.gather({gathered})", before="import asyncio"))
    assert len(list(steps_of(graph(shaped(run))))) == 1001


def test_a_long_text_is_any_text(tmp_path: Path) -> None:
    """Of a name that is thousands of characters long, neither all of it nor a pattern is kept."""
    lines = [f"a0 = '{'x' * 100}'", *TEXTS, "await step.do(a9, print)"]
    (step,) = steps_of(graph(shaped(written(tmp_path, source(*lines)))))
    assert (step["name"], step["pattern"]) == ("{a9}", "^.*$")


class Sensitive:
    """Like arrays and columns, which have no one answer to whether they are equal."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    __hash__ = None  # type: ignore[assignment]


FIRST, SECOND = Sensitive(), Sensitive()


def test_objects_are_not_compared() -> None:
    """That would run their code, and lose the diagram if it fails."""

    async def run(self: Any, event: Any, step: Any) -> None:
        found = FIRST if event.payload else SECOND
        for each in (found, FIRST, SECOND):
            async with each:  # type: ignore[attr-defined]
                await step.do("a", work)

    assert sketch(shaped(run)) == "loop[do a]"


def test_no_step_is_drawn_twice() -> None:
    """What opens a context, or names a step, is followed once."""

    async def opens(self: Any, event: Any, step: Any) -> None:
        async with (await step.do("open", work)).session():
            await step.do("use", work)

    async def nests(self: Any, event: Any, step: Any) -> None:
        await step.do(await step.do("name", work))

    assert sketch(shaped(opens)) == "do open, do use"
    assert sketch(shaped(nests)).count("do name") == 1


def test_steps_of_a_wrapper_are_not_passed_over() -> None:
    """A `run` in a decorator that may have steps has no diagram, rather than one without them."""

    def audited(function: Any) -> Any:
        @functools.wraps(function)
        async def inner(self: Any, event: Any, step: Any) -> Any:
            await step.do("audit", work)
            return await function(self, event, step)

        return inner

    def plain(function: Any) -> Any:
        @functools.wraps(function)
        async def inner(*args: Any) -> Any:
            return await function(*args)

        return inner

    async def run(self: Any, event: Any, step: Any) -> None:
        await step.do("a", work)

    assert sketch(type("Plain", (Shaped,), {"run": plain(run)})) == "do a"
    for wrapped in (audited(run), plain(audited(run)), audited(plain(run))):
        assert graph_of(type("Wrapped", (Shaped,), {"run": wrapped})) is None


def test_text_of_variables_that_are_no_constants_is_not_told(tmp_path: Path) -> None:
    """It may be a secret, and diagrams are not sealed; a name in capitals says that it is none."""
    before = """
import enum
import os

class Kind(enum.Enum):
    GO = "go"

os.environ["SECRET_OF_A_TEST"] = secret = "s3cret"
TYPE, pause = "approved", {"retries": {"limit": 2, "delay": "1 minute"}, "note": secret}
"""
    lines = [
        "await step.wait_for_event('a', secret, timeout=secret)",
        "await step.wait_for_event('b', TYPE)",
        "await step.wait_for_event('c', Kind.GO.value)",
        "await step.sleep('d', secret)",
        "await step.sleep('e', pause)",
        "await step.do('f', print, config=secret)",
        "await step.do('g', print, config=os.environ)",
        "await step.do('h', print, config=pause)",
        "await step.do(secret, print)",
    ]
    found = graph(shaped(written(tmp_path, source(*lines, before=before))))
    assert "s3cret" not in str(found)
    a, b, c, d, e, f, g, h, _ = steps_of(found)
    assert a["options"] == {"event_type": "secret", "timeout": "secret"}
    assert [each["options"]["event_type"] for each in (b, c)] == ["approved", "go"]
    assert (d["duration"], e["duration"]) == ("secret", "pause")
    assert (f["config"]["source"], g["config"]["source"]) == ("secret", "os.environ")
    assert h["config"]["retries"] == {"limit": 2, "delay": "1 minute", "backoff": "exponential"}
