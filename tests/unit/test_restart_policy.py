"""Restart policies as they are declared, kept, and set over a class."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wf import StepError, WorkflowEntrypoint
from wf.ends import policy_in_force
from wf.restart_policy import DELAY_MAX, RESTARTS_MAX, RestartPolicy

WHOLE = {"limit": 5, "delay": 300.0, "backoff": "linear", "on": ["ConnectionError", "TimeoutError"], "from": "start"}


def parse(given: Any) -> RestartPolicy:
    return RestartPolicy.parse("report", given)


def test_a_class_declares_its_policy_with_every_part() -> None:
    """Durations in seconds, classes by their names, defaults filled in: what the journal keeps is plain JSON."""

    class Declared(
        WorkflowEntrypoint, name="policy-declared", restart={"delay": "5 minutes", "on": [ConnectionError, "MyError"]}
    ):
        pass

    class Silent(WorkflowEntrypoint, name="policy-silent"):
        pass

    assert Declared.workflow_settings["restart"] == {
        "limit": 3, "delay": 300.0, "backoff": "exponential", "on": ["ConnectionError", "MyError"], "from": "failed",
    }  # fmt: skip
    assert "restart" not in Silent.workflow_settings


@pytest.mark.parametrize("given", [{}, {"limit": 0}, WHOLE, {"on": TimeoutError}])
def test_what_is_kept_reads_as_the_same_policy(given: dict[str, Any]) -> None:
    """Through JSON and back, again and again."""
    stored = parse(given).stored()
    assert parse(json.loads(json.dumps(stored))).stored() == stored
    assert vars(parse(stored)) == vars(parse(given))


def test_a_limit_of_0_never_restarts() -> None:
    """So that a policy can be switched off."""
    assert parse({"limit": 0}).delay_for(ValueError(), 0) is None
    assert parse({"limit": 1}).delay_for(ValueError(), 0) == 60


def test_what_is_beyond_measure_is_cut() -> None:
    """An author may mean "for ever" by a big number; it can be written down."""
    stored = parse({"limit": 10**50, "delay": 1e300}).stored()
    assert (stored["limit"], stored["delay"]) == (RESTARTS_MAX, DELAY_MAX)


def test_errors_may_have_any_name_that_stands_on_a_line() -> None:
    """An error that gave itself a name is found by it; one that is named twice counts once."""
    policy = parse({"on": ["card declined", "ünïcode", "card declined"]})
    assert policy.on == ("card declined", "ünïcode")
    assert policy.delay_for(StepError("card declined", "no"), 0) == 60


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0", " a", "\ud800"])
def test_a_name_that_no_form_can_hold_is_refused(name: str) -> None:
    """Neither Postgres nor a line of a form could keep it."""
    with pytest.raises(ValueError, match="cannot be the name of an exception class"):
        parse({"on": [name]})


@pytest.mark.parametrize("over", [None, "null"])
def test_the_class_counts_if_nothing_is_set(over: str | None) -> None:
    """And without a class, or a word of it, nothing does."""
    declared = parse(WHOLE)
    assert policy_in_force("report", declared, over) is declared
    assert policy_in_force("report", None, over) is None


def test_what_is_set_counts_more_than_the_class() -> None:
    """Also where there is no class, or one that says nothing."""
    for declared in (parse(WHOLE), None):
        found = policy_in_force("report", declared, '{"limit": 7}')
        assert found is not None
        assert vars(found) == vars(parse({"limit": 7}))


@pytest.mark.parametrize(
    "over",
    [
        "7", "[]", '"often"', "{", '{"limit": "many"}', '{"limit": -1}', '{"limit": 1.5}', '{"delay": []}',
        '{"delay": 1e999}', '{"backoff": {}}', '{"on": [7]}', '{"on": {"a": 1}}', '{"from": null}', '{"colour": "red"}',
        '{"limit": ' + "9" * 5000 + "}", "[" * 100_000,
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_set_and_cannot_be_read_leaves_the_class_in_force(over: str) -> None:
    """Nothing that anybody can put there raises: the instance has to end."""
    declared = parse(WHOLE)
    assert policy_in_force("report", declared, over) is declared
    assert policy_in_force("report", None, over) is None
