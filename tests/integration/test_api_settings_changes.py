"""Some of a workflow's settings, set without the rest: by REST, and by two people at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.errands import versions
from wf import WorkflowEntrypoint
from wf.database import Database
from wf.sql import statements

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api


class Nightly(
    WorkflowEntrypoint, name="nightly-changed", schedules=["0 9 * * *"], limits={"steps": 50},
    default_retention={"success_retention": "1 day", "error_retention": "2 days"},
    restart={"limit": 2, "delay": "5 minutes", "on": [ConnectionError]},
):  # fmt: skip
    """A workflow with settings."""

    async def run(self, event: Any, step: Any) -> None:
        await step.wait_for_event("permit", "go")


PUT, PATH = "/api/workflows/nightly-changed", "/api/workflows/nightly-changed/settings"
CLASS = {"script_name": Nightly.__module__, "class_name": "Nightly"}
DECLARED = {"limit": 2, "delay": 300.0, "backoff": "exponential", "on": ["ConnectionError"], "from": "failed"}
NEVER = {"limit": 0, "delay": 60.0, "backoff": "exponential", "on": [], "from": "failed"}


@pytest.fixture(autouse=True)
def _known(rig: Rig) -> None:
    rig.workers[0].catalog.register(Nightly)


def change(api: Api, wish: dict[str, Any]) -> dict[str, Any]:
    """What is set over the class after a change."""
    found: dict[str, Any] = api.ok("PATCH", PATH, json=wish)["overrides"]
    return found


def test_a_policy_is_declared_set_and_in_force(api: Api) -> None:
    """The class says one thing, an operator another; what an operator leaves out of it has its default."""
    before = api.ok("GET", PATH)
    assert before["declared"]["restart"] == before["settings"]["restart"] == DECLARED
    assert api.ok("PUT", PUT, json={**CLASS, "restart": {"limit": 0}})["settings"]["restart"] == NEVER
    after = api.ok("GET", PATH)
    assert (after["declared"], after["overrides"]) == (before["declared"], {"restart": NEVER})
    assert api.ok("PUT", PUT, json=CLASS)["settings"]["restart"] == DECLARED


def test_only_what_is_named_changes(api: Api) -> None:
    """Other settings stay, and of one with parts the parts that are not named stay as they are in force."""
    assert change(api, {"concurrency": {"limit": 7}}) == {"concurrency": {"limit": 7}}
    assert change(api, {"restart": {"limit": 5}})["restart"] == {**DECLARED, "limit": 5}
    assert change(api, {"restart": {"delay": "1 hour", "from": "start", "on": []}})["restart"] == {
        "limit": 5, "delay": 3600.0, "backoff": "exponential", "on": [], "from": "start",
    }  # fmt: skip
    assert change(api, {"default_retention": {"error_retention": "9 days"}})["default_retention"] == {
        "success_retention": 86_400.0, "error_retention": 777_600.0,
    }  # fmt: skip
    assert change(api, {"schedules": [{"cron": "15  * * * *"}]})["concurrency"] == {"limit": 7}
    assert [each["cron"] for each in api.ok("GET", f"{PUT}/schedules")] == ["15 * * * *"]
    assert change(api, {"schedules": []})["schedules"] == []
    assert api.ok("GET", f"{PUT}/schedules") == []
    assert api.ok("GET", PATH)["overrides"].keys() == {"concurrency", "restart", "default_retention", "schedules"}


def test_null_takes_back(api: Api) -> None:
    """A setting, or a part of one; where nothing is named nothing is done."""
    change(api, {"concurrency": {"limit": 7}, "restart": {"limit": 0}, "schedules": []})
    assert change(api, {"restart": None, "schedules": None}) == {"concurrency": {"limit": 7}}
    assert api.ok("GET", PATH)["settings"]["restart"] == DECLARED
    assert [each["cron"] for each in api.ok("GET", f"{PUT}/schedules")] == ["0 9 * * *"]
    assert change(api, {"default_retention": {"success_retention": None}})["default_retention"] == {
        "error_retention": 172_800.0
    }
    assert change(api, {"restart": {"delay": None}})["restart"] == {**DECLARED, "delay": 60.0}
    noted = api.ok("GET", "/api/audit")
    assert change(api, {}) == api.ok("GET", PATH)["overrides"]
    assert api.ok("GET", "/api/audit") == noted


def test_everything_is_taken_back(api: Api) -> None:
    """By one request, as if nobody had ever set anything; twice is once."""
    before = api.ok("GET", PATH)
    api.ok("PUT", PUT, json={**CLASS, "limits": {"steps": 50}, "restart": {"limit": 0}})
    assert api.ok("DELETE", PATH) == before
    assert api.ok("DELETE", PATH) == before


def test_changes_are_noted_in_the_audit(api: Api) -> None:
    """With all that is set over the class after them, and by whom."""
    change(api, {"concurrency": {"limit": 7}})
    change(api, {"restart": {"limit": 0}})
    api.ok("DELETE", PATH)
    entries = api.ok("GET", "/api/audit?action=configure")
    assert {(entry["actor"], entry["workflow"]) for entry in entries} == {("api:local", "nightly-changed")}
    assert [entry["detail"] for entry in entries] == [
        {}, {"concurrency": {"limit": 7}, "restart": {**DECLARED, "limit": 0}}, {"concurrency": {"limit": 7}},
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"restart": {"limit": -1}}, "body.restart.limit: Input should be greater than or equal to 0"),
        ({"restart": {"limit": 10**9}}, "body.restart.limit: Input should be less than or equal to 1000000"),
        ({"restart": {"limit": "3"}}, "body.restart.limit"),
        ({"restart": {"delay": "soon"}}, "restart delay 'soon' is not a duration"),
        ({"restart": {"delay": -1}}, "body.restart.delay"),
        ({"restart": {"delay": 1e300}}, "body.restart.delay"),
        ({"restart": {"backoff": "quadratic"}}, "body.restart.backoff"),
        ({"restart": {"on": "ConnectionError"}}, "body.restart.on"),
        ({"restart": {"on": ["a\nb"]}}, "'a\\nb' cannot be the name of an exception class"),
        ({"restart": {"on": ["x"] * 101}}, "body.restart.on"),
        ({"restart": {"from": "middle"}}, "body.restart.from"),
        ({"restart": {"from_": "start"}}, "body.restart.from_: Extra inputs are not permitted"),
        ({"restart": {"limits": 3}}, "body.restart.limits: Extra inputs are not permitted"),
        ({"restart": 3}, "body.restart"),
        ({"schedules": [{"cron": "noon"}]}, "'noon' is no cron expression of five fields"),
        ({"breaker": {"failures": 3}}, "body.breaker: Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_is_refused(api: Api, method: str, wish: dict[str, Any], told: str) -> None:
    """Nothing is changed, and the detail says what is wrong."""
    before = api.ok("GET", PATH)
    path, body = (PUT, CLASS | wish) if method == "PUT" else (PATH, wish)
    answer = api(method, path, json={"concurrency": {"limit": 7}, **body})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, 10002)
    assert told in answer.json()["errors"][0]["detail"]
    assert api.ok("GET", PATH) == before
    assert api.ok("GET", "/api/audit") == []


def test_who_may_change_them(rig: Rig, api: Api) -> None:
    """Administrators of the workflow; and of one that nobody knows nothing can be set."""
    for headers in (make_token(rig, "w", "write"), make_token(rig, "bob", "admin", workflows=["other"])):
        assert api.refusal("PATCH", PATH, json={"restart": None}, headers=headers)[0] == 403
        assert api.refusal("DELETE", PATH, headers=headers)[0] == 403
    admin = make_token(rig, "ann", "admin", workflows=["nightly-changed"])
    assert api.ok("PATCH", PATH, json={"restart": {"limit": 0}}, headers=admin)["overrides"]["restart"]["limit"] == 0
    for method, body in (("PATCH", {"json": {"restart": None}}), ("DELETE", {})):
        all_of_them = make_token(rig, f"any-{method}", "admin")
        assert api.refusal(method, "/api/workflows/nope/settings", headers=all_of_them, **body)[:2] == (404, 10200)


def test_two_people_at_once_lose_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever settles second looks again, and finds what the first has set: also in the same setting."""
    settle, rows = statements()["workflow_settle"], Database.rows
    first = [True]

    def come_between(self: Database, sql: Any, params: Any = None) -> Any:
        if sql == settle and params["actor"] == "ann" and first:
            first.clear()
            others = {"concurrency": {"limit": 7}, "restart": {"delay": 1}}
            rig.client.acting_as("bob").overrides.change("nightly-changed", others)
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", come_between)
    found = rig.client.acting_as("ann").overrides.change("nightly-changed", {"restart": {"limit": 9}, "schedules": []})
    assert found.overrides == {
        "concurrency": {"limit": 7}, "restart": {**DECLARED, "limit": 9, "delay": 1.0}, "schedules": [],
    }  # fmt: skip
    assert rig.sql("select actor from wf.audit order by id") == [("bob",), ("ann",)]


