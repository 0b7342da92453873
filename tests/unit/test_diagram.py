"""Diagrams of code: nothing overlaps, nothing is lost, nothing is believed, and everybody stands where they stand."""

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader

import wf_api
from wf_api.diagram import diagram, outline, text, unplaced
from wf_api.diagram.layout import Box, Plan, plan
from wf_api.diagram.places import matcher
from wf_api.diagram.tree import DEPTH, NODES, duration, read, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(wf_api.__file__).parent
SVG = "{http://www.w3.org/2000/svg}"
GROUPS = {"loop", "each", "try", "function"}
Graph = dict[str, Any]


def graph(*nodes: Any, **functions: Any) -> Graph:
    defined = {name: {"type": "function_def", "name": name, "nodes": inner} for name, inner in functions.items()}
    return {"version": 1, "workflow": {"class_name": "Order", "functions": defined, "nodes": list(nodes)}}


def do(name: str, **more: Any) -> Graph:
    return {"type": "step_do", "name": name, **more}


def wait(name: str, type: str = "go", **more: Any) -> Graph:
    return {"type": "step_wait_for_event", "name": name, "options": {"event_type": type}, **more}


def call(name: str) -> Graph:
    return {"type": "function_call", "name": name}


def choice(*branches: tuple[str | None, list[Any]]) -> Graph:
    return {"type": "if", "branches": [{"condition": when, "nodes": nodes} for when, nodes in branches]}


def standing(*steps: tuple[str, str, dict[str, int]]) -> Graph:
    told = [
        {"kind": kind, "name": name, "instances": sum(n.values()), "statuses": n, "mostly": "rollingBack"}
        for kind, name, n in steps
    ]
    return {"steps": told}


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def titles(svg: str) -> list[str]:
    return [found.text or "" for found in parsed(svg).iter(f"{SVG}title")][1:]


def shown(svg: str) -> list[str]:
    return ["".join(found.itertext()) for found in parsed(svg).iter(f"{SVG}text")]


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


def planned(of: Graph) -> Plan:
    return plan(*read(of))


def overlap(one: Box, other: Box) -> bool:
    apart = (
        one.x + one.width <= other.x or other.x + other.width <= one.x
        or one.y + one.height <= other.y or other.y + other.height <= one.y
    )  # fmt: skip
    return not apart


def holds(group: Box, box: Box) -> bool:
    return (
        group.x <= box.x and group.y <= box.y
        and box.x + box.width <= group.x + group.width and box.y + box.height <= group.y + group.height
    )  # fmt: skip


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


def test_each_kind_of_node_says_what_it_does() -> None:
    """Retries, durations, events, and where it stands in the source."""
    of = graph(
        do("charge", config={"retries": {"limit": 3, "delay": "30 seconds"}, "timeout": 60}, rollback=True, line=17),
        {"type": "step_sleep", "name": "nap", "duration": 5400},
        {"type": "step_sleep_until", "name": "day", "timestamp": "order.day"},
        {**wait("permit", "approved"), "options": {"event_type": "approved", "timeout": "1 hour"}},
        {**do("later"), "starts": 1, "resolves": 4},
    )
    assert [title for title in titles(diagram(of)) if ": " in title] == [
        "step: charge\n3 retries · after 30 s · within 1 min · can be undone\nline 17",
        "sleep: nap\nfor 1 h 30 min", "sleep: day\nuntil order.day",
        "wait for an event: permit\nevent approved · within 1 h",
        "step: later\ngoes on beside what follows, awaited later",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (90, "1 min 30 s"),
        (5400, "1 h 30 min"),
        ("90 minutes", "1 h 30 min"),
        (-5, "-5"),
        (10**400, "1" + "0" * 400),
        (0, "0 s"),
        (60.0, "1 min"),
        (86_400, "1 d"),
        ("2 days", "2 d"),
        ("n", "n"),
        (None, "?"),
        (True, "True"),
    ],
)
def test_durations_are_said_shortly(value: Any, said: str) -> None:
    """Numbers are seconds; what is no duration is said as it stands."""
    assert duration(value) == said


def test_a_function_is_drawn_where_it_is_first_called_and_named_where_again() -> None:
    """So is one that calls itself, and one that calls what calls it."""
    of = graph(call("a"), call("a"), call("c"), a=[do("one"), call("b")], b=[call("a")])
    boxes = [(box.role, box.label) for box in planned(of).boxes if box.role not in {"start", "finish"}]
    assert boxes == [
        ("function", "a()"), ("step", "one"), ("function", "b()"), ("call", "a()"), ("call", "a()"), ("call", "c()"),
    ]  # fmt: skip


