"""Events over REST: any JSON, once, and to whom it may concern."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand
from tests.support.parcels import at

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

JSON = {"Content-Type": "application/json"}
PREFIX = "workflows.api.error."


@pytest.mark.parametrize("payload", [None, 0, "", False, {}, [], {"stars": 5}, "🦊", {"a\0": "\0"}, 10**400])
def test_an_event_may_carry_any_json(rig: Rig, api: Api, payload: Any) -> None:
    """The wait gives it as it was sent."""
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    sent = api.ok("POST", at("r-17", "/events/go", "errand"), content=json.dumps(payload).encode(), headers=JSON)
    assert sent == {"instanceId": "r-17", "timestamp": "2027-01-15T08:00:00Z"}
    rig.settle()
    assert rig.client.workflow(Errand).get("r-17").result(timeout=1) == payload


def test_an_event_without_a_body_has_no_payload(rig: Rig, api: Api) -> None:
    """As from the clients: None, not a mapping."""
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    api.ok("POST", at("r-17", "/events/go", "errand"))
    rig.settle()
    assert rig.client.workflow(Errand).get("r-17").status().output is None


def test_an_event_is_kept_until_something_waits_for_it(rig: Rig, api: Api) -> None:
    """Sent before `run` has begun."""
    rig.create(Errand, "r-17", {"do": "wait"})
    api.ok("POST", at("r-17", "/events/go", "errand"), json=5)
    rig.settle()
    assert api.ok("GET", at("r-17", workflow="errand"))["output"] == 5


def test_an_event_with_an_id_counts_once(rig: Rig, api: Api) -> None:
    """Sent again it is accepted again, without effect."""
    rig.create(Errand, "r-17", {"do": "wait"})
    for _ in range(3):
        api.ok("POST", at("r-17", "/events/go?event_id=dhl-7", "errand"), json=1)
    assert rig.sql("select count(*) from wf.event") == [(1,)]
    for bad in ("", "x" * 201, "%0a", "%E2%80%AE%00"):
        assert api.refusal("POST", at("r-17", f"/events/go?event_id={bad}", "errand"))[:2] == (400, 10002)


def test_an_event_that_cannot_be_is_refused(rig: Rig, api: Api) -> None:
    """By its type, its payload, or because the instance has ended."""
    rig.create(Errand, "r-17", {"do": "wait"})
    for type in ("a.b", "-a", "a%20b", "x" * 101, "%F0%9F%A6%8A"):
        found = api.refusal("POST", at("r-17", f"/events/{type}", "errand"))
        assert found == (400, 10402, PREFIX + "workflow.invalid_event_type"), type
    path = at("r-17", "/events/go", "errand")
    for content in (b"NaN", b'{"x": [Infinity]}', b"[1e400]", b"\xff", b"nonsense", b"[" * 9000):
        assert api.refusal("POST", path, content=content, headers=JSON)[:2] == (400, 10002), content[:20]
    assert api.refusal("POST", path, json="x" * 1_048_577)[:2] == (413, 10413)
    assert rig.sql("select count(*) from wf.event") == [(0,)]
    api.ok("PATCH", at("r-17", "/status", "errand"), json={"status": "terminate"})
    answer = api("POST", path, json=1)
    (problem,) = answer.json()["errors"]
    assert (answer.status_code, problem["code"], problem["message"]) == (409, 10403, PREFIX + "instance.finished")
    assert "terminated" in problem["detail"]
