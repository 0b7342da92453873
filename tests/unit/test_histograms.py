"""Histograms of seconds: buckets, sums, quantiles."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wf.histograms import BOUNDS, added, bucket, quantile

SECONDS = st.floats(0, BOUNDS[-1])
SAMPLES = st.lists(SECONDS, min_size=1, max_size=60)
PARTS = st.floats(0, 1)


def histogram(samples: list[float]) -> list[int]:
    counts = [0] * (max(map(bucket, samples)) + 1)
    for seconds in samples:
        counts[bucket(seconds)] += 1
    return counts


@given(SECONDS)
def test_seconds_lie_within_their_bucket(seconds: float) -> None:
    """Above the bound below it, and not above its own."""
    number = bucket(seconds)
    assert seconds <= BOUNDS[number]
    assert number == 0 or seconds > BOUNDS[number - 1]


@pytest.mark.parametrize(("seconds", "number"), [(-5.0, 0), (0.0, 0), (0.001, 0), (0.0011, 1), (1e9, 27)])
def test_what_is_out_of_bounds_is_in_the_outer_buckets(seconds: float, number: int) -> None:
    """Clocks that go back give the first bucket, months the last."""
    assert bucket(seconds) == number
    assert 86_400 < BOUNDS[-1] < 2 * 86_400


@given(SAMPLES, PARTS)
def test_a_quantile_is_in_the_bucket_of_the_true_one(samples: list[float], q: float) -> None:
    """So it is wrong by less than the width of that bucket."""
    true = sorted(samples)[max(math.ceil(q * len(samples)) - 1, 0)]
    found = quantile(histogram(samples), q)
    assert found is not None
    number = bucket(true)
    low = BOUNDS[number - 1] if number else 0.0
    assert low <= found <= BOUNDS[number]


@given(SAMPLES, PARTS, PARTS)
def test_quantiles_grow_with_their_part(samples: list[float], one: float, other: float) -> None:
    """p50 is never above p95."""
    low, high = sorted((one, other))
    counts = histogram(samples)
    assert (quantile(counts, low) or 0) <= (quantile(counts, high) or 0)


@given(SAMPLES, SAMPLES)
def test_histograms_add_up(one: list[float], other: list[float]) -> None:
    """Whatever their lengths, two of them are the histogram of all samples."""
    assert added(histogram(one), histogram(other)) == histogram(one + other)


@given(st.lists(st.just(0)))
def test_nothing_has_no_quantile(counts: list[int]) -> None:
    """An empty stretch is no duration of zero."""
    assert quantile(counts, 0.5) is None


def test_a_quantile_is_linear_inside_a_bucket() -> None:
    """Four samples between 1.024 and 2.048 s are taken as spread evenly."""
    counts = [0] * 11 + [4]
    assert [round(quantile(counts, q) or 0, 3) for q in (0, 0.25, 0.5, 1)] == [1.024, 1.28, 1.536, 2.048]
