"""The pace of the alarm: batches that are worked off in a moment, whatever workers do with them."""

from __future__ import annotations

from wf_tasks.feeding import FAST, LOOK, SLOW, Pace


def test_a_batch_is_followed_when_half_of_it_is_gone() -> None:
    """Until then nothing is added; then as many as fit."""
    pace = Pace(100)
    assert pace.at_tick(0, 0.0) == 100
    assert pace.between_ticks(51, FAST + LOOK) == 0
    assert pace.between_ticks(50, FAST + LOOK) == 50


def test_slow_workers_get_small_batches() -> None:
    """What is not half worked off in a moment is too much; the batch shrinks, and nothing is added to a full queue."""
    pace, now, sizes = Pace(100), 0.0, []
    pace.at_tick(0, now)
    for _ in range(3):
        now += SLOW + LOOK
        assert pace.between_ticks(100, now) == 0
        sizes.append(pace.size)
    assert sizes == [50, 25, 25]


def test_who_is_busy_with_others_gets_a_small_batch_now_and_then() -> None:
    """A queue that is never half empty, because of others, does not keep back for long what the alarm has to repeat."""
    pace = Pace(100)
    pace.at_tick(0, 0.0)
    assert pace.between_ticks(60, SLOW - LOOK) == 0
    assert pace.between_ticks(60, SLOW) == 25
    assert pace.between_ticks(60, SLOW + LOOK) == 0


def test_quick_workers_get_bigger_batches_again() -> None:
    """Whenever the queue is empty the batch grows, and never beyond the setting."""
    pace, now, sizes = Pace(100), 0.0, []
    pace.size = 25
    for _ in range(4):
        now += 1
        pace.between_ticks(0, now)
        sizes.append(pace.size)
    assert sizes == [50, 100, 100, 100]


def test_a_full_queue_never_keeps_a_tick_from_waking_somebody() -> None:
    """However much new work there is, each tick wakes a few."""
    assert Pace(100).at_tick(99, 0.0) == 25
    assert Pace(100).at_tick(100_000, 0.0) == 7
    assert Pace(1).at_tick(100_000, 0.0) == 1
