"""Workflow classes: names, versions, restart policies, and the registry."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from wf import StepError, WorkflowEntrypoint, WorkflowNotFound
from wf.restart_policy import DELAY_MAX, RestartPolicy
from wf.workflow import ModuleUnusable, Registry, registry, version_order

if TYPE_CHECKING:
    from pathlib import Path


def declare(name: str, version: str = "1", **keywords: Any) -> type[WorkflowEntrypoint]:
    """A workflow class of this name and version."""

    class Declared(WorkflowEntrypoint, name=name, version=version, **keywords):
        pass

    return Declared


def policy(**given: Any) -> RestartPolicy:
    return RestartPolicy.parse("report", given)


def test_a_class_gets_its_own_name_and_version_1() -> None:
    """Without keywords the class name is the workflow's name."""

    class Plain(WorkflowEntrypoint):
        pass

    assert (Plain.workflow_name, Plain.workflow_version, Plain.restart_policy) == ("Plain", "1", None)
    assert registry.get("Plain") is Plain


@pytest.mark.parametrize("name", ["r", "_r", "Report-2", "x" * 64])
def test_a_legal_name_is_taken(name: str) -> None:
    """Letters, digits, '-' and '_' make a name."""
    assert declare(name).workflow_name == name


@pytest.mark.parametrize("name", ["-r", "a b", "a.b", "x" * 65, "ü", "a\n"])
def test_a_bad_name_is_refused(name: str) -> None:
    """The error shows the name and the rule, and nothing is registered."""
    with pytest.raises(ValueError, match="use 1 to 64 letters, digits, '-' or '_', not '-' first"):
        declare(name)
    assert registry.find(name) is None


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"limits": {"step": 5}}, "unknown key 'step' in limits; known is steps"),
        ({"limits": {"steps": 0}}, "limits.steps must be a whole number from 1, not 0"),
        ({"limits": {"steps": "many"}}, "limits.steps must be a whole number from 1, not 'many'"),
        ({"restart": {"limits": 3}}, "unknown key 'limits' in restart; known are limit, delay, backoff, on, from"),
        ({"restart": {"limit": -1}}, "restart limit must be a whole number from 0, not -1"),
        ({"restart": {"limit": True}}, "restart limit must be a whole number from 0, not True"),
        ({"restart": {"delay": "soon"}}, "restart delay 'soon' is not a duration"),
        ({"restart": {"backoff": "quadratic"}}, "restart backoff 'quadratic' is not constant, linear or exponential"),
        ({"restart": {"from": "middle"}}, 'restart from must be "failed" or "start", not \'middle\''),
        ({"restart": {"on": [7]}}, "restart on must hold exception classes, not 7"),
        ({"restart": {"on": int}}, "restart on must hold exception classes, not <class 'int'>"),
        ({"restart": 3}, "restart must be a dict, not 3"),
    ],
)
def test_a_bad_class_keyword_is_refused(keywords: dict[str, Any], message: str) -> None:
    """The error names workflow, keyword and value, and the class is not registered."""
    with pytest.raises(ValueError) as caught:
        declare("refused", **keywords)
    assert f"Workflow 'refused': {message}" in str(caught.value)
    assert registry.find("refused") is None


def test_an_unknown_class_keyword_is_refused() -> None:
    """A misspelt keyword is a TypeError of the class statement."""
    with pytest.raises(TypeError):
        declare("misspelt", verison="2")


@pytest.mark.parametrize(
    ("older", "newer"),
    [("9", "10"), ("1.9", "1.10"), ("1", "1.1"), ("1.0", "2"), ("beta", "1"), ("1-a", "1-b"), ("", "0")],
)
def test_versions_are_ordered_by_their_numbers(older: str, newer: str) -> None:
    """Numbers count as numbers, text as text, and text comes before numbers."""
    assert version_order(older) < version_order(newer)


@pytest.mark.parametrize(("one", "other"), [("1.0", "1.00"), ("01", "1"), ("1.2", "1..2")])
def test_versions_may_be_equal_without_being_the_same(one: str, other: str) -> None:
    """Leading zeros and dots do not matter."""
    assert version_order(one) == version_order(other)


def test_the_registry_finds_the_version_or_the_newest() -> None:
    """An exact version wins; without one, or when it is gone, the newest is found."""
    known = Registry()
    classes = {number: declare("versioned", number) for number in ("2", "10", "9")}
    for cls in classes.values():
        known.add(cls)
    assert known.find("versioned", "9") is classes["9"]
    assert known.find("versioned", "3") is classes["10"]
    assert known.find("versioned") is classes["10"]
    assert known.find("other") is None
    assert known.names() == ["versioned"]
    assert [cls.workflow_version for cls in known.classes()] == ["2", "9", "10"]


