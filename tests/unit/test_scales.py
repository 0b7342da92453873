"""Axes: round numbers and times, and how they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wf_api import scales

VALUES = st.floats(1e-6, 1e12)
SECONDS = st.floats(0.001, 100_000)


@given(VALUES, st.booleans())
def test_an_axis_from_zero_holds_what_must_fit(highest: float, whole: bool) -> None:
    """With no more than six ticks, evenly, and not with much room to spare."""
    axis = scales.from_zero(highest, whole=whole)
    assert axis.ticks[0] == 0
    assert 2 <= len(axis.ticks) <= 6
    assert highest <= axis.ticks[-1] * (1 + 1e-9)
    assert axis.place(0) == 0
    assert whole or axis.ticks[-1] <= highest * 2.5
    assert not whole or all(tick == int(tick) for tick in axis.ticks)


@given(SECONDS)
def test_an_axis_of_seconds_holds_what_must_fit(highest: float) -> None:
    """Up to a round duration."""
    axis = scales.of_seconds(highest)
    assert highest <= axis.ticks[-1] * (1 + 1e-9)
    assert 2 <= len(axis.ticks) <= 6


@given(st.lists(SECONDS, min_size=1, max_size=5))
def test_an_axis_of_magnitudes_tells_them_apart(values: list[float]) -> None:
    """All are within it, in their order, and there are few ticks."""
    axis = scales.of_magnitudes(min(values), max(values))
    assert 2 <= len(axis.ticks) <= 9
    assert axis.ticks[0] <= min(values)
    assert max(values) <= axis.ticks[-1]
    places = [axis.place(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(0 <= place <= 1 for place in places)


@given(st.integers(0, 10**9), st.integers(60, 40 * 86_400))
def test_times_are_round_and_few(begin: int, seconds: int) -> None:
    """Nine at most, from the first to the last moment."""
    at = datetime.fromtimestamp(begin, UTC)
    found = scales.times(at, at + timedelta(seconds=seconds))
    assert len(found) <= 9
    assert all(at <= tick <= at + timedelta(seconds=seconds) for tick, _ in found)
    assert all(tick.second == 0 for tick, _ in found)


def test_midnight_is_a_day() -> None:
    """So that it is seen where one ends."""
    at = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)
    assert [label for _, label in scales.times(at, at + timedelta(hours=8))] == [
        "20:00", "21:00", "22:00", "23:00", "Nov 27", "01:00", "02:00", "03:00", "04:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12, "12"),
        (1234, "1,234"),
        (0.25, "0.25"),
        (0.0123, "0.012"),
        (3.14159, "3.14"),
        (1_250_000, "1.25 M"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    """Two or three digits that matter."""
    assert scales.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0"), (0.012, "12 ms"), (0.0005, "0.5 ms"), (1.5, "1.5 s"), (90, "1.5 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_durations_have_a_unit(seconds: float, text: str) -> None:
    """The one in which they are easiest to read."""
    assert scales.duration(seconds) == text
