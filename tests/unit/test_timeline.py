"""The bars of a timeline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wf.answers import Answer
from wf_api.timeline import LEAST, WIDTH, timeline

T0 = datetime(2027, 1, 15, 8, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def attempt(number: int, start: float, end: float | None, outcome: str) -> Answer:
    return Answer(
        attempt=number, start=at(start), end=None if end is None else at(end), outcome=outcome, worker="host:1"
    )


def step(start: float, end: float | None, type: str = "step", status: str = "complete", *attempts: Answer) -> Answer:
    return Answer(
        seq=1, name="a-1", type=type, status=status, start=at(start), end=None if end is None else at(end),
        attempts=list(attempts),
    )  # fmt: skip


def pieces(*steps: Answer, now: float = 0) -> list[list[tuple[Any, ...]]]:
    found = timeline(steps, at(now))
    assert found is not None
    return [[piece[:3] for piece in row.pieces] for row in found.rows]


def test_attempts_and_the_time_between_them_have_pieces_of_their_own() -> None:
    """A worker is waited for, then each attempt, then the time before the next."""
    tried = step(0, 10, "step", "complete", attempt(1, 1, 2, "errored"), attempt(2, 7, 10, "complete"))
    assert pieces(tried) == [[(0, 100, "ready"), (100, 100, "errored"), (200, 500, "backoff"), (700, 300, "complete")]]


def test_an_attempt_tells_its_worker() -> None:
    """In the words of its piece."""
    found = timeline([step(0, 2, "step", "complete", attempt(1, 0, 2, "complete"))], T0)
    assert found is not None
    assert [piece.title for piece in found.rows[0].pieces] == ["attempt 1: complete on host:1 for 2 s"]


def test_sleeps_and_waits_are_one_piece() -> None:
    """Each from when it was asked for to its end, over the time of all."""
    assert pieces(step(0, 5, "sleep"), step(5, 10, "waitForEvent")) == [
        [(0, 500, "sleep")], [(500, 500, "waitForEvent")]
    ]  # fmt: skip


def test_what_goes_on_reaches_to_the_end_of_the_scale() -> None:
    """A running attempt, one that is waited for, and a step that no worker has taken."""
    running = step(0, None, "step", "running", attempt(1, 0, None, "running"))
    retrying = step(0, None, "step", "retrying", attempt(1, 0, 50, "errored"))
    ready = step(50, None, "step", "ready")
    assert pieces(running, retrying, ready, now=100) == [
        [(0, 1000, "running")], [(0, 500, "errored"), (500, 500, "backoff")], [(500, 500, "ready")]
    ]  # fmt: skip


def test_the_end_of_the_scale_moves_on_in_jumps() -> None:
    """Else a page with something that goes on would change at each look."""
    ends = {timeline([step(0, None, "sleep", "waiting")], at(now / 10)).end for now in range(6400, 12800)}  # type: ignore[union-attr]
    assert len(ends) <= 40
    ends = {timeline([step(0, None, "sleep", "waiting")], at(now / 10)).end for now in range(160)}  # type: ignore[union-attr]
    assert len(ends) <= 16


def test_a_step_that_took_no_time_is_seen() -> None:
    """However short it was beside the others."""
    found = pieces(step(0, 0, "sleep"), step(0, 86_400, "sleep"), step(86_400, 86_400, "sleep"))
    assert found == [[(0, LEAST, "sleep")], [(0, WIDTH, "sleep")], [(WIDTH - LEAST, LEAST, "sleep")]]


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (0.004, ["0", "+1 ms", "+2 ms", "+3 ms"]),
        (27, ["0", "+5 s", "+10 s", "+15 s", "+20 s"]),
        (150, ["0", "+30 s", "+1 min", "+1 min 30 s", "+2 min"]),
        (86_400 * 3, ["0", "+12 h", "+1 d", "+1 d 12 h", "+2 d", "+2 d 12 h"]),
    ],
)
def test_marks_are_round(seconds: float, labels: list[str]) -> None:
    """So that people can count by them; none stands where its label has no room."""
    found = timeline([step(0, seconds, "sleep")], T0)
    assert found is not None
    assert [tick.label for tick in found.ticks] == labels


def test_no_steps_have_no_timeline() -> None:
    """There is nothing to draw."""
    assert timeline([], T0) is None


moments = st.floats(0, 1e7)


@given(st.lists(st.tuples(moments, st.one_of(st.none(), st.floats(0, 1e6))), min_size=1, max_size=20), moments)
def test_no_piece_leaves_the_picture(given: list[tuple[float, float | None]], now: float) -> None:
    """Whatever the times are, clocks that disagree included."""
    steps = [step(start, None if took is None else start + took, "sleep", "waiting") for start, took in given]
    for row in pieces(*steps, now=now):
        for x, width, _ in row:
            assert 0 <= x <= WIDTH - LEAST
            assert width >= LEAST
            assert x + width <= WIDTH + LEAST
