"""Diagrams of code: nothing overlaps, nothing is lost, nothing is believed, and everybody stands where they stand."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.drawings import (
    HERE,
    SVG,
    Graph,
    call,
    choice,
    do,
    graph,
    holds,
    parsed,
    planned,
    render,
    shown,
    standing,
    titles,
    wait,
)
from wf_api.diagram import diagram, outline, text
from wf_api.diagram.layout import Box, plan
from wf_api.diagram.tree import read, walk

GROUPS = {"loop", "each", "try", "function"}

NAMES = st.text(max_size=8) | st.sampled_from(
    ["a", "charge card", "x" * 300, "<script>", "a & b", "\u202eevil", "日本"]
)

LEAVES = (
    st.builds(do, NAMES)
    | st.builds(wait, NAMES, NAMES)
    | st.builds(lambda name, length: {"type": "step_sleep", "name": name, "duration": length}, NAMES, st.integers())
    | st.builds(call, st.sampled_from(["report", "unknown"]))
    | st.builds(lambda kind: {"type": "break", "kind": kind}, st.sampled_from(["break", "return"]))
    | st.just({"type": "mystery"})
)


def composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    nodes = st.lists(inner, max_size=3)
    branches = st.lists(st.fixed_dictionaries({"condition": st.none() | NAMES, "nodes": nodes}), min_size=1, max_size=3)
    block = st.none() | nodes.map(lambda found: {"type": "block", "nodes": found})
    return (
        st.builds(lambda found: {"type": "loop", "nodes": found}, nodes)
        | st.builds(lambda found, kind: {"type": "parallel", "kind": kind, "nodes": found}, nodes, NAMES)
        | st.builds(lambda found: {"type": "block", "nodes": found}, nodes)
        | st.builds(lambda found: {"type": "if", "branches": found}, branches)
        | st.builds(lambda found, on: {"type": "switch", "discriminant": on, "branches": found}, branches, NAMES)
        | st.builds(
            lambda a, b, c: {"type": "try", "try_block": a, "catch_block": b, "finally_block": c}, block, block, block
        )
    )


NODES_OF = st.lists(st.recursive(LEAVES, composed, max_leaves=12), max_size=3)

GRAPHS = st.builds(lambda nodes, report: graph(*nodes, report=report), NODES_OF, NODES_OF)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "nodes", "name", "branches", "workflow", "functions", "config", "options", "kind"]
            ),
            inner | st.sampled_from(["step_do", "if", "loop", "try", "parallel", "function_call", "block"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


def overlap(one: Box, other: Box) -> bool:
    apart = (
        one.x + one.width <= other.x or other.x + other.width <= one.x
        or one.y + one.height <= other.y or other.y + other.height <= one.y
    )  # fmt: skip
    return not apart


@settings(deadline=None, max_examples=40)
@given(GRAPHS)
def test_no_box_lies_on_another_and_none_is_cut_off(of: Graph) -> None:
    """Whatever the code: boxes are apart, groups hold what they touch, and all is inside the picture."""
    made = planned(of)
    whole = Box("", 0, 0, made.width, made.height, "")
    assert all(holds(whole, box) for box in made.boxes)
    for one, other in combinations(made.boxes, 2):
        if overlap(one, other):
            assert (one.role in GROUPS and holds(one, other)) or (other.role in GROUPS and holds(other, one))
    for edge in made.edges:
        assert all(0 <= x <= made.width and 0 <= y <= made.height for x, y in edge.points)


@settings(deadline=None, max_examples=40)
@given(GRAPHS)
def test_no_label_lies_on_a_box_or_on_another_label(of: Graph) -> None:
    """Conditions stand beside and between the boxes."""
    made = planned(of)
    labels = [
        Box("", label.x if label.role == "asks" else label.x - label.width / 2, label.y - 10, label.width, 20, "")
        for label in made.labels
    ]
    assert all(holds(Box("", 0, 0, made.width, made.height, ""), label) for label in labels)
    assert not any(overlap(*pair) for pair in combinations(labels, 2))
    assert not any(overlap(label, box) for label in labels for box in made.boxes if box.role not in GROUPS)


@settings(deadline=None, max_examples=40)
@given(GRAPHS)
def test_no_line_runs_through_a_step(of: Graph) -> None:
    """Edges end at boxes and go around all others."""
    made = planned(of)
    boxes = [box for box in made.boxes if box.role not in GROUPS]
    for edge in made.edges:
        for (ax, ay), (bx, by) in zip(edge.points, edge.points[1:], strict=False):
            line = Box("", min(ax, bx), min(ay, by), abs(ax - bx), abs(ay - by), "")
            for box in boxes:
                inside = Box("", box.x + 1, box.y + 1, box.width - 2, box.height - 2, "")
                assert not (
                    line.x < inside.x + inside.width and inside.x < line.x + line.width + 0.01
                    and line.y < inside.y + inside.height and inside.y < line.y + line.height + 0.01
                ), (edge, box)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(GRAPHS)
def test_a_diagram_is_the_same_each_time_and_holds_all_nodes(of: Graph) -> None:
    """As XML that can be read, with each node's box, and in the outline as well."""
    svg = diagram(of)
    assert svg == diagram(json.loads(json.dumps(of)))
    parsed(svg)
    name, inner = read(of)
    nodes = list(walk(inner))
    assert {box.node for box in plan(name, inner).boxes} - {None} == set(nodes)

    def count(items: Any) -> int:
        return sum((item["role"] != "part") + count(item["items"]) for item in items)

    assert count(outline(of)) == len(nodes)


