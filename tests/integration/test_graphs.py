"""Diagrams of workflows: kept when a worker registers a class, told over REST, true to the journal."""

from __future__ import annotations

import json
from contextlib import suppress
from types import new_class
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

import tests.conformance.samples  # noqa: F401  (makes `workers` importable)
from tests.acceptance.flows import Fan, Journey
from tests.conformance.samples.dependencies import BrokenDependency, ContextAnywhere, ImplicitOrder, Memoised
from tests.conformance.samples.failures import Checkout, Retried
from tests.conformance.samples.waiting import Patience
from tests.support.errands import Errand
from tests.support.parcels import Parcel
from tests.support.shapes import SHAPES, shaped
from tests.support.sketches import graph, unmatched
from wf import InstanceFinished, WorkflowEntrypoint
from wf.workflow import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.support import Rig
    from tests.support.api import Api

DAY = 86_400.0
OURS = (
    BrokenDependency, ContextAnywhere, ImplicitOrder, Memoised, Checkout, Retried, Patience, Fan, Journey, Parcel,
)  # fmt: skip


def named(run: Callable[..., Any] | None, version: str = "1") -> type[WorkflowEntrypoint]:
    body = {} if run is None else {"run": run}
    return new_class(
        "Drawn", (WorkflowEntrypoint,), {"name": "drawn", "version": version}, lambda made: made.update(body)
    )


def without_source() -> Any:
    scope: dict[str, Any] = {}
    exec("async def run(self, event, step):\n    pass", scope)  # the only way to code without source
    return scope["run"]


async def one_step(self: Any, event: Any, step: Any) -> None:
    await step.do("one", print)


async def two_steps(self: Any, event: Any, step: Any) -> None:
    await step.do("one", print)
    await step.do("two", print)


def test_a_worker_tells_the_diagram_of_a_class(rig: Rig) -> None:
    """Every version has its own, and that of a class that was changed is replaced."""
    catalog = rig.workers[0].catalog
    catalog.register(named(one_step))
    catalog.register(named(two_steps, "2"))
    assert catalog.graph("drawn", "1") == graph(named(one_step))
    assert catalog.graph("drawn", "2") == graph(named(two_steps))
    catalog.register(named(two_steps))
    assert catalog.graph("drawn", "1") == graph(named(two_steps))
    catalog.register(named(without_source(), "3"))
    assert catalog.graph("drawn", "3") is None
    assert catalog.graph("drawn", "4") is None
    assert catalog.graph("nobody", "1") is None
    told = [(each.version, each.has_graph) for each in catalog.versions("drawn")]
    assert told == [("3", False), ("2", True), ("1", True)]


def test_a_worker_without_source_leaves_the_diagram_of_others(rig: Rig) -> None:
    """As long as it is the same class; another class under the same name has none until somebody draws it."""
    catalog = rig.workers[0].catalog
    catalog.register(named(one_step))
    catalog.register(named(without_source()))
    assert catalog.graph("drawn", "1") == graph(named(one_step))
    other = named(without_source())
    other.__module__ = "elsewhere"
    catalog.register(other)
    assert catalog.graph("drawn", "1") is None


def test_a_class_that_cannot_be_drawn_is_registered_all_the_same(rig: Rig) -> None:
    """The log says why there is no diagram."""

    async def run(self: Any, event: Any, step: Any) -> str:
        return "done"

    run.__wrapped__ = run  # type: ignore[attr-defined]  # a ring, which no reader of source gets out of
    cls = named(run)
    with capture_logs() as logs:
        rig.workers[0].catalog.register(cls)
    (told,) = [line for line in logs if line["event"] == "no diagram of this workflow"]
    assert (told["log_level"], told["workflow"], told["version"]) == ("warning", "drawn", "1")
    assert told["reason"].startswith("ValueError: wrapper loop")
    assert rig.workers[0].catalog.graph("drawn", "1") is None
    rig.create(cls)
    rig.settle()
    assert rig.client.workflow(cls).get("i-1").result() == "done"


def test_the_diagram_is_told_over_rest(rig: Rig, api: Api) -> None:
    """In the envelope of the baseline; versions only say that there is one."""
    rig.workers[0].catalog.register(Errand)
    rig.workers[0].catalog.register(named(without_source()))
    told = api.ok("GET", "/api/workflows/errand/versions/1/graph")
    assert told == {
        "id": "1", "workflow_id": "errand", "class_name": "Errand", "created_on": "2027-01-15T08:00:00Z",
        "modified_on": "2027-01-15T08:00:00Z", "graph": graph(Errand),
    }  # fmt: skip
    assert [node["type"] for node in told["graph"]["workflow"]["nodes"]] == ["if", "if", "if"]
    assert api.ok("GET", "/api/workflows/drawn/versions/1/graph")["graph"] is None
    for name, drawn in (("errand", True), ("drawn", False)):
        (version,) = api.ok("GET", f"/api/workflows/{name}/versions")
        assert (version["has_dag"], "graph" in version) == (drawn, False)


