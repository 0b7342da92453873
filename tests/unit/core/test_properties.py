"""Properties of replay that hold for every program and every order of results."""

from __future__ import annotations

import gc

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.passes import asked
from tests.support.programs import (
    Node,
    choices,
    described,
    live,
    parallel_programs,
    programs,
    replayed,
    uniquely_named,
)

property_test = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@property_test
@given(programs, choices)
def test_any_prefix_of_a_history_replays_to_the_same_requests(program: Node, choices: list[int]) -> None:
    """From scratch, each prefix leads to what was asked for live at that point, in the same order."""
    record = live(program, choices)
    for length in record.prefixes:
        with replayed(program, *record.history[:length]) as suspended:
            assert asked(suspended) == record.asked[length]


@property_test
@given(programs, choices)
def test_the_whole_history_replays_to_the_same_outcome(program: Node, choices: list[int]) -> None:
    """Value or error, a replay ends as the live run did."""
    record = live(program, choices)
    for _ in range(2):
        with replayed(program, *record.history) as again:
            assert described(again.outcome) == described(record.outcome)
            assert again.unreached == []


@property_test
@given(programs, choices, st.lists(st.integers(0, 40), max_size=4))
def test_catching_up_equals_replaying_from_scratch(program: Node, choices: list[int], cuts: list[int]) -> None:
    """A suspended pass that is fed piece by piece, looked at or not, stands where a fresh one stands."""
    record = live(program, choices)
    fed = 0
    with replayed(program) as caught_up:
        for cut in sorted({*cuts, len(record.history)}):
            caught_up.feed(*record.history[fed:cut])
            fed = max(fed, cut)
            with replayed(program, *record.history[:fed]) as fresh:
                assert asked(caught_up) == asked(fresh)
                assert described(caught_up.outcome) == described(fresh.outcome)
        assert described(caught_up.outcome) == described(record.outcome)


@property_test
@given(parallel_programs, choices, choices)
def test_the_order_of_parallel_results_never_changes_the_keys(
    program: Node, choices: list[int], others: list[int]
) -> None:
    """Independent steps get the same set of keys in whichever order their results arrive."""
    first, second = live(program, choices, errors=False), live(program, others, errors=False)
    assert {result.key for result in first.history} == {result.key for result in second.history}
    assert {key for wanted in first.asked for key in wanted} == {key for wanted in second.asked for key in wanted}


@property_test
@given(parallel_programs.map(uniquely_named), choices, choices)
def test_the_order_of_parallel_results_never_changes_where_they_go(
    program: Node, choices: list[int], others: list[int]
) -> None:
    """A history may be fed in any order in which its steps were open: each result reaches its own step."""
    record = live(program, choices, errors=False)
    values = {result.key: result for result in record.history}
    with replayed(program) as shuffled:
        while shuffled.outcome is None:
            wanted = shuffled.requests()
            choice = others[len(wanted) % len(others)]
            shuffled.feed(values[wanted[choice % len(wanted)].key])
        assert described(shuffled.outcome) == described(record.outcome)


@property_test
@given(programs, choices)
def test_history_is_never_executed_again(program: Node, choices: list[int]) -> None:
    """What has a result is not asked for, and what `run` gave up is not asked for again."""
    record = live(program, choices)
    ended: set[str] = set()
    before: set[str] = set()
    given_up: set[str] = set()
    for length, wanted in enumerate(record.asked):
        if length:
            key = record.history[length - 1].key
            ended.add(f"{key.kind}:{key}")
        assert len(wanted) == len(set(wanted))
        assert not ended & set(wanted)
        assert not given_up & set(wanted)
        given_up |= before - set(wanted)
        before = set(wanted)


@property_test
@given(programs, choices)
def test_eviction_leaves_nothing_behind(program: Node, choices: list[int]) -> None:
    """After any prefix a pass can be thrown away; it asks for nothing then, and a new one goes on unharmed."""
    record = live(program, choices)
    for length in record.prefixes:
        with replayed(program, *record.history[:length]) as thrown_away:
            warnings = list(thrown_away.warnings)
        thrown_away.feed(*record.history[length:])
        assert asked(thrown_away) == []
        assert thrown_away.outcome is None
        assert thrown_away.warnings == warnings
    with replayed(program, *record.history) as again:
        assert described(again.outcome) == described(record.outcome)


@property_test
@given(programs, choices)
def test_eviction_is_silent(program: Node, choices: list[int]) -> None:
    """What the collector finds after eviction does not complain: here, complaints are errors."""
    record = live(program, choices)
    with replayed(program, *record.history[: len(record.history) // 2]) as middle:
        assert len(asked(middle)) <= len(set(record.asked[len(record.history) // 2]))
    del middle
    gc.collect(0)