def test_what_is_parallel_says_when_it_goes_on() -> None:
    """Bars begin and join it; side by side."""
    for kind, said in {
        "all": "all are done",
        "race": "one ends",
        "any": "one succeeds",
        "all_settled": "ended",
    }.items():
        made = planned(graph({"type": "parallel", "kind": kind, "nodes": [do("a"), do("b")]}))
        a, b = (next(box for box in made.boxes if box.label == name) for name in "ab")
        assert a.y == b.y
        bars = [box for box in made.boxes if box.role in {"bar", "join"}]
        assert [bar.y < a.y for bar in sorted(bars, key=lambda bar: bar.y)] == [True, False]
        assert said in next(bar.label for bar in bars if bar.role == "bar")


def test_a_loop_of_what_is_parallel_has_no_way_back() -> None:
    """It begins something for each; beside something else, or within it, a loop is a loop."""
    loop = {"type": "loop", "nodes": [do("a")]}
    for nodes, back in ([loop], 0), ([loop, do("b")], 1), ([{"type": "block", "nodes": [do("b"), loop]}], 1):
        made = planned(graph({"type": "parallel", "kind": "all", "nodes": nodes}))
        assert [edge.role for edge in made.edges].count("back") == back
        assert ("for each, side by side" in {box.label for box in made.boxes}) == (not back)


def test_an_if_without_else_has_a_way_around() -> None:
    """One with else has none."""
    assert [label.text for label in planned(graph(choice(("a", [do("x")])))).labels] == ["a", "else"]
    assert [label.text for label in planned(graph(choice(("a", [do("x")]), (None, [do("y")])))).labels] == ["a", "else"]


def test_nothing_leads_on_from_an_end() -> None:
    """What both branches leave is not reached, and there is no finish; a loop may be passed by."""
    back = {"type": "break", "kind": "return"}
    made = planned(graph(choice(("a", [back]), (None, [back])), do("never")))
    never = next(box for box in made.boxes if box.label == "never")
    assert not any(edge.points[-1][1] == never.y for edge in made.edges)
    assert "finish" not in {box.role for box in made.boxes}
    assert "finish" in {box.role for box in planned(graph({"type": "loop", "nodes": [back]})).boxes}


def test_a_loop_leads_back() -> None:
    """Unless each turn ends it."""
    assert [edge.role for edge in planned(graph({"type": "loop", "nodes": [do("a")]})).edges].count("back") == 1
    ends = {"type": "loop", "nodes": [do("a"), {"type": "break", "kind": "break"}]}
    assert "back" not in {edge.role for edge in planned(graph(ends)).edges}


def test_a_try_shows_what_happens_on_errors_and_in_any_case() -> None:
    """Beside it and below it."""
    blocks = {"try_block": [do("a")], "catch_block": [do("b")], "finally_block": [do("c")]}
    made = planned(graph({"type": "try", **{key: {"type": "block", "nodes": nodes} for key, nodes in blocks.items()}}))
    at = {box.label: box for box in made.boxes}
    assert at["try"].y == at["on error"].y < at["finally"].y
    assert holds(at["on error"], at["b"])
    assert [edge.role for edge in made.edges].count("fault") == 1


def test_depth_and_number_are_bounded_and_it_is_told() -> None:
    """Code that somebody made up cannot cost us more than so much."""
    deep: Any = [do("deepest")]
    for _ in range(200):
        deep = [{"type": "loop", "nodes": deep}]
    assert "and more, too deep to be shown" in shown(diagram(graph(*deep)))[-1] + str(titles(diagram(graph(*deep))))
    assert len(list(walk(read(graph(*deep))[1]))) == DEPTH + 1
    many = graph(*[do(f"s {n}") for n in range(NODES + 50)])
    names = [node.name for node in walk(read(many)[1])]
    assert (len(names), names[-1]) == (NODES + 1, "and more, too many to be shown")


