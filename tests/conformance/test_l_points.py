"""L, the 24 points that implementers get wrong: for each a short test here, or the name of the one that checks it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.kit_events import ONE_TRY, entry, output, started
from tests.support.feeds import told
from wf import SerializationError

if TYPE_CHECKING:
    from tests.support import Rig
    from wf import Event, Step

ELSEWHERE = {
    1: ["test_c4_retry::test_attempts_are_the_limit_and_one",
        "test_c4_retry::test_the_delays_are_exactly_those_of_the_backoff"],
    2: ["test_l_points::test_the_default_delay_is_10_seconds"],
    3: ["test_l_points::test_numbers_are_seconds_and_unknown_units_are_refused",
        "test_a4_sleep::test_other_durations_are_refused"],
    4: ["test_l_points::test_defaults_fill_a_config_and_nonsense_is_refused"],
    5: ["test_c3_replay::test_a_failure_is_thrown_again_without_running"],
    6: ["test_c3_replay::test_the_first_configuration_wins"],
    7: ["test_c3_replay::test_a_replay_writes_nothing", "test_b6_feed::test_replays_tell_nothing"],
    8: ["test_c9_restart::test_a_restart_from_a_step_keeps_what_started_before_it",
        "test_c9_restart::test_siblings_that_started_earlier_are_kept",
        "test_c9_restart::test_a_restart_begins_anew_with_the_same_event"],
    9: ["test_b7_states::test_every_action_in_every_status",
        "test_b5_instance::test_pause_and_resume_in_a_wrong_status_do_nothing"],
    10: ["test_c9_pause::test_a_pause_waits_for_the_running_attempt_and_keeps_its_result",
         "test_c9_pause::test_every_deadline_is_later_by_the_length_of_the_pause",
         "test_c8_sleep::test_a_sleeping_instance_is_paused_at_once_and_sleeps_on_after_the_resume"],
    11: ["test_a5_events::test_an_event_that_comes_early_waits_for_its_wait",
         "test_c7_event_rules::test_events_of_one_type_are_consumed_in_their_order",
         "test_c7_event_rules::test_parallel_waits_of_one_type_need_an_event_each",
         "test_c7_event_rules::test_a_paused_instance_keeps_the_event_and_stays_paused",
         "test_a5_events::test_the_result_of_a_wait_is_the_envelope"],
    12: ["test_c7_event_rules::test_the_deadline_of_a_wait_is_absolute",
         "test_c7_event_rules::test_a_wait_that_timed_out_does_not_swallow_the_next_event"],
    13: ["test_c10_rollback::test_a_failed_run_is_undone_last_step_first",
         "test_c10_rollback::test_a_step_that_had_begun_and_never_ended_is_undone",
         "test_c10_rollback::test_the_first_handler_that_fails_for_good_stops_the_rollback",
         "test_c10_rollback::test_handlers_are_found_again_by_replay",
         "test_b5_instance::test_an_instance_that_undoes_its_steps_is_rolling_back"],
    14: ["test_l_points::test_what_cannot_be_stored_fails_its_step_at_once",
         "test_d_limits::test_a_result_holds_one_mebibyte"],
    15: ["test_c5_timeouts::test_an_async_callback_is_cancelled",
         "test_c5_timeouts::test_a_sync_callback_is_abandoned_and_its_late_result_dropped"],
    16: ["test_c2_keys::test_the_same_name_again_is_the_next_step", "test_c2_keys::test_kinds_are_counted_apart",
         "test_c2_keys::test_counters_begin_anew_in_each_lifetime"],
    17: ["test_a6_errors::test_a_non_retryable_error_ends_the_retries", "test_a6_errors::test_no_other_error_does"],
    18: ["test_b3_batches::test_the_list_form_leaves_them_out_silently",
         "test_b3_batches::test_the_instances_form_tells_of_each_refusal",
         "test_b3_batches::test_a_taken_id_is_refused_until_the_instance_is_deleted"],
    19: ["test_b3_batches::test_a_taken_id_is_refused_until_the_instance_is_deleted",
         "test_d_retention::test_retention_is_that_of_the_instance_or_else_the_class_or_else_the_settings"],
    20: ["test_d_concurrency::test_waiting_takes_no_slot",
         "test_d_concurrency::test_who_comes_back_goes_before_who_never_ran",
         "test_d_concurrency::test_the_surplus_is_queued_and_never_refused",
         "test_d_limits::test_the_rate_of_creation_is_limited_once_it_is_set"],
    21: ["test_l_points::test_names_carry_their_count_everywhere_but_in_a_restart"],
    22: ["test_cloudflare_python::test_dependencies_are_memoised_and_direct_calls_are_not",
         "test_cloudflare_python::test_parameters_name_their_steps",
         "test_l_points::test_a_decorator_does_not_run_its_step"],
    23: ["test_c3_replay::test_code_outside_steps_runs_again_in_each_lifetime"],
    24: ["test_b1_versions::test_an_instance_keeps_its_version_while_a_class_of_it_is_registered",
         "test_b1_versions::test_without_its_version_the_newest_class_runs_it"],
}  # fmt: skip
"""Which tests check which point."""


@pytest.mark.parametrize("point", range(1, 25))
def test_every_point_has_its_tests(point: int) -> None:
    """The tests that the table names are there."""
    assert ELSEWHERE[point]
    for name in ELSEWHERE[point]:
        module, function = name.split("::")
        tree = ast.parse((Path(__file__).parent / f"{module}.py").read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name


def test_the_default_delay_is_10_seconds(rig: Rig) -> None:
    """Not the emulator's one second; the second retry waits twice as long."""
    tries: list[float] = []

    async def failing(event: Any, step: Any) -> Any:
        def fail() -> None:
            tries.append(rig.clock.now())
            raise ValueError("not yet")

        await step.do("fail", fail)

    instance = started(rig, failing)
    for _ in range(30):
        rig.pass_time(1)
    assert [later - tries[0] for later in tries] == [0, 10, 30]
    assert instance.status().status == "waiting"


