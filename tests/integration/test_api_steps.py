"""Steps of an instance over REST: pages, one in full, all in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.access import make_token
from tests.support.parcels import Parcel, at
from wf.descriptions import TRUNCATED

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

PREFIX = "workflows.api.error."


def live(rig: Rig) -> None:
    """A parcel with steps of every kind, at its end."""
    instance = rig.create(Parcel, "r-17")
    rig.settle()
    rig.pass_time(30)
    rig.pass_time(60)
    instance.send_event("go", 1)
    rig.settle()


def test_pages_of_steps_are_what_the_description_lists(rig: Rig, api: Api) -> None:
    """By cursor, in both directions, with filters; `result_info` leads on."""
    live(rig)
    described = api.ok("GET", at("r-17"))["steps"]
    assert len(described) == 5
    assert api.ok("GET", at("r-17", "/steps")) == described
    assert api.ok("GET", at("r-17", "/steps?direction=desc")) == described[::-1]
    answer = api("GET", at("r-17", "/steps?per_page=2")).json()
    assert (answer["result"], answer["result_info"]) == (described[:2], {"count": 2, "per_page": 2, "cursor": "2"})
    answer = api("GET", at("r-17", "/steps?per_page=3&cursor=2")).json()
    assert (answer["result"], answer["result_info"]["cursor"]) == (described[2:], None)
    assert [each["name"] for each in api.ok("GET", at("r-17", "/steps?search=PA"))] == ["pack-1"]
    assert api.ok("GET", at("r-17", "/steps?status=errored")) == []
    assert api.ok("GET", at("r-17", "/steps?output_limit=3&search=pack"))[0]["output"] == '"pa' + TRUNCATED


def test_a_timeline_gets_its_steps_without_outputs(rig: Rig, api: Api) -> None:
    """Up to a thousand on a page."""
    live(rig)
    pack = api.ok("GET", at("r-17", "/steps?outputs=false&per_page=1000"))[1]
    assert set(pack) == {
        "seq", "name", "type", "status", "start", "end", "success", "attempt", "lost", "event_type", "attempts",
        "wakeAt", "worker",
    }  # fmt: skip
    assert [(each["start"], each["outcome"]) for each in pack["attempts"]] == [
        ("2027-01-15T08:00:00Z", "errored"), ("2027-01-15T08:00:30Z", "complete"),
    ]  # fmt: skip
    assert api.ok("GET", at("r-17", "/steps/summary")) == {
        "at": "2027-01-15T08:01:30Z", "start": "2027-01-15T08:00:00Z", "end": "2027-01-15T08:01:30Z",
        "steps": {"complete": 5}, "total": 5, "termination": None,
    }  # fmt: skip


def test_one_step_is_told_whole(rig: Rig, api: Api) -> None:
    """However long its output is; what is sensitive stays hidden."""
    live(rig)
    secret, pack, _, _, long = (api.ok("GET", at("r-17", f"/steps/{seq}")) for seq in range(1, 6))
    assert (secret["output"], secret["config"]["sensitive"]) == ("[REDACTED]", "output")
    assert [each["outcome"] for each in pack["attempts"]] == ["errored", "complete"]
    assert pack["attempts"][0]["error"]["name"] == "RefusedError"
    assert long["output"] == "x" * 6000


def test_what_is_not_there_or_not_theirs_is_refused(rig: Rig, api: Api) -> None:
    """Instances, steps, other workflows, and values that make no sense."""
    live(rig)
    for more in ("/steps", "/steps/1", "/steps/summary"):
        assert api.refusal("GET", at("nope", more)) == (404, 10400, PREFIX + "instance.not_found")
        assert api.refusal("GET", at("r-17", more, "nowhere"))[:2] == (404, 10200)
    assert api.refusal("GET", at("r-17", "/steps/6")) == (404, 10418, PREFIX + "step.not_found")
    for more in (
        "/steps/0", "/steps/x", "/steps?status=nope", "/steps?per_page=0", "/steps?per_page=1001", "/steps?cursor=x",
        "/steps?direction=up", "/steps?outputs=perhaps", "/steps?search=" + "x" * 201, "/steps/99999999999",
    ):  # fmt: skip
        assert api.refusal("GET", at("r-17", more))[:2] == (400, 10002), more
    assert api.refusal("GET", at("r-17", "/steps?per_page=101")) == (400, 10410, PREFIX + "list.invalid")
    limited = make_token(rig, "other", "read", workflows=["other"])
    for more in ("/steps", "/steps/1", "/steps/summary"):
        assert api.refusal("GET", at("r-17", more), headers=limited)[:2] == (403, 10003)