@settings(deadline=None, max_examples=150)
@given(JSON)
def test_whatever_the_json_is_something_is_drawn(found: Any) -> None:
    """A worker of another release may tell what we do not know."""
    for of in ({"workflow": found}, {"workflow": {"nodes": found}}, {"workflow": {"nodes": [found]}}):
        parsed(diagram(of))
        outline(of)


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "]]>", "a\x00b\x1b\x08", "&lt;", "{{ 7 }}"],
)
def test_hostile_names_are_text(name: str) -> None:
    """Wherever a name stands in the JSON, and in the list as well."""
    of = graph(
        do(name, config={"timeout": name}), wait(name, name), choice((name, [do("a")])), call(name),
        {"type": name}, {"type": "break", "kind": name}, {"type": "parallel", "kind": name, "nodes": [do("x")]},
        {"type": "switch", "discriminant": name, "branches": [{"condition": name, "nodes": []}]},
    )  # fmt: skip
    of["workflow"]["class_name"] = name
    known = {"svg", "title", "desc", "g", "rect", "path", "polygon", "text", "tspan"}
    root = parsed(diagram(of))
    assert {found.tag.removeprefix(SVG) for found in root.iter()} == known
    attributes = {key for found in root.iter() for key in found.attrib}
    assert not {key for key in attributes if key.startswith("on") or key in {"style", "href"}}
    html = render(outline(of))
    assert not re.search(r"<(?!/?(ul|li|span|bdi)\b)", html)


def test_long_names_are_cut_and_told_whole_in_the_title() -> None:
    """There is room for so much; conditions as well."""
    name, condition = "n" * 200, "order.total > " + "9" * 200
    svg = diagram(graph(do(name), choice((condition, [do("a")]))))
    assert name not in shown(svg)
    assert any(re.fullmatch("n{10,40}…", found) for found in shown(svg))
    assert any(found.startswith("order.total > 9") and found.endswith("9…") for found in shown(svg))
    assert f"step: {name}" in titles(svg)
    assert condition in titles(svg)


@settings(deadline=None)
@given(st.text(), st.floats(20, 300), st.booleans())
def test_a_text_is_cut_to_the_room_that_there_is(words: str, room: float, code: bool) -> None:
    """And left alone if it fits."""
    found = text.cut(words, room, 11, code=code)
    assert text.width(found, 11, code=code) <= room + 0.001
    assert found == words or (found.endswith("…") and words.startswith(found[:-1]))


def test_text_that_turns_direction_is_isolated() -> None:
    """Each text is in a span of its own, which the sheet isolates."""
    svg = diagram(graph(do("\u202eexe.txt"), do("שלום")))
    spans = [found for found in parsed(svg).iter(f"{SVG}tspan") if "שלום" in (found.text or "")]
    assert [span.get("class") for span in spans] == ["isolated"]
    assert re.search(r"\.isolated \{ unicode-bidi: isolate", (HERE / "static/diagram.css").read_text())


def test_a_page_needs_no_inline_style() -> None:
    """The policy of our pages allows none, and no script."""
    svg = diagram(graph(do("a"), wait("b")), standing(("do", "a", {"running": 1})))
    assert "style" not in svg
    assert "<script" not in svg


def test_every_colour_has_a_stand_in_and_a_dark_one() -> None:
    """The sheet works with the page's custom properties, and without them."""
    sheet = (HERE / "static/diagram.css").read_text()
    light, dark = (set(re.findall(r"(--d-\w+): var\(--\w+, #\w{6}\)", part)) for part in sheet.split("@media"))
    assert light == dark == set(re.findall(r"var\((--d-\w+)\)", sheet))
    assert not re.search(r"(fill|stroke|color): #", sheet)