def badges(svg: str) -> dict[str, list[tuple[str, str]]]:
    """What stands on the border of each node, by its name."""
    found: dict[str, list[tuple[str, str]]] = {}
    for node in parsed(svg).iter(f"{SVG}g"):
        if "node" in (node.get("class") or "").split():
            title = (node.findtext(f"{SVG}title") or "").split("\n")[0].partition(": ")[2]
            pills = [each for each in node.iter(f"{SVG}g") if (each.get("class") or "").startswith("badge")]
            told = [((pill.get("class") or "")[6:], "".join(pill.find(f"{SVG}text").itertext())) for pill in pills]  # type: ignore[union-attr]  # each pill has one
            found[title] = found.get(title, []) + told[::-1]
    return found


def test_instances_stand_at_the_node_of_their_step() -> None:
    """By kind and name; a rollback stands at the step that it undoes."""
    of = graph(do("charge"), do("nap"), {"type": "step_sleep", "name": "nap", "duration": 1}, wait("permit"))
    seen = standing(
        ("do", "charge", {"running": 12, "retrying": 2}), ("sleep", "nap", {"waiting": 1000}),
        ("rollback", "charge", {"running": 1}),
    )  # fmt: skip
    svg = diagram(of, seen)
    assert badges(svg) == {
        "charge": [("running", "12"), ("retrying", "2"), ("undone", "1")], "nap": [("waiting", "1,000")], "permit": [],
    }  # fmt: skip
    assert "instances here: 12 running, 2 retrying, 1 undone" in titles(svg)[1]
    assert unplaced(of, seen) == []


def test_badges_without_room_become_one() -> None:
    """Whose title tells them apart."""
    seen = standing(("do", "a", {"running": 1000, "retrying": 1000, "ready": 1000, "waiting": 1000}))
    svg = diagram(graph(do("a")), seen)
    assert badges(svg) == {"a": [("running mixed", "4,000")]}
    assert "1000 retrying" in titles(svg)[1]


def test_names_that_are_made_up_stand_at_their_pattern() -> None:
    """An exact name wins; what fits nothing stands elsewhere."""
    of = graph(do("item {n}", pattern=r"^item\ .*$"), do("item 1"), wait("w {x}", pattern="^w .*$"))
    seen = standing(
        ("do", "item 1", {"running": 1}), ("do", "item 2", {"running": 2}), ("do", "item 3", {"waiting": 3}),
        ("do", "w 1", {"ready": 9}), ("waitForEvent", "w 1", {"waiting": 4}), ("timer", "timer", {"waiting": 5}),
    )  # fmt: skip
    assert badges(diagram(of, seen)) == {
        "item {n}": [("running", "2"), ("waiting", "3")], "item 1": [("running", "1")], "w {x}": [("waiting", "4")],
    }  # fmt: skip
    assert [(step["kind"], step["name"]) for step in unplaced(of, seen)] == [("do", "w 1"), ("timer", "timer")]


def test_a_name_that_stands_twice_shows_its_instances_twice() -> None:
    """The journal does not tell the places apart."""
    of = graph(choice(("a", [do("mail")]), (None, [do("mail")])))
    assert badges(diagram(of, standing(("do", "mail", {"running": 3})))) == {"mail": [("running", "3")] * 2}


LITERALS = st.lists(
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=4), max_size=4
)


@settings(deadline=None)
@given(LITERALS, st.text("ab -.1", max_size=12), st.lists(st.text("ab.|)", max_size=3), min_size=1, max_size=3))
def test_patterns_fit_as_regular_expressions_do(literals: list[str], name: str, either: list[str]) -> None:
    """Escaped literals, gaps between them, and alternatives."""
    group = f"(?:{'|'.join(map(re.escape, either))}|x.*(?:y|z))"
    pattern = "^" + ".*".join(map(re.escape, ["a", *literals])) + group + "$"
    made = "a" + name.join(literals)
    for tried in (name, made, made + either[-1], made + "xyz", "a" + name + either[0]):
        assert matcher(pattern)(tried) == bool(re.fullmatch(pattern, tried, re.DOTALL)), (pattern, tried)


def test_a_pattern_of_many_gaps_takes_no_longer() -> None:
    """A regular expression would try for years; so would one of many alternatives."""
    began = time.process_time()
    assert not matcher("^" + "a.*" * 30 + "b$")("a" * 5000)
    assert not matcher("^" + "(?:a|b)" * 30 + "$")("a" * 30)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("pattern", ["^(a|b)+$", "a)", "(?:a", "^[ab]$", "a+", "\\", "a^b"])
