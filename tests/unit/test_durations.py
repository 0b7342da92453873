"""Durations: what is accepted, what is refused, and how they are shown."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wf.durations import about, seconds, text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0.0),
        (1500, 1500.0),
        (0.25, 0.25),
        (timedelta(minutes=2, milliseconds=5), 120.005),
        ("1 second", 1.0),
        ("30 seconds", 30.0),
        ("5  seconds", 5.0),
        ("1 minute", 60.0),
        ("24 hours", 86_400.0),
        ("1 day", 86_400.0),
        ("1 week", 604_800.0),
        ("1 month", 2_592_000.0),
        ("1 year", 31_557_600.0),
        ("1.5 hours", 5_400.0),
        ("1e3 seconds", 1_000.0),
        ("0 seconds", 0.0),
    ],
)
def test_the_documented_forms_are_read(value: float | str | timedelta, expected: float) -> None:
    """Numbers are seconds; the public text form has every unit in singular and plural."""
    result = seconds(value)
    assert result == expected
    assert type(result) is float


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("10s", 10.0),
        ("5 min", 300.0),
        ("5m", 300.0),
        ("1h30m", 5_400.0),
        ("1h 30m", 5_400.0),
        ("2 hours 30 minutes", 9_000.0),
        ("2hours30minutes", 9_000.0),
        ("500 ms", 0.5),
        ("3ms", 0.003),
        ("3 d", 259_200.0),
        ("2w", 1_209_600.0),
        ("1w 2d 3h 4min 5s 6ms", 604_800 + 2 * 86_400 + 3 * 3_600 + 4 * 60 + 5 + 0.006),
    ],
)
def test_short_and_compound_forms_are_read(value: str, expected: float) -> None:
    """Short units and several parts, largest first, are accepted with or without blanks between."""
    assert seconds(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "5000", "1e3", "s", "five seconds", " 5 seconds", "5 seconds ", "5 seconds\n", "5\tseconds",
        "5 Seconds", "10S", "1 sec", "1 hr", "2 fortnights", "-1 hour", "+1 hour", "PT1H", "1 hour, 30 minutes",
        "1 hour and 1 minute", "1h30", "30m1h", "1h2h", "1 h 1 hour", "1,5 hours", "1. hours", "inf seconds",
        "nan seconds", "1e999 seconds", "\u0663 seconds", "1mss", "1 ms s",
    ],
)  # fmt: skip
def test_other_texts_are_refused(value: str) -> None:
    """A text that is not a duration raises an error that shows what it was for, itself and what would do."""
    with pytest.raises(ValueError) as caught:
        seconds(value, what="Timeout of step 'a'")
    message = str(caught.value)
    assert message.startswith("Timeout of step 'a' ")
    assert repr(value) in message
    assert "1h30m" in message


@pytest.mark.parametrize(
    "value", [True, False, -1, -0.001, math.nan, math.inf, -math.inf, 10**400, timedelta(seconds=-1), None, b"1s", [1]]
)
def test_other_values_are_refused(value: object) -> None:
    """Booleans, negative and endless numbers and other types are no durations."""
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0 s"), (0.25, "250 ms"), (0.0005, "0.5 ms"), (0.9999999, "1 s"), (1, "1 s"), (1.5, "1.5 s"),
        (10, "10 s"), (59.9999, "1 min"), (60, "1 min"), (90, "1 min 30 s"), (3_600, "1 h"), (5_400, "1 h 30 min"),
        (86_399.9, "1 d"), (90_000, "1 d 1 h"), (31_557_600, "365 d 6 h"), (-90, "-1 min 30 s"),
    ],
)  # fmt: skip
def test_durations_are_shown_short(value: float, expected: str) -> None:
    """At most two units are shown, rounded to the smaller one."""
    assert text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0 s"), (0.00002, "0 s"), (0.00025, "0.3 ms"), (0.00996, "10 ms"), (0.0184, "18 ms"), (0.9994, "999 ms"),
        (0.9996, "1 s"), (1.04, "1 s"), (4.24, "4.2 s"), (9.96, "10 s"), (12.4, "12 s"), (59.4, "59 s"),
        (59.7, "1 min"), (90.4, "1 min 30 s"), (3_599.4, "59 min 59 s"), (3_599.7, "1 h"), (3_629, "1 h"),
        (86_369, "23 h 59 min"), (86_371, "1 d"), (90_000, "1 d 1 h"), (-59.7, "-1 min"), (-0.00002, "0 s"),
    ],
)  # fmt: skip
def test_what_was_measured_is_rounded_before_its_units_are_chosen(value: float, expected: str) -> None:
    """No 1000 ms, 60 s, 60 min or 24 h; and none more exact than people read it."""
    assert about(value) == expected


@given(st.floats(min_value=0, max_value=1e10))
def test_what_is_shown_can_be_read(value: float) -> None:
    """The shown text is itself a duration, off by no more than half of the smaller unit."""
    read = seconds(text(value))
    size = next((s for limit, s in ((60, 0.001), (3_600, 1), (86_400, 60)) if read < limit), 3_600)
    assert abs(read - value) <= size / 2 + 1e-9
