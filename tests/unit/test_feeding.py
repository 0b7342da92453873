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
    """What is not half worked off in a moment is too much; the batch shrinks down to one."""
    pace, now = Pace(100), 0.0
    pace.at_tick(0, now)
    for _ in range(20):
        now += SLOW + LOOK
        assert pace.between_ticks(100, now) == 0
    assert pace.size == 1
    assert pace.at_tick(100, now) == 1


def test_quick_workers_get_bigger_batches_again() -> None:
    """Whenever half of a batch is gone at the next look the batch grows, and never beyond the setting."""
    pace, now = Pace(100), 0.0
    pace.size = 1
    sizes = []
    for _ in range(9):
        now += LOOK
        pace.between_ticks(0, now)
        sizes.append(pace.size)
    assert sizes == [2, 4, 8, 16, 32, 64, 100, 100, 100]


def test_a_full_queue_never_keeps_a_tick_from_waking_somebody() -> None:
    """However much new work there is, a fourth of a batch is woken by each tick."""
    assert Pace(100).at_tick(100_000, 0.0) == 25
    assert Pace(1).at_tick(100_000, 0.0) == 1