def test_a_pattern_of_another_kind_fits_nothing(pattern: str) -> None:
    """Its instances stand elsewhere."""
    assert not any(map(matcher(pattern), ["a", "b", "", pattern]))


def test_patterns_of_the_journal_are_not_kept_forever() -> None:
    """Each version of each workflow may bring new ones."""
    assert matcher.cache_info().maxsize is not None


def test_the_timers_of_asyncio_stand_at_their_nodes() -> None:
    """The code calls them sleeps; the journal has a kind for them."""
    of = graph({"type": "step_sleep", "name": "timer", "duration": 5})
    assert badges(diagram(of, standing(("timer", "timer", {"waiting": 3})))) == {"timer": [("waiting", "3")]}


def test_defaults_are_not_worth_a_word() -> None:
    """What the reader of code could not know, or what was cut, is told."""
    retries = {"limit": 5, "delay": 10.0, "backoff": "exponential"}
    of = graph(do("a", config={"retries": retries, "timeout": 600.0}), {"type": "block", "cut": True, "nodes": []})
    assert [(node.name, node.detail) for node in read(of)[1]] == [("a", ""), ("and more, not read", "")]


def test_a_node_can_lead_somewhere() -> None:
    """Then the picture is a group, in which the keyboard can move; else it is one image."""
    of = graph(do("a&b"), {"type": "loop", "nodes": [wait("w")]})
    seen = standing(("do", "a&b", {"running": 1}))
    linked = parsed(diagram(of, seen, href=lambda status: f'/s?a=b&status={status}"'))
    assert [found.get("href") for found in linked.iter(f"{SVG}a")] == ['/s?a=b&status=rollingBack"']
    assert "<a" not in diagram(of, href=str)
    roles = [parsed(svg).get("role") for svg in (diagram(of), diagram(of, seen), diagram(of, href=str))]
    assert (linked.get("role"), roles) == ("group", ["img"] * 3)


def test_a_picture_has_a_name_and_a_description() -> None:
    """For who hears it; two diagrams on a page do not share them."""
    root = parsed(diagram(graph(do("a")), id="v2"))
    ids = {found.get("id"): found.text for found in root if found.get("id")}
    assert (root.get("aria-labelledby") or "").split() == list(ids)
    assert ids == {"v2-title": "Diagram of Order", "v2-desc": "Steps, sleeps and waits, from top to bottom: 1 in all."}


def render(items: Any) -> str:
    templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
    return str(templates.get_template("_outline.html").module.outline(items))  # type: ignore[attr-defined]  # Jinja's


def texts(items: Any) -> Iterator[Any]:
    for item in items:
        inner = list(texts(item["items"]))
        yield (item["text"], inner) if inner else item["text"]


def test_the_outline_tells_what_the_diagram_shows() -> None:
    """Nested as the code is, with numbers and links."""
    of = graph(
        do("a", config={"retries": {"limit": 1}}),
        choice(("x > 1", [wait("b")])),
        {"type": "loop", "condition": "for c in d", "nodes": [do("c")]},
    )
    seen = standing(("do", "a", {"running": 2}))
    items = outline(of, seen, href=lambda status: f"#{status}")
    assert list(texts(items)) == ["a", ("", [("x > 1", ["b"]), "else"]), ("for c in d", ["c"])]
    assert (items[0]["counts"], items[0]["detail"], items[0]["href"]) == ({"running": 2}, "1 retry", "#rollingBack")
    html = render(items)
    assert (
        '<span class="word">step</span> <a href="#rollingBack"><bdi>a</bdi></a> <bdi class="detail">1 retry</bdi>'
        in html
    )
    assert '<span class="badge running"><span data-number="outline.a.running">2</span> running</span>' in html
    ET.fromstring(html)


def test_300_nodes_are_drawn_in_50_ms() -> None:
    """A page can afford it at each look."""
    branches = [
        choice((f"n > {n}", [do(f"step {n} with a name"), wait(f"w {n}")]), (None, [do("x")])) for n in range(75)
    ]
    of, seen = graph(*branches), standing(*[("do", f"step {n} with a name", {"running": n + 1}) for n in range(75)])
    assert len(list(walk(read(of)[1]))) == 300
    took = []
    for _ in range(10):
        began = time.process_time()
        diagram(of, seen)
        took.append(time.process_time() - began)
    assert min(took) < 0.05
