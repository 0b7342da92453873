"""Diagrams of workflows: what is read from the source of `run`."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

import tests.conformance.samples  # noqa: F401  (makes `workers` importable)
from tests.acceptance import flows
from tests.conformance.samples import dag, dependencies, entrypoints, failures, waiting
from tests.support import shapes
from tests.support.shapes import SHAPES, Shaped, gathered, helpers, shaped, work
from tests.support.sketches import graph, sketch, unmatched, written
from wf import WorkflowEntrypoint
from wf.graph import graph_of, steps_of

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("run", SHAPES, ids=lambda run: run.__name__)
def test_a_shape_is_drawn(run: Callable[..., Any]) -> None:
    """Each spelling of Python's that a workflow may use has its diagram, which is JSON."""
    assert sketch(shaped(run)) == SHAPES[run]
    assert json.loads(json.dumps(graph(shaped(run)), allow_nan=False)) == graph(shaped(run))


def test_every_step_has_the_line_of_its_source() -> None:
    """That of the file, for decorated steps and for functions as well."""
    lines = Path(shapes.__file__).read_text().splitlines()
    for run in SHAPES:
        for node in steps_of(graph(shaped(run))):
            near = " ".join(lines[node["line"] - 1 : node["line"] + 2])
            assert "step" in near or "do(" in near or "asyncio" in near, (run, node)


def test_the_diagram_has_the_class_and_the_fields_of_its_params() -> None:
    """In the envelope of the reference."""

    class Item(BaseModel):
        size: int
        part: Item | None = None

    class Order(BaseModel):
        customer: str
        item: Item

    class Ordered(WorkflowEntrypoint, name="drawn-ordered", params=Order):
        async def run(self, event: Any, step: Any) -> None: ...

    item = {"type": "object", "fields": {"size": {"type": "unknown"}, "part": {"type": "unknown"}}}
    assert graph_of(Ordered) == {
        "version": 1,
        "workflow": {
            "type": "start", "class_name": "Ordered", "functions": {}, "nodes": [],
            "payload": {"type": "object", "fields": {"customer": {"type": "unknown"}, "item": item}},
        },
    }  # fmt: skip


def test_a_method_may_be_inherited_wrapped_or_of_a_base() -> None:
    """It is found where Python finds it."""

    def logged(function: Any) -> Any:
        @functools.wraps(function)
        async def inner(*args: Any) -> Any:
            return await function(*args)

        return inner

    class Base(WorkflowEntrypoint, name="of-a-base"):
        async def run(self, event: Any, step: Any) -> Any:
            await self.pay(step)
            await self.log(step)

        async def pay(self, step: Any) -> Any:
            await step.do("pay", work)

        @staticmethod
        async def log(step: Any) -> Any:
            await step.do("log", work)

    class Special(Base, name="special-of-a-base"):
        @logged
        async def pay(self, step: Any) -> Any:
            await step.do("check", work)
            await super().pay(step)

    assert sketch(Special) == "pay(), log() & pay(do check, pay (2)()) & pay (2)(do pay) & log(do log)"


async def no_source(self: Any, event: Any, step: Any) -> None: ...


def test_what_cannot_be_read_has_no_diagram() -> None:
    """Code without source, of C, or a lambda: None, and no error."""
    scope: dict[str, Any] = {}
    exec("async def run(self, event, step): ...", scope)  # the only way to code without source
    for run in (scope["run"], lambda self, event, step: None, partial(no_source), len, 7):
        assert graph_of(type("Odd", (Shaped,), {"run": run})) is None


def test_text_that_postgres_cannot_store_is_replaced(tmp_path: Path) -> None:
    """A name with NUL or half a character is refused when it runs; the diagram must be storable all the same."""
    run = written(tmp_path, 'async def run(self, event, step):\n    await step.do("a\\0b\\ud800", print)\n')
    assert sketch(shaped(run)) == "do a\ufffdb\ufffd"