def test_numbers_are_seconds_and_unknown_units_are_refused(rig: Rig) -> None:
    """SPEC 2 decides against milliseconds, and against units that silently mean those."""

    async def sleepy(event: Any, step: Any) -> Any:
        refused = []
        for bad in ("1 hr", "2 mins 3", "5 Seconds", "1 m2", "100"):
            try:
                await step.sleep("bad", bad)
            except ValueError as error:
                refused.append(repr(bad) in str(error))
        await step.sleep("nap", 90)
        return refused

    instance = started(rig, sleepy)
    rig.pass_time(89)
    assert instance.status().status == "waiting"
    rig.pass_time(1)
    assert output(instance) == [True] * 5


def test_defaults_fill_a_config_and_nonsense_is_refused(rig: Rig) -> None:
    """`limit` without `delay` is complete; unknown keys and a timeout of 0 are ValueErrors with step and key."""

    async def configured(event: Any, step: Any) -> Any:
        await step.do("fill", lambda: None, config={"retries": {"limit": 1}})
        texts = []
        for bad in ({"nonsense": 1}, {"retries": {"limits": 1}}, {"timeout": 0}):
            try:
                await step.do("refuse", lambda: None, config=bad)
            except ValueError as error:
                texts.append(str(error))
        return texts

    instance = started(rig, configured)
    config = entry(instance, "fill-1").config
    assert (config["retries"]["limit"], config["retries"]["delay"], config["timeout"]) == (1, 10, 600)
    texts = output(instance)
    assert len(texts) == 3
    assert all(
        "refuse" in text and key in text for text, key in zip(texts, ("nonsense", "limits", "timeout"), strict=True)
    )


def test_what_cannot_be_stored_fails_its_step_at_once(rig: Rig) -> None:
    """SPEC 2: no retry, the path to the value, and it can be caught; the instance lives on."""
    tries: list[int] = []

    async def unstorable(event: Any, step: Any) -> Any:
        def make() -> Any:
            tries.append(1)
            return {"files": [{"handle": object()}]}

        try:
            await step.do("make", make)
        except SerializationError as error:
            return error.path

    assert output(started(rig, unstorable)) == "$.files[0].handle"
    assert len(tries) == 1


def test_names_carry_their_count_everywhere_but_in_a_restart(rig: Rig) -> None:
    """Description and feed say `twice-2`; a restart takes the bare name and the count."""
    ran: list[int] = []

    async def twice(event: Any, step: Any) -> Any:
        for n in (1, 2):
            await step.do("twice", lambda n=n: ran.append(n))

    instance = started(rig, twice)
    assert [step.name for step in instance.describe().steps] == ["twice-1", "twice-2"]
    assert [event.step_name for event in told(instance, filter=["step_completed"])] == ["twice-1", "twice-2"]
    instance.restart(from_step=("twice", 2))
    rig.settle()
    assert (instance.status().status, ran) == ("complete", [1, 2, 2])


def test_a_decorator_does_not_run_its_step(rig: Rig) -> None:
    """Only the call does, and a second call is a second step."""
    ran: list[str] = []

    async def decorated(event: Event, step: Step) -> Any:
        @step.do("never", config=ONE_TRY)
        async def never() -> None:
            ran.append("never")

        @step.do("often", config=ONE_TRY)
        async def often() -> int:
            ran.append("often")
            return len(ran)

        return [await often(), await often()]

    instance = started(rig, decorated)
    assert (output(instance), ran) == ([1, 2], ["often", "often"])
    assert [step.name for step in instance.describe().steps] == ["often-1", "often-2"]
