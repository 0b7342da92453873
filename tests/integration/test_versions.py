"""Workflows by name, and their versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.errands import Errand, by_name, versions
from tests.support.rig import START
from wf import WorkflowEntrypoint, WorkflowNotFound
from wf.workflow import registry

if TYPE_CHECKING:
    from tests.support import Rig
    from wf.instance import Instance


def test_a_process_without_the_class_works_by_name(rig: Rig) -> None:
    """Once a worker has registered it, a workflow can be created, listed and awaited by its name alone."""
    workflow = by_name(rig, Errand)
    instance: Instance = workflow.create("r-17", {"n": 1})
    rig.settle()
    assert instance.result(timeout=1) == {"got": {"n": 1}}
    assert [entry.id for entry in workflow.list()] == ["r-17"]


def test_the_newest_version_wins_whoever_registers_last(rig: Rig) -> None:
    """An old worker that starts late does not take new instances back; 10 comes after 9, and 9 after 2."""
    catalog = rig.workers[0].catalog
    nine, ten, two = versions("client-versions", "9", "10", "2")
    for cls, newest in ((nine, "9"), (ten, "10"), (two, "10"), (nine, "10")):
        catalog.register(cls)
        assert catalog.workflows()["client-versions"] == newest
    (known,) = [entry for entry in catalog.describe_workflows() if entry.name == "client-versions"]
    assert set(known.versions) == {"2", "9", "10"}
    instance = rig.client.workflow("client-versions").create()
    rig.settle()
    assert instance.result(timeout=1) == "10"


def test_of_equal_versions_the_last_registered_wins(rig: Rig) -> None:
    """Of "1.0" and "1.00", the same number, the one registered last counts, here and in the journal."""
    catalog = rig.workers[0].catalog
    short, long = versions("client-ties", "1.0", "1.00")
    for cls in (short, long, short):
        registry.add(cls)
        catalog.register(cls)
        assert catalog.workflows()["client-ties"] == cls.workflow_version
        assert registry.get("client-ties") is cls


def test_settings_of_the_newest_version_are_shown(rig: Rig) -> None:
    """Class keywords in the journal are those of the version that new instances get."""
    catalog = rig.workers[0].catalog

    class New(WorkflowEntrypoint, name="client-settings", version="2", limits={"steps": 7}):
        pass

    (old,) = versions("client-settings", "1")
    catalog.register(New)
    catalog.register(old)
    assert [entry.settings for entry in catalog.describe_workflows()] == [{"limits": {"steps": 7}}]


def test_a_client_by_name_takes_up_a_version_that_comes_later(rig: Rig) -> None:
    """A web app that runs for months creates new instances in the newest version, not in the first one it saw."""
    first, second = versions("client-deploy", "1", "2")
    workflow = by_name(rig, first)
    assert workflow.create().describe().version_id == "1"
    rig.workers[0].catalog.register(second)
    assert workflow.create().describe().version_id == "2"


def test_versions_registered_at_the_same_moment_leave_the_newest(rig: Rig) -> None:
    """Workers that start together agree on the newest version, in whatever order their statements run."""
    classes = versions("client-together", *map(str, range(1, 9)))
    for registered in [rig.in_thread(rig.workers[0].catalog.register, cls) for cls in classes]:
        registered.result(timeout=10)
    assert rig.workers[0].catalog.workflows()["client-together"] == "8"


def test_an_instance_keeps_its_version_while_a_class_of_it_is_there(rig: Rig) -> None:
    """Old instances run the old code, new ones the new code; without the old class the newest takes over."""
    one, two = versions("client-kept", "1", "2")
    old, new = rig.create(one, "old"), rig.create(two, "new")
    orphan = rig.create(versions("client-kept", "0")[0], "orphan")
    del registry._classes["client-kept"]["0"]
    rig.settle()
    assert [i.result(timeout=1) for i in (old, new, orphan)] == ["1", "2", "2"]


def test_a_registration_tells_class_module_and_times(rig: Rig) -> None:
    """Each version keeps its class, its module, its settings, and when it was registered first and last."""
    catalog = rig.workers[0].catalog

    class Old(WorkflowEntrypoint, name="client-told", version="1"):
        pass

    class New(WorkflowEntrypoint, name="client-told", version="2", limits={"steps": 7}):
        pass

    first, later, last = (datetime.fromtimestamp(START + seconds, UTC) for seconds in (0, 60, 120))
    for cls in (Old, New, Old):
        catalog.register(cls)
        rig.clock.advance(60)
    (known,) = catalog.describe_workflows("client-told")
    assert (known.script_name, known.class_name) == (__name__, "New")
    assert (known.created_on, known.modified_on, known.triggered_on) == (first, last, None)
    new, old = catalog.versions("client-told")
    assert (new.class_name, new.script_name, new.settings) == ("New", __name__, {"limits": {"steps": 7}})
    assert (new.created_on, new.modified_on) == (later, later)
    assert (old.class_name, old.created_on, old.modified_on, old.settings) == ("Old", first, last, {})


def test_a_version_that_nobody_registered_has_no_class(rig: Rig) -> None:
    """An instance may be of a version that only its client knows; it is shown with what is known."""
    (one,) = versions("client-loose", "1")
    rig.workers[0].catalog.register(one)
    rig.create(versions("client-loose", "2")[0])
    loose, _ = rig.workers[0].catalog.versions("client-loose")
    assert (loose.version, loose.class_name, loose.created_on, loose.registered_on) == ("2", None, None, None)


def test_a_workflow_tells_when_it_was_last_triggered(rig: Rig) -> None:
    """That is when its newest instance was made, not that of another workflow; counts are its own, too."""
    catalog = rig.workers[0].catalog
    one, two, none = (versions(f"client-triggered-{n}", "1")[0] for n in (1, 2, 3))
    for cls in (one, two, none):
        catalog.register(cls)
    for seconds, cls, id in ((0, one, "a"), (60, one, "b"), (60, two, "c")):
        rig.clock.advance(seconds)
        rig.create(cls, id)
    rig.client.workflow(one).get("a").terminate()
    known = {entry.name[-1]: entry for entry in catalog.describe_workflows()}
    assert [known[n].triggered_on for n in "123"] == [
        datetime.fromtimestamp(START + 60, UTC), datetime.fromtimestamp(START + 120, UTC), None,
    ]  # fmt: skip
    assert [known[n].instances for n in "123"] == [{"queued": 1, "terminated": 1}, {"queued": 1}, {}]
    assert catalog.describe_workflows("client-triggered-1") == [known["1"]]


def test_an_unknown_workflow_cannot_be_described(rig: Rig) -> None:
    """It is refused, with a suggestion."""
    rig.workers[0].catalog.register(versions("client-known", "1")[0])
    with pytest.raises(WorkflowNotFound, match="Did you mean 'client-known'"):
        rig.workers[0].catalog.describe_workflows("client-knwn")