def test_a_diagram_is_bounded(tmp_path: Path) -> None:
    """However much there is of nodes, of depth, of functions and of text."""
    many = "".join(f'    await step.do("s{n}", print)\n' for n in range(3000))
    found = graph(shaped(written(tmp_path, f"async def run(self, event, step):\n{many}")))
    assert len(found["workflow"]["nodes"]) == 2001
    assert found["workflow"]["nodes"][-1] == {"type": "block", "cut": True, "nodes": []}

    long = "event.payload" + " + event.payload" * 100
    source = f'async def run(self, event, step):\n    if {long}:\n        await step.do("a", print)\n'
    (node,) = graph(shaped(written(tmp_path, source)))["workflow"]["nodes"]
    assert len(node["branches"][0]["condition"]) == 200

    chain = "async def run(self, event, step):\n    await f0(step)\n" + "".join(
        f'async def f{n}(step):\n    await step.do("s{n}", print)\n    await f{n + 1}(step)\n' for n in range(300)
    )
    assert len(graph(shaped(written(tmp_path, chain)))["workflow"]["functions"]) == 25


def test_blocks_beyond_reason_are_cut(tmp_path: Path) -> None:
    """Lists of lists of steps, forty deep."""
    source = f"async def run(self, event, step):\n    {'[' * 40}await step.do('a', print){' for x in event]' * 40}\n"
    text = json.dumps(graph(shaped(written(tmp_path, source))))
    assert '"cut": true' in text
    assert text.count('"loop"') <= 31
    endless = f"async def run(self, event, step):\n    x = {' + '.join(['event'] * 600)}\n"
    assert graph_of(shaped(written(tmp_path, endless))) is None


@pytest.mark.parametrize(
    "module", [flows, dag, dependencies, entrypoints, failures, waiting], ids=lambda module: module.__name__
)
def test_the_workflows_of_our_tests_are_drawn(module: Any) -> None:
    """Each has a diagram, and what the source calls a step is in it."""
    for cls in vars(module).values():
        if isinstance(cls, type) and issubclass(cls, WorkflowEntrypoint) and cls.__module__ == module.__name__:
            drawn = {node["name"] for node in steps_of(graph(cls))}
            called = set(re.findall(r"step\.\w+\(\s*\"([^\"]*)\"", source_of(cls)))
            assert called <= drawn, cls


def source_of(cls: type) -> str:
    import inspect  # noqa: PLC0415  (one function needs it)

    return inspect.getsource(cls)


@pytest.mark.parametrize(
    ("file", "cls", "expected"),
    [
        (
            "report/workflow.py", "Report",
            (
                "do validate, do create report, do list files, all[loop[submit()]], wait approval, do finalize "
                "& submit(do upload {name}, do attach metadata {name})"
            ),
        ),
        ("canvas/album.py", "Album", "all[loop[resize()]], do make album & resize(do resize {Path(picture).name})"),
        ("fastapi_app/orders.py", "Order", "wait payment, do pack"),
        ("flask_app/orders.py", "Order", "wait payment, do pack"),
    ],
)  # fmt: skip
def test_an_example_is_drawn(file: str, cls: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a reader of the example would draw it."""
    monkeypatch.syspath_prepend(str((EXAMPLES / file).parent))
    spec = importlib.util.spec_from_file_location("example_to_draw", EXAMPLES / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "example_to_draw", module)
    spec.loader.exec_module(module)
    assert sketch(getattr(module, cls)) == expected


def test_a_step_of_a_function_is_listed_once() -> None:
    """At its first call, in the order of the source."""
    assert [node["name"] for node in steps_of(graph(shaped(helpers)))] == ["inner", "outer", "inside {name}"]


def test_a_name_that_no_node_stands_for_is_found() -> None:
    """The check of the tests with a journal can fail."""
    assert unmatched(graph(shaped(gathered)), {"a", "upload 7", "a b", "upload"}) == {"a b", "upload"}
