"""Why a journal and the code do not fit: the text that shows both sides."""

from __future__ import annotations

import pytest

from wf.core import Key, Kind
from wf.explaining import AFTER, BEFORE, WIDTH, explain
from wf.sides import Asked, Recorded

Step = str | Key
"""A `do` by its name, or any key."""


def key(step: Step) -> Key:
    return Key(Kind.DO, step, 1) if isinstance(step, str) else step


def turn(count: int) -> Key:
    return Key(Kind.DO, "p", count)


def journal(*steps: Step) -> list[Recorded]:
    return [Recorded(number, key(step), "complete") for number, step in enumerate(steps, 1)]


def code(*steps: Step) -> list[Asked]:
    return [Asked(key(step), f"shop.py:{line}") for line, step in enumerate(steps, 11)]


def marked(text: str) -> str:
    """The line at which the sides part."""
    (line,) = [line for line in text.splitlines() if line.startswith("> ")]
    return " ".join(line.split())


def test_sides_that_fit_stand_beside_each_other() -> None:
    """Each step is one line with its number, its state, and where the code asks for it; nothing is marked."""
    assert explain(journal("pay"), code("pay")).splitlines() == [
        "  the journal holds                                         the code asks for now",
        '  #1 do "pay" count 1 → complete                            do "pay" count 1  shop.py:11',
    ]


SHAPES = {
    "renamed": (("a", "charge card", "c"), ("a", "charge-card"), "", "charge card", "Did you mean"),
    "a date in the name": (
        ("bill-2026-01-01", "b"), ("bill-2026-01-02",), "", "bill-2026-01-01", "holds something that changes",
    ),
    "an id in the name": (
        ("pay 5f0c9d2a7b",), ("pay 0b4e5d6c1f",), "", "pay 5f0c9d2a7b", "holds something that changes",
    ),
    "removed": (("a", "b", "c"), ("a", "c"), "`run` returns", "b", "goes on without"),
    "ends early": (("a", "b"), ("a",), "`run` returns", "b", "`run` returns. Was the step removed"),
    "raises": (("a", "b"), ("a",), "`run` raises KeyError: 'x'", "b", "`run` raises KeyError: 'x'"),
    "nothing is asked any more": (("a", "b"), ("a",), "", "b", "The code does not ask for"),
    "another kind": (("a", Key(Kind.SLEEP, "b", 1)), ("a", "b"), "", "b", "Its kind differs"),
    "fewer turns": ((turn(1), turn(2), turn(3)), (turn(1), turn(2)), "`run` returns", "p", "Its count differs"),
    "another branch": (("a", "refund"), ("a", "ship it"), "", "refund", "does a condition depend on"),
    "added": (("a",), ("a", "b"), "", "b", "was a step added"),
    "another order": (("a", "b"), ("b", "a"), "", "a", "The same steps in another order"),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_the_place_is_marked_and_the_cause_told(shape: str) -> None:
    """The first place where the sides part has a mark, and the sentences below say what the cause may be."""
    recorded, asked, end, name, cause = SHAPES[shape]
    text = explain(journal(*recorded), code(*asked), end)
    assert f'"{name}"' in marked(text)
    assert cause in " ".join(text.split())


def test_names_stand_below_each_other_with_a_mark_under_what_differs() -> None:
    """Whoever renamed a step sees which letters are other ones."""
    *_, old, new, marks = explain(journal("charge card"), code("charge-card")).splitlines()
    assert (old, new, marks) == ("  journal  charge card", "  code     charge-card", " " * 17 + "^")


def test_an_older_name_elsewhere_is_found() -> None:
    """The renamed step need not stand in the same place."""
    text = explain(journal("reserve stock", "ship"), code("ship", "audit", "reserve-stock"))
    assert 'Did you mean "reserve stock"? It seems to be renamed (shop.py:13)' in " ".join(text.split())


def test_a_new_step_before_what_is_missing_is_not_the_place() -> None:
    """What `run` asks for and takes back has no row, and does no harm: the mark is at what is missing."""
    text = explain(journal("a", "b", "c"), code("a", "brief", "b", "d"))
    assert '"c"' in marked(text)


def test_a_long_journal_is_cut_around_the_place() -> None:
    """A few lines before it, some after it, and the numbers of those that are left out."""
    steps = [f"s{number}" for number in range(500)]
    lines = explain(journal(*steps), code(*steps[:300], "other", *steps[301:400])).splitlines()
    assert len([line for line in lines if "count 1" in line and not line.startswith("*")]) == BEFORE + AFTER
    assert lines[1].split() == ["…", "297", "more", "before", "…"]
    assert " ".join(lines[2 + BEFORE + AFTER].split()) == "… 192 more … 92 more"


def test_no_line_is_wider_than_a_page() -> None:
    """Long names and places are cut in their middle; number, state and place stay."""
    text = explain(
        [Recorded(12345, Key(Kind.WAIT, "x" * 256, 1), "cancelled")],
        [Asked(Key(Kind.DO, "x" * 200 + "y" + "x" * 55, 1), f"{'deep/' * 40}shop.py:{10**5}")],
        f"`run` raises ValueError: {'z' * 300}",
    )
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "#12345" in text
    assert "→ cancelled" in text
    assert f"shop.py:{10**5}" in text


def test_a_long_path_gives_way_before_a_name_does() -> None:
    """Of a place that does not fit, the file and the line stay."""
    text = explain(
        journal("send the first reminder"), [Asked(key("send the first reminder"), f"{'deep/' * 9}shop.py:7")]
    )
    assert text.endswith('do "send the first reminder" count 1  shop.py:7')