def journal(rig: Rig) -> dict[str, set[str]]:
    """The names of the steps of each workflow."""
    rows = rig.sql("select workflow, name from wf.step s join wf.instance i on i.key = s.instance")
    return {workflow: {name for of, name in rows if of == workflow} for workflow, _ in rows}


def undrawn(rig: Rig, classes: Iterable[type[WorkflowEntrypoint]]) -> dict[str, set[str]]:
    """The names of steps that the diagrams do not know, by workflow."""
    known, names = {cls.workflow_name: graph(cls) for cls in classes}, journal(rig)
    return {name: found for name in names if (found := unmatched(known[name], names[name]))}


def test_every_step_of_the_journal_is_in_the_diagram(rig: Rig) -> None:
    """Whatever way `run` takes, and even if it fails on it, a node stands for each step."""
    classes = [shaped(run) for run in SHAPES]
    for cls in classes:
        for number, payload in enumerate((["x", "y z"], 7, 0)):
            rig.create(cls, f"i-{number}", payload)
    rig.settle()
    for _ in range(3):
        rig.pass_time(4 * DAY)
    assert undrawn(rig, classes) == {}
    assert journal(rig).keys() == {run.__name__ for run, drawn in SHAPES.items() if drawn}


def test_every_step_of_our_workflows_is_in_the_diagram(rig: Rig, tmp_path: Path) -> None:
    """Those that other tests use, run to where they wait, and further."""
    payload = {"customer": "ada", "ledger": str(tmp_path / "ledger"), "width": 10}
    for cls in OURS:
        registry.add(cls)  # others of our tests may have used its name
    made = [rig.create(cls, "i-1", payload) for cls in OURS]
    rig.settle()
    for instance in made:
        for type in ("approved", "approval", "opinion", "go"):
            with suppress(InstanceFinished):
                instance.send_event(type, {"by": "ada"})
    rig.settle()
    for seconds in (15, 60, 60, DAY):
        rig.pass_time(seconds)
    assert undrawn(rig, OURS) == {}
    numbers = {name: len(names) for name, names in journal(rig).items()}
    assert [numbers[cls.workflow_name] for cls in OURS] == [2, 6, 3, 3, 5, 1, 6, 11, 6, 5]


def test_the_pattern_of_a_dynamic_name_matches_its_rows_and_no_others(rig: Rig) -> None:
    """In Python and in Postgres alike, with characters that mean something to regular expressions."""

    async def run(self: Any, event: Any, step: Any) -> None:
        for part in event.payload:
            await step.do(f"upload (*.jpg) {part}", print)
            await step.do(f"upload {part}", print)

    cls = named(run)
    rig.create(cls, "i-1", ["a", "b|c", "ü $"])
    rig.settle()
    first, second = (node["pattern"] for node in graph(cls)["workflow"]["nodes"][0]["nodes"])
    matched = "select count(*) filter (where name ~ %s), count(*) filter (where name ~ %s) from wf.step"
    assert rig.sql(matched, first, second) == [(3, 6)]
    only = {
        "version": 1,
        "workflow": {"type": "start", "functions": {}, "nodes": [{"type": "step_do", "pattern": first}]},
    }
    assert unmatched(only, journal(rig)["drawn"]) == {
        "upload a", "upload b|c", "upload ü $",
    }  # fmt: skip


def test_diagrams_are_not_read_for_lists(rig: Rig, seen_statements: list[str]) -> None:
    """They may be large: a list of versions asks whether there is one, and the diagram has a statement of its own."""
    rig.workers[0].catalog.register(Errand)
    seen_statements.clear()
    rig.client.catalog.versions("errand")
    assert not [text for text in seen_statements if "graph" in text.replace("graph is not null", "")]
    rig.client.catalog.graph("errand", "1")
    assert [text for text in seen_statements if text.startswith("select graph ")]


@pytest.fixture
def seen_statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is read from the journal, as text."""
    from wf.database import Database  # noqa: PLC0415  (one fixture needs it)

    texts: list[str] = []
    read = Database.read

    def noted(self: Database, query: Any, *args: Any, **more: Any) -> Any:
        texts.append(str(query))
        return read(self, query, *args, **more)

    monkeypatch.setattr(Database, "read", noted)
    return texts


def test_a_diagram_is_json() -> None:
    """Plain types, which come back as they went."""
    assert json.loads(json.dumps(graph(Errand))) == graph(Errand)