def test_a_change_and_a_registration_at_the_same_time_both_hold(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that registers a newer version between look and write is not undone."""
    old, new = versions("changed-meanwhile", "1", "2")
    rig.workers[0].catalog.register(old)
    settle, rows = statements()["workflow_settle"], Database.rows
    first = [True]

    def come_between(self: Database, sql: Any, params: Any = None) -> Any:
        if sql == settle and params["actor"] == "ann" and first:
            first.clear()
            rig.workers[0].catalog.register(new)
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", come_between)
    found = rig.client.acting_as("ann").overrides.change("changed-meanwhile", {"restart": {"limit": 0}})
    assert (found.version, found.overrides) == ("2", {"restart": NEVER})


def test_what_is_not_named_is_not_looked_at(rig: Rig, api: Api) -> None:
    """A setting that an earlier release left there, or somebody by hand, is no reason to refuse another one."""
    odd = '{"limits": {"steps": 7}, "restart": "often", "default_retention": 3}'
    rig.sql("update wf.workflow set overrides = %s::jsonb", odd)
    assert change(api, {"concurrency": {"limit": 7}})["restart"] == "often"
    assert change(api, {"restart": {"limit": 1}})["restart"] == {**NEVER, "limit": 1}
    with pytest.raises(ValueError, match="'limits' cannot be set over the class; concurrency, schedules"):
        rig.client.overrides.change("nightly-changed", {"limits": {"steps": 1}})
