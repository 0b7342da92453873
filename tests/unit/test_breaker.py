"""Breakers: what a class may say, and what becomes of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from wf.breaker import Action, Breaker, Change, Counts, Policy, State, changed, closed, opened
from wf.keywords import check_breaker

POLICY = Policy(failures=3, within=60.0, pause=10.0)
NOTHING = Counts(0, 0, 0, 0)
OPEN = Breaker(State.OPEN, 100.0, 110.0, 3, 1, 0, 0)
PROBING = replace(OPEN, state=State.PROBING, until=None)
CLOSED = replace(PROBING, state=State.CLOSED, failures=0, times=0)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, {"failures": 10, "within": 300.0, "pause": 600.0}),
        ({"pause": "1h", "failures": 1, "within": 60}, {"failures": 1, "within": 60.0, "pause": 3600.0}),
    ],
)
def test_durations_are_kept_in_seconds(given: dict[str, Any], found: dict[str, float]) -> None:
    """However they are written, and in whatever order; what is not said has a default."""
    assert check_breaker("w", given) == found


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("10", "breaker must be a dict, not '10'"),
        ({"errors": 1}, "unknown key 'errors' in breaker; known are failures, within, pause"),
        ({"failures": 0}, "breaker.failures must be a whole number from 1, not 0"),
        ({"failures": True}, "breaker.failures must be a whole number from 1, not True"),
        ({"within": "5 s"}, "breaker.within must be from 1 min to 1 h, not '5 s'"),
        ({"within": "2 hours"}, "breaker.within must be from 1 min to 1 h, not '2 hours'"),
        ({"pause": 0}, "breaker.pause must be from 1 s to 7 d, not 0"),
        ({"pause": "soon"}, "breaker.pause 'soon' is not a duration"),
    ],
)
def test_a_bad_keyword_is_refused(given: Any, message: str) -> None:
    """The error names workflow, key and value."""
    with pytest.raises(ValueError, match="Workflow 'w'") as error:
        check_breaker("w", given)
    assert message in str(error.value)


def test_what_is_stored_is_read_again() -> None:
    """With how many instances may run, which statements go by."""
    for breaker, admits in ((OPEN, 0), (PROBING, 1), (CLOSED, None)):
        assert breaker.stored()["admits"] == admits
        assert Breaker.of(breaker.stored()) == breaker


@pytest.mark.parametrize(
    ("breaker", "counts", "now", "action"),
    [
        (None, Counts(2, 9, 0, 0), 0.0, None),
        (None, Counts(3, 9, 0, 0), 0.0, Action.OPEN),
        (CLOSED, Counts(2, 0, 0, 0), 219.9, None),
        (CLOSED, Counts(3, 0, 0, 0), 101.0, Action.OPEN),
        (OPEN, Counts(9, 9, 0, 0), 109.9, None),
        (OPEN, Counts(9, 9, 0, 0), 110.0, Action.PROBE),
        (PROBING, NOTHING, 9999.0, None),
        (PROBING, Counts(0, 1, 0, 0), 101.0, Action.CLOSE),
        (PROBING, Counts(1, 0, 0, 0), 101.0, Action.OPEN),
        (PROBING, Counts(1, 1, 0, 0), 101.0, Action.OPEN),
    ],
)
def test_it_changes_when_it_should(breaker: Breaker | None, counts: Counts, now: float, action: Action | None) -> None:
    """Of a failure and a success in one probe the failure counts."""
    change = changed(breaker, POLICY, counts, now)
    assert (None if change is None else change.action) == action


def test_a_closed_one_is_forgotten_in_the_end() -> None:
    """When everything of before is out of the window."""
    assert changed(CLOSED, POLICY, NOTHING, 220.0) == Change(None, None)


def test_without_a_policy_it_closes() -> None:
    """The keyword is gone: whoever was held goes on, and then it is forgotten."""
    assert changed(None, None, NOTHING, 1.0) is None
    for breaker in (OPEN, PROBING):
        assert changed(breaker, None, NOTHING, 101.0) == closed(NOTHING, 101.0)
    assert changed(CLOSED, None, NOTHING, 101.0) == Change(None, None)


@pytest.mark.parametrize(("times", "factor"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 8), (5000, 8)])
def test_the_pause_is_doubled_up_to_eight_times(times: int, factor: int) -> None:
    """However often it fails."""
    after = opened(POLICY, NOTHING, 100.0, failures=1, times=times).after
    assert after is not None
    assert after.until == 100.0 + 10.0 * factor


def test_what_was_counted_in_the_running_minute_does_not_count_again() -> None:
    """A change remembers it, because counts have no finer time than that."""
    after = closed(Counts(7, 8, 5, 6), 100.0).after
    assert after is not None
    assert (after.errored, after.completed) == (5, 6)
