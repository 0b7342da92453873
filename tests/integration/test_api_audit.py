"""The audit over REST: who did what, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand, by_name

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

INSTANCES = "/api/workflows/errand/instances"


@pytest.fixture
def acted(rig: Rig, api: Api) -> None:
    """Things that were done to three instances by the API and by a client."""
    by_name(rig, Errand)
    for id in ("i-0", "i-1", "i-2"):
        rig.create(Errand, id, {"do": "wait"})
    rig.settle()
    for id in ("i-0", "i-1"):
        api.ok("PATCH", f"{INSTANCES}/{id}/status", json={"status": "pause"})
        api.ok("PATCH", f"{INSTANCES}/{id}/status", json={"status": "resume"})
    rig.client.workflow(Errand).get("i-2").terminate()
    api.ok("DELETE", f"{INSTANCES}/i-0")


def listed(api: Api, **query: Any) -> list[tuple[str, str]]:
    """Action and instance of each entry of the first page."""
    return [(entry["action"], entry["instance"]) for entry in api.ok("GET", "/api/audit", params=query)]


@pytest.mark.usefixtures("acted")
def test_an_entry_tells_who_did_what_to_which_instance_and_when(api: Api) -> None:
    """The newest first."""
    newest = api.ok("GET", "/api/audit")[0]
    assert {name: newest[name] for name in newest if name not in ("id", "at")} == {
        "actor": "api:local", "action": "delete", "workflow": "errand", "instance": "i-0", "detail": {},
    }  # fmt: skip
    assert isinstance(newest["id"], int)
    assert newest["at"].endswith("Z")
    assert listed(api) == [
        ("delete", "i-0"), ("terminate", "i-2"), ("resume", "i-1"), ("pause", "i-1"), ("resume", "i-0"),
        ("pause", "i-0"),
    ]  # fmt: skip


@pytest.mark.usefixtures("acted")
def test_entries_are_filtered(api: Api) -> None:
    """By workflow, instance, actor and action, alone and together."""
    assert listed(api, workflow="errand", instance="i-0") == [("delete", "i-0"), ("resume", "i-0"), ("pause", "i-0")]
    assert listed(api, instance="i-2") == [("terminate", "i-2")]
    assert listed(api, actor="client") == [("terminate", "i-2")]
    assert listed(api, action="pause") == [("pause", "i-1"), ("pause", "i-0")]
    assert listed(api, workflow="errand", instance="i-0", action="pause", actor="api:local") == [("pause", "i-0")]
    assert listed(api, workflow="nope") == []
    assert listed(api, actor="api") == []


@pytest.mark.usefixtures("acted")
def test_entries_come_in_pages_by_cursor(api: Api) -> None:
    """Each is told once, and the last page has no cursor; the same holds for those of one instance."""
    for query, number in (({}, 6), ({"workflow": "errand", "instance": "i-0"}, 3)):
        found: list[int] = []
        asked: dict[str, Any] = {**query, "per_page": 2}
        while True:
            body = api("GET", "/api/audit", params=asked).json()
            found += [entry["id"] for entry in body["result"]]
            info = body["result_info"]
            assert (info["count"], info["per_page"]) == (len(body["result"]), 2)
            if info["cursor"] is None:
                break
            asked["cursor"] = info["cursor"]
        assert (found, len(found)) == (sorted(set(found), reverse=True), number)


def test_a_page_is_looked_for_among_the_newest_only(rig: Rig, api: Api) -> None:
    """The audit is kept for ever, and somebody who is not in it must not cost all of it; a cursor leads on."""
    insert = "insert into wf.audit (actor, action, workflow, instance, detail) select '{}', 'pause', 'w', 'i', '{{}}'"
    rig.sql(insert.format("early"))
    rig.sql(insert.format("late") + " from generate_series(1, 100000)")
    first = api("GET", "/api/audit?actor=early").json()
    assert (first["result"], first["result_info"]["cursor"]) == ([], "2")
    second = api("GET", "/api/audit?actor=early&cursor=2").json()
    assert ([entry["actor"] for entry in second["result"]], second["result_info"]["cursor"]) == (["early"], None)
    assert api("GET", "/api/audit?actor=early&workflow=w&instance=i").json()["result"] == second["result"]


@pytest.mark.parametrize(
    "query",
    [
        {"per_page": 0}, {"per_page": 101}, {"cursor": -1}, {"cursor": "x"}, {"cursor": 2**63}, {"cursor": "9" * 5000},
        {"workflow": "x" * 65}, {"instance": "x" * 272}, {"actor": "x" * 201}, {"action": "x" * 65}, {"action": "\0"},
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(api: Api, query: dict[str, Any]) -> None:
    """400, in the envelope."""
    assert api.refusal("GET", "/api/audit", params=query)[:2] == (400, 10002)


def test_a_restart_is_noted_with_where_it_began(rig: Rig, api: Api) -> None:
    """So is a termination with whether it undid the steps."""
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    api.ok("PATCH", f"{INSTANCES}/r-17/status", json={"status": "restart"})
    api.ok("PATCH", f"{INSTANCES}/r-17/status", json={"status": "terminate", "rollback": True})
    terminated, restarted = api.ok("GET", "/api/audit")
    assert (restarted["action"], terminated["action"]) == ("restart", "terminate")
    assert restarted["detail"] == {"from": "start"}
    assert terminated["detail"] == {"rollback": True}
