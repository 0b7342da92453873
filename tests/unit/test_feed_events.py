"""Types and ids of the feed's events."""

from __future__ import annotations

from wf.feed_events import _PLACE, EVENT_TYPES, PLACES

BASELINE = """
workflow_queued workflow_running workflow_paused workflow_waiting_for_pause workflow_waiting workflow_terminated
workflow_started workflow_completed workflow_errored step_started step_completed step_errored attempt_started
attempt_completed attempt_errored sleep_started sleep_completed wait_started wait_completed wait_timed_out
rollback_started rollback_completed rollback_errored rollback_step_started rollback_step_completed
rollback_step_errored rollback_attempt_started rollback_attempt_completed rollback_attempt_errored
"""


def test_the_types_are_those_of_the_baseline() -> None:
    """No type is missing, and none is ours."""
    assert sorted(EVENT_TYPES) == sorted(BASELINE.split())


def test_ids_of_one_rev_do_not_reach_the_next() -> None:
    """Every place is within a rev's room, and none is 0, because a cursor of 0 gives all events."""
    assert all(0 < place < PLACES for place in _PLACE.values())


def test_the_event_that_ends_an_instance_comes_last() -> None:
    """Nothing that the same fact tells has a greater id."""
    ends = {"workflow_completed", "workflow_errored", "workflow_terminated"}
    assert min(_PLACE[type] for type in ends) > max(_PLACE[type] for type in EVENT_TYPES if type not in ends)
