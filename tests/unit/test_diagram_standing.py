"""Who stands where on a diagram, and what it says to those who do not see it."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.drawings import (
    SVG,
    choice,
    do,
    graph,
    parsed,
    render,
    standing,
    texts,
    titles,
    wait,
)
from wf_api.diagram import diagram, outline, unplaced
from wf_api.diagram.places import matcher
from wf_api.diagram.tree import read, walk


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
