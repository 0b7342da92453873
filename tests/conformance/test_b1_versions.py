"""B.1 and SPEC 2, versions: which code runs an instance, and what happens when the journal does not fit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from wf import WorkflowEntrypoint
from wf.workflow import registry

if TYPE_CHECKING:
    from tests.support import Rig

RAN: list[str] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    """Each test begins with an empty list."""
    RAN.clear()


def declare(name: str, *names: str, version: str = "1", strict: bool = False) -> type[WorkflowEntrypoint]:
    """A workflow that runs steps of these names, waits for an event, and runs one more."""

    class Declared(WorkflowEntrypoint, name=name, version=version, strict=strict):
        async def run(self, event: Any, step: Any) -> Any:
            for each in names:
                await step.do(each, lambda each=each: RAN.append(each))
            if names:
                await step.wait_for_event("permit", "go")
                await step.do("last", lambda: RAN.append(f"last of {version}"))
            return version

    return Declared


def deploy(rig: Rig, name: str, *names: str, **keywords: Any) -> None:
    """As if all workers had been replaced by ones with other code."""
    for worker in rig.workers:
        worker.engine.passes.clear()
    declare(name, *names, **keywords)


def test_an_instance_keeps_its_version_while_a_class_of_it_is_registered(rig: Rig) -> None:
    """Old instances finish on the old code, new ones begin with the newest."""
    old = rig.create(declare("conformance-pinned", "a"), "old")
    rig.settle()
    newest = declare("conformance-pinned", "a", "b", version="2")
    new = rig.create(newest, "new")
    rig.settle()
    for instance in (old, new):
        instance.send_event("go")
    rig.settle()
    assert (old.status().output, new.status().output) == ("1", "2")
    assert (old.describe().version_id, new.describe().version_id) == ("1", "2")


def test_without_its_version_the_newest_class_runs_it(rig: Rig) -> None:
    """An instance whose class is gone goes on with the newest one; a warning tells what that did not ask for."""
    instance = rig.create(declare("conformance-moved", "a", "b"))
    rig.settle()
    registry._classes["conformance-moved"].clear()
    deploy(rig, "conformance-moved", "a", version="2")
    instance.send_event("go")
    rig.settle()
    found = instance.describe()
    assert (found.status, found.output, RAN) == ("complete", "2", ["a", "b", "last of 2"])
    (warning,) = found.warnings
    assert "b-1 (do)" in warning
    assert "did not ask for it" in warning


def test_a_warning_is_shown_while_the_instance_still_runs(rig: Rig) -> None:
    """Whoever describes it after the deploy sees what does not fit, not only at the end."""
    instance = rig.create(declare("conformance-warned", "a", "b"))
    rig.settle()
    deploy(rig, "conformance-warned", "a", "c")
    instance.send_event("other")
    rig.settle()
    assert instance.status().status == "waiting"
    assert any("b-1 (do)" in warning for warning in instance.describe().warnings)


@pytest.mark.parametrize("after", [("a", "c"), ("c",), ()], ids=["renamed", "replaced", "ends early"])
def test_a_strict_instance_is_paused_before_an_unknown_step_runs(rig: Rig, after: tuple[str, ...]) -> None:
    """The error says what was recorded, what was asked, and why that may be; no step of the new code has run."""
    instance = rig.create(declare("conformance-strict", "a", "b", strict=True))
    rig.settle()
    ran = list(RAN)
    deploy(rig, "conformance-strict", *after, strict=True)
    instance.send_event("go")
    rig.settle()
    found = instance.status()
    assert (found.status, found.error.name) == ("paused", "NonDeterminismError")
    assert "b-1 (do)" in found.error.message
    assert ("c-1 (do)" in found.error.message) == ("c" in after)
    assert "time, randomness or I/O outside a step" in found.error.message
    assert ran == RAN


def test_a_paused_strict_instance_goes_on_with_code_that_fits(rig: Rig) -> None:
    """After a resume the error is gone, and what waited meanwhile is there."""
    instance = rig.create(declare("conformance-mended", "a", "b", strict=True))
    rig.settle()
    deploy(rig, "conformance-mended", "a", strict=True)
    instance.send_event("go")
    rig.settle()
    assert instance.status().status == "paused"
    instance.resume()
    rig.settle()
    assert instance.status().status == "paused", "the code does not fit yet"
    deploy(rig, "conformance-mended", "a", "b", strict=True)
    instance.resume()
    rig.settle()
    assert (instance.status().status, instance.status().error) == ("complete", None)
    assert RAN == ["a", "b", "last of 1"]


def test_a_strict_workflow_notices_nothing_when_nothing_is_wrong(rig: Rig) -> None:
    """Code that replays as it ran is never paused, whoever replays it."""
    instance = rig.create(declare("conformance-calm", "a", "b", strict=True))
    while nudges := rig.take():
        for nudge in nudges:
            rig.workers[0].engine.passes.clear()
            rig.advance(nudge)
    rig.workers[0].engine.passes.clear()
    instance.send_event("go")
    rig.settle()
    assert (instance.status().status, instance.describe().warnings) == ("complete", [])
