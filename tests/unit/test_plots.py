"""Pictures: well-formed, without style, escaped, and right with few or no data."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wf.answers import Answer
from wf.charts import RANGES
from wf_api.pictures import PICTURES, picture_of, spark_of
from wf_api.plots import BOTTOM, HEIGHT, STYLE, TOP, Line, Stretches, bar_plot, line_plot, sparkline, standalone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

BEGIN = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
HOSTILE = "</text><script>alert(1)</script>\"' & \x00\x1b \u202e"
SVG = "{http://www.w3.org/2000/svg}"
IDLE: dict[str, Any] = {
    "started": 0, "completed": 0, "errored": 0, "steps": 0, "failed": 0, "retried": 0, "lost": 0,
    "stepsPerSecond": 0.0, "p50": None, "p95": None, "lagP95": None,
}  # fmt: skip
BUSY: dict[str, Any] = {
    "started": 12_345, "completed": 9, "errored": 3, "steps": 90, "failed": 7, "retried": 4, "lost": 2,
    "stepsPerSecond": 1.5, "p50": 0.012, "p95": 90.0, "lagP95": 0.25,
}  # fmt: skip
VALUES = st.lists(st.none() | st.floats(0, 1e9), max_size=40)


def series(*told: dict[str, Any], workflow: str | None = None, range: str = "1h") -> Answer:
    points = [Answer(one, at=BEGIN + timedelta(minutes=n)) for n, one in enumerate(told)]
    return Answer(
        at=BEGIN, range=range, workflow=workflow, span=RANGES[range].span, elapsed=5.0, points=points,
        totals=Answer(told[-1] if told else IDLE),
    )  # fmt: skip


def stretches(number: int, note: str = "note") -> Stretches:
    return Stretches([BEGIN + timedelta(minutes=n) for n in range(number)], 60, [note] * number)


def parsed(svg: Markup) -> ET.Element:
    """The picture, which holds nothing that a security policy would refuse."""
    assert not re.search(r"<style|<script|\bstyle=|\bon\w+=|href", svg)
    found = ET.fromstring(svg)
    assert (found.get("role"), found.tag) == ("img", f"{SVG}svg")
    assert found.get("aria-label")
    return found


def texts(svg: Markup) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter(f"{SVG}text")]


def notes(svg: Markup) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter(f"{SVG}title")]


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_tell_their_numbers(name: str) -> None:
    """In sight, to who points at a stretch, and to who cannot see."""
    svg = picture_of(name, series(IDLE, BUSY, workflow="welcome"))
    essential = {
        "throughput": "1.5 on average, 90 steps, 12,345 instances started, 9 completed",
        "failures": "7 attempts failed, 4 of them tried again; 2 lost; 3 instances errored",
        "times": "p50 12 ms, p95 1 min 30 s",
        "lags": "95 of 100 sleeps were noticed within 250 ms of their end",
    }[name]
    assert essential in texts(svg)
    assert parsed(svg).get("aria-label") == f"{texts(svg)[0]}: {essential}"
    assert texts(svg)[0].endswith(" of welcome, last hour")
    assert [note[:10] for note in notes(svg)] == ["08:00 UTC:", "08:01 UTC:"]
    assert notes(svg)[-1].endswith("(so far)")
    assert "Nothing in this time" not in texts(svg)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("number", [0, 1, 60])
def test_pictures_of_nothing_say_so(name: str, number: int) -> None:
    """Whether there are empty points, or none."""
    svg = picture_of(name, series(*[IDLE] * number))
    assert "Nothing in this time" in texts(svg)
    assert len(notes(svg)) == number


@pytest.mark.parametrize("name", PICTURES)
def test_one_point_is_a_picture(name: str) -> None:
    """Its value is a dot, or a bar."""
    found = list(parsed(picture_of(name, series(BUSY))).iter())
    kinds = {"throughput": 1, "failures": 0, "times": 2, "lags": 1}
    assert sum(element.tag == f"{SVG}circle" for element in found) == kinds[name]


def test_what_is_told_is_text() -> None:
    """Names of whatever kind cannot leave their place, in a page or in a file."""
    svg = line_plot(stretches(2, HOSTILE), [Line(HOSTILE, "accent", [1, 2])], title=HOSTILE, summary=HOSTILE)
    kept = HOSTILE.replace("\x00\x1b", "")
    assert texts(svg).count(kept) == 3
    assert set(notes(svg)) == {kept}
    assert kept in (parsed(svg).get("aria-label") or "")
    assert ET.fromstring(standalone(svg)) is not None
    assert notes(sparkline([1], label=HOSTILE)) == [kept]


@given(VALUES)
def test_every_line_stays_in_its_field(values: Sequence[float | None]) -> None:
    """Whatever the values, and wherever there are gaps."""
    svg = line_plot(stretches(len(values)), [Line("", "accent", values)], title="t", summary="s")
    for line in parsed(svg).iter(f"{SVG}polyline"):
        for place in (line.get("points") or "").split():
            assert TOP - 0.1 <= float(place.split(",")[1]) <= HEIGHT - BOTTOM + 0.1


def test_gaps_are_gaps() -> None:
    """Lines end before them and begin again after them; what is alone between two is a dot."""
    svg = line_plot(stretches(7), [Line("", "accent", [1, 2, None, 3, None, 4, 5])], title="t", summary="s")
    tags = [element.tag.removeprefix(SVG) for element in parsed(svg).iter()]
    assert (tags.count("polyline"), tags.count("circle"), tags.count("polygon")) == (2, 1, 2)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=30))
def test_parts_of_bars_stand_upon_each_other(pairs: list[tuple[int, int]]) -> None:
    """The heights of a bar's parts are in the proportion of its numbers."""
    lines = [Line(name, name, [pair[n] for pair in pairs]) for n, name in enumerate(("retried", "errored"))]
    svg = bar_plot(stretches(len(pairs)), lines, title="t", summary="s")
    groups = {g.get("class"): list(g) for g in parsed(svg).iter(f"{SVG}g") if len(g) and g[0].get("rx") is None}
    for n, name in enumerate(("retried", "errored")):
        assert len(groups.get(f"plot-{name}", [])) == sum(pair[n] > 0 for pair in pairs)


def test_sparklines_are_small() -> None:
    """The label is all the text; errors are bars, one for each point that has some."""
    found = Answer(steps=6, errored=2, points=Answer(steps=[1, 2, 3], errored=[0, 2, 0]))
    svg = spark_of(found)
    assert parsed(svg).get("aria-label") == "6 steps, 2 instances errored"
    assert len(list(parsed(svg).iter(f"{SVG}rect"))) == 1
    assert len(svg) < 1200
    assert parsed(sparkline([], label="none")) is not None
    assert parsed(sparkline([0, 0], [0, 0], label="none")) is not None


def test_a_file_stands_for_itself() -> None:
    """It has the style and a ground, and every class that it uses is painted."""
    file = standalone(picture_of("failures", series(BUSY, BUSY)))
    root = ET.fromstring(file)
    assert root[0].text == STYLE
    assert root[1].get("class") == "plot-ground"
    assert not re.search("[<&]", STYLE)
    colours = {c for e in root.iter() for c in (e.get("class") or "").split() if e.get("color")}
    assert colours == {"plot-retried", "plot-errored", "plot-muted"}
    assert all(f".{name} " in STYLE for name in colours)
