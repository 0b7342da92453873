"""What a diagram shows of each kind of node, and where it is cut off."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.drawings import (
    call,
    choice,
    do,
    graph,
    holds,
    planned,
    shown,
    titles,
    wait,
)
from wf_api.diagram import diagram
from wf_api.diagram.tree import DEPTH, NODES, duration, read, walk


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
