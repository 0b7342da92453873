"""Creating one instance: its options, its retention, and which ids may be created or addressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand, by_name
from wf import InstanceNotFound, InvalidInstanceId, WorkflowEntrypoint

if TYPE_CHECKING:
    from tests.support import Rig

DAY = 86_400.0
FIRING = "*/30 * * * *-1786001400000"


class Kept(WorkflowEntrypoint, name="create-kept", default_retention={"success_retention": "2 days"}):
    """Says how long its instances are kept after a good end."""

    async def run(self, event: Any, step: Any) -> Any:
        return event.payload


def kept(rig: Rig, id: str) -> tuple[Any, ...]:
    """What the journal says of the retention of an instance."""
    return rig.sql("select keep_success, keep_error from wf.instance where id = %s", id)[0]


def test_retention_of_an_instance_is_stored_in_seconds(rig: Rig) -> None:
    """Numbers are seconds, texts are durations, and what is not said stays open."""
    workflow = rig.client.workflow(Errand)
    workflow.create("both", retention={"success_retention": "1 day", "error_retention": 60})
    workflow.create("camel", retention={"successRetention": 90.5})
    workflow.create("none")
    assert kept(rig, "both") == (DAY, 60.0)
    assert kept(rig, "camel") == (90.5, None)
    assert kept(rig, "none") == (None, None)


@pytest.mark.parametrize("named", ["class", "name"])
def test_retention_falls_back_to_the_class(rig: Rig, named: str) -> None:
    """The default of the class counts for whatever an instance does not say, whether or not the class is at hand."""
    workflow = rig.client.workflow(Kept) if named == "class" else by_name(rig, Kept)
    workflow.create("plain")
    workflow.create("own", retention={"success_retention": 5})
    workflow.create("half", retention={"error_retention": 7})
    assert kept(rig, "plain") == (2 * DAY, None)
    assert kept(rig, "own") == (5.0, None)
    assert kept(rig, "half") == (2 * DAY, 7.0)


def test_a_class_needs_no_registration(rig: Rig) -> None:
    """With the class at hand, its retention counts before any worker has registered it."""
    rig.client.workflow(Kept).create("early")
    assert kept(rig, "early") == (2 * DAY, None)
    assert rig.sql("select count(*) from wf.workflow") == [(0,)]


@pytest.mark.parametrize("retention", [{"success": 1}, {"success_retention": 0}, {"error_retention": "soon"}, "1 day"])
def test_a_bad_retention_is_refused(rig: Rig, retention: Any) -> None:
    """The error names the workflow and the option, and nothing is created."""
    with pytest.raises(ValueError, match="Workflow 'errand': retention"):
        rig.client.workflow(Errand).create("r-17", retention=retention)
    assert rig.sql("select count(*) from wf.instance") == [(0,)]


def test_one_mapping_serves_sources_of_cloudflare(rig: Rig) -> None:
    """create({...}) takes id, params and retention under Cloudflare's names; where it shall live is no matter here."""
    given = {"id": "r-17", "params": {"n": 1}, "retention": {"successRetention": 30}, "locationHint": "weur"}
    instance = rig.client.workflow(Errand).create(given)
    assert kept(rig, "r-17") == (30.0, None)
    rig.settle()
    assert instance.result(timeout=1) == {"got": {"n": 1}}


def test_an_empty_mapping_is_an_instance_without_options(rig: Rig) -> None:
    """create({}) is create()."""
    assert len(rig.client.workflow(Errand).create({}).id) == 36


def test_a_mapping_with_an_unknown_key_is_refused(rig: Rig) -> None:
    """The error shows the key and those that are known, and nothing is created."""
    with pytest.raises(ValueError, match=r"unknown key 'parms'; known are id, params, retention"):
        rig.client.workflow(Errand).create({"id": "r-17", "parms": {}})
    assert rig.sql("select count(*) from wf.instance") == [(0,)]


def test_a_mapping_and_keywords_together_are_refused(rig: Rig) -> None:
    """Nobody has to guess which params count."""
    with pytest.raises(TypeError, match="either one mapping"):
        rig.client.workflow(Errand).create({"id": "r-17"}, {"n": 1})


def test_ids_of_scheduled_instances_are_addressed_and_not_created(rig: Rig) -> None:
    """A schedule's id is found by get and refused by create."""
    workflow = rig.client.workflow(Errand)
    workflow.create("fired", {"n": 1})
    rig.sql("update wf.instance set id = %s", FIRING)
    assert workflow.get(FIRING).status().status == "queued"
    with pytest.raises(InvalidInstanceId, match="1 to 100 letters"):
        workflow.create(FIRING)


@pytest.mark.parametrize("id", ["-r", "a b", "a/b", "x" * 271, "1,2#*"])
def test_an_id_that_some_instance_could_have_is_looked_for(rig: Rig, id: str) -> None:
    """Looking for an id within the looser rule says that there is none."""
    with pytest.raises(InstanceNotFound):
        rig.client.workflow(Errand).get(id)


@pytest.mark.parametrize("id", ["", "a.b", "é", "x" * 272, "a\n", 17, None])
def test_an_id_that_no_instance_can_have_is_refused(rig: Rig, id: Any) -> None:
    """Looking for an id beyond the looser rule tells that rule."""
    with pytest.raises(InvalidInstanceId, match="1 to 271"):
        rig.client.workflow(Errand).get(id)


def test_ids_that_look_like_cloudflares_own_are_free(rig: Rig) -> None:
    """`cf_` and 64 hex digits is an id like any other."""
    id = "cf_" + "0123456789abcdef" * 4
    assert rig.client.workflow(Errand).create(id).id == id


@pytest.mark.parametrize("forever", [1e300, "1001 years", 10**400])
def test_a_retention_beyond_the_calendar_is_refused(rig: Rig, forever: Any) -> None:
    """An instance with it could never end, because the time of its removal cannot be written down."""
    with pytest.raises(ValueError, match=r"retention\.success_retention"):
        rig.client.workflow(Kept).create("r-17", retention={"success_retention": forever})
    rig.client.workflow(Kept).create("r-17", retention={"success_retention": "1000 years"})
    rig.settle()
    assert rig.client.workflow(Kept).get("r-17").describe().expire_at.year == 3027