def test_the_registry_replaces_a_class_of_the_same_version() -> None:
    """A module that is imported again does not leave its old classes behind."""
    known = Registry()
    first, second = declare("again"), declare("again")
    known.add(first)
    known.add(second)
    assert known.classes() == [second]


def test_an_unknown_name_lists_what_the_process_knows() -> None:
    """The error guesses what was meant."""
    known = Registry()
    known.add(declare("report"))
    with pytest.raises(WorkflowNotFound, match="Did you mean 'report'"):
        known.get("repport")


def test_modules_are_loaded_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Naming a module is enough to register its workflows; the folder in which one stands counts."""
    (tmp_path / "wf_test_flows.py").write_text(
        "from wf import WorkflowEntrypoint\nclass Loaded(WorkflowEntrypoint, name='loaded-from-here'): pass\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    registry.load(["wf_test_flows"])
    assert registry.get("loaded-from-here").__module__ == "wf_test_flows"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (None, "ModuleNotFoundError: No module named 'wf_test_broken'"),
        ("\nraise KeyError('boom')", "KeyError: 'boom' (wf_test_broken.py, line 2)"),
        ("from wf import WorkflowEntrypoint\nclass Unnamed(WorkflowEntrypoint, name='a b'): pass", "line 2)"),
        ("\n1 +", "SyntaxError: invalid syntax (wf_test_broken.py, line 2)"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str | None, reason: str
) -> None:
    """The error tells which module, what its import ran into, and where in the author's code."""
    if source is not None:
        (tmp_path / "wf_test_broken.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(ModuleUnusable, match="'wf_test_broken' of workflows cannot be imported: ") as caught:
        registry.load(["wf_test_broken"])
    assert str(caught.value).endswith(reason)


def test_cloudflare_s_sources_without_compat_are_told_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that imports `workers` before that name is ours says how to switch compatibility on."""
    (tmp_path / "wf_test_foreign.py").write_text("from workers import WorkflowEntrypoint")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "workers", None)
    with pytest.raises(ModuleUnusable, match="--compat cloudflare"):
        registry.load(["wf_test_foreign"])


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [("constant", [30, 30, 30, 30]), ("linear", [30, 60, 90, 120]), ("exponential", [30, 60, 120, 240])],
)
def test_the_delay_before_a_restart_grows_as_asked(backoff: str, delays: list[float]) -> None:
    """Constant stays, linear adds, exponential doubles."""
    asked = policy(limit=4, delay="30 seconds", backoff=backoff)
    assert [asked.delay_for(ValueError(), n) for n in range(4)] == delays


def test_after_its_limit_an_instance_stays_errored() -> None:
    """The limit counts restarts; three are allowed unless told otherwise."""
    assert policy().delay_for(ValueError(), 2) == 240
    assert policy().delay_for(ValueError(), 3) is None
    assert policy(limit=1).delay_for(ValueError(), 1) is None


def test_no_delay_exceeds_a_year() -> None:
    """A policy that is too generous must not put the restart beyond what Postgres can write down."""
    assert policy(limit=10_000, delay="300 days").delay_for(ValueError(), 9_999) == DELAY_MAX
    assert policy(delay="1000000 years").delay_for(ValueError(), 0) == DELAY_MAX


class OutageError(ConnectionError):
    """An author's error."""


class OddError(Exception):
    """An error whose name is no text."""

    name = ["odd"]  # noqa: RUF012  # that is what is odd


def test_a_policy_restarts_only_after_the_errors_it_names() -> None:
    """Subclasses count, and so does the name of an error whose class is gone; others stay errored."""
    asked = policy(on=[ConnectionError, "TimeoutError"], delay=1)
    assert asked.delay_for(OutageError(), 0) == 1
    assert asked.delay_for(TimeoutError(), 0) == 1
    assert asked.delay_for(StepError("ConnectionError", "gone"), 0) == 1
    assert asked.delay_for(KeyError(), 0) is None
    assert asked.delay_for(OddError(), 0) is None
    assert policy(on=ConnectionError, delay=1).delay_for(OutageError(), 0) == 1


def test_a_policy_says_where_to_begin() -> None:
    """From what failed, unless "start" is asked for."""
    assert not policy().from_start
    assert policy(**{"from": "start"}).from_start
