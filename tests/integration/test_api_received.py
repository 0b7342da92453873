"""Events that an instance has received, over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.access import make_token
from tests.support.parcels import Parcel, at
from wf.descriptions import TRUNCATED

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

PREFIX = "workflows.api.error."


def test_events_are_listed_with_who_took_them(rig: Rig, api: Api) -> None:
    """Page by page, all of them or those that wait."""
    rig.create(Parcel, "r-17")
    rig.settle()
    rig.pass_time(30)
    rig.pass_time(60)
    api.ok("POST", at("r-17", "/events/go?event_id=e-1"), json={"by": "ada"})
    api.ok("POST", at("r-17", "/events/other"), json="x" * 100)
    rig.workers[0].engine.advance(rig.take()[0])
    answer = api("GET", at("r-17", "/events?payload_limit=50")).json()
    taken, waits = answer["result"]
    assert taken == {
        "id": taken["id"], "type": "go", "payload": {"by": "ada"}, "event_id": "e-1",
        "accepted_at": "2027-01-15T08:01:30Z", "consumed_by": "permit-1",
    }  # fmt: skip
    assert (waits["type"], waits["payload"], waits["consumed_by"]) == ("other", '"' + "x" * 49 + TRUNCATED, None)
    assert answer["result_info"] == {"count": 2, "per_page": 50, "cursor": None}
    assert [each["type"] for each in api.ok("GET", at("r-17", "/events?waiting=true"))] == ["other"]
    assert [each["type"] for each in api.ok("GET", at("r-17", "/events?waiting=false"))] == ["go"]
    answer = api("GET", at("r-17", "/events?per_page=1")).json()
    assert answer["result_info"]["cursor"] == str(taken["id"])
    assert [each["type"] for each in api.ok("GET", at("r-17", f"/events?cursor={taken['id']}"))] == ["other"]


def test_what_is_not_there_or_not_theirs_is_refused(rig: Rig, api: Api) -> None:
    """Instances, other workflows, and values that make no sense."""
    rig.create(Parcel, "r-17")
    assert api.refusal("GET", at("nope", "/events")) == (404, 10400, PREFIX + "instance.not_found")
    assert api.refusal("GET", at("r-17", "/events", "nowhere"))[:2] == (404, 10200)
    for query in ("per_page=0", "per_page=101", "cursor=x", "waiting=perhaps", "payload_limit=-1"):
        assert api.refusal("GET", at("r-17", f"/events?{query}"))[:2] == (400, 10002), query
    limited = make_token(rig, "other", "read", workflows=["other"])
    assert api.refusal("GET", at("r-17", "/events"), headers=limited)[:2] == (403, 10003)
