"""Workflows over REST: lists, versions, schedules."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cli import Shell
from tests.support.errands import Errand, moment, versions
from wf import WorkflowEntrypoint, wire
from wf_api.envelope import to_json

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api


class Nightly(
    WorkflowEntrypoint, name="nightly", schedules=["0 9 * * *"], concurrency=2, limits={"steps": 50},
    default_retention={"success_retention": "1 day"},
):  # fmt: skip
    """A workflow with settings."""

    async def run(self, event: Any, step: Any) -> None:
        await step.wait_for_event("permit", "go")


NIGHTLY = "/api/workflows/nightly"


def register(rig: Rig, *classes: type[WorkflowEntrypoint]) -> None:
    for cls in classes:
        rig.workers[0].catalog.register(cls)


def test_a_workflow_has_every_field_of_the_baseline(rig: Rig, api: Api) -> None:
    """And in the list it looks the same."""
    register(rig, Nightly)
    rig.create(Nightly, "r-17")
    rig.settle()
    found = api.ok("GET", NIGHTLY)
    assert found == {
        "id": "nightly", "name": "nightly",
        "latest_version": {
            "id": "1", "created_on": "2027-01-15T08:00:00Z", "modified_on": "2027-01-15T08:00:00Z",
        },
        "script_name": Nightly.__module__, "class_name": "Nightly",
        "created_on": "2027-01-15T08:00:00Z", "modified_on": "2027-01-15T08:00:00Z",
        "triggered_on": "2027-01-15T08:00:00Z", "instances": {"waiting": 1}, "instances_capped": False,
        "schedules": [{"cron": "0 9 * * *", "next_instance": "2027-01-15T09:00:00Z", "last_instance": None}],
        "version": "1", "versions": ["1"],
        "settings": {
            "limits": {"steps": 50}, "concurrency": {"limit": 2}, "schedules": ["0 9 * * *"],
            "default_retention": {"success_retention": 86400.0},
        },
    }  # fmt: skip
    assert api.ok("GET", "/api/workflows") == [found]


def test_in_a_list_instances_are_counted_up_to_a_point(rig: Rig, api: Api) -> None:
    """And it is told; of one workflow that is asked for, all are counted. The command line puts a plus behind them."""
    register(rig, Errand, Nightly)
    rig.sql(
        "insert into wf.instance (workflow, id, version, status, due_at) select 'errand', 'i-' || n, '1',"
        " case when n <= 1500 then 'complete' else 'waiting' end, case when n > 1500 then now() end"
        " from generate_series(1, 1507) n"
    )
    errand, nightly = api.ok("GET", "/api/workflows")
    assert (errand["instances"], errand["instances_capped"]) == ({"complete": 1000, "waiting": 7}, True)
    assert (nightly["instances"], nightly["instances_capped"]) == ({}, False)
    one = api.ok("GET", "/api/workflows/errand")
    assert (one["instances"], one["instances_capped"]) == ({"complete": 1500, "waiting": 7}, False)
    assert "1000+ complete, 7 waiting" in Shell(rig.settings).text("list")


def test_a_workflow_without_instances_was_never_triggered(rig: Rig, api: Api) -> None:
    """It has no counts either."""
    register(rig, Errand)
    found = api.ok("GET", "/api/workflows/errand")
    assert (found["triggered_on"], found["instances"], found["schedules"]) == (None, {}, [])


def test_workflows_are_listed_by_name_in_pages(rig: Rig, api: Api) -> None:
    """The page tells how many there are on all pages; `search` leaves only those whose name holds it."""
    register(rig, *(versions(name, "1")[0] for name in ("list-b", "list-a", "other")))

    def page(**query: Any) -> tuple[list[str], dict[str, Any]]:
        body = api("GET", "/api/workflows", params=query).json()
        return [entry["name"] for entry in body["result"]], body["result_info"]

    assert page(per_page=2) == (["list-a", "list-b"], {"count": 2, "per_page": 2, "page": 1, "total_count": 3})
    assert page(per_page=2, page=2) == (["other"], {"count": 1, "per_page": 2, "page": 2, "total_count": 3})
    assert page(per_page=2, page=3) == ([], {"count": 0, "per_page": 2, "page": 3, "total_count": 3})
    assert page(search="LIST")[0] == ["list-a", "list-b"]
    assert page(search="nothing")[0] == []
    for bad in ({"page": 0}, {"page": "x"}, {"per_page": 0}, {"per_page": 101}):
        assert api.refusal("GET", "/api/workflows", params=bad)[:2] == (400, 10002)


@pytest.mark.parametrize("path", ["", "/versions", "/versions/1", "/versions/1/graph", "/schedules", "/instances"])
def test_a_workflow_that_nobody_registered_is_not_found(api: Api, path: str) -> None:
    """Whatever is asked about it, and whatever its name looks like."""
    for name in ("nope", "%20", "a.b", "%F0%9F%A6%8A", "%ED%A0%80", "x" * 300):
        found = api.refusal("GET", f"/api/workflows/{name}{path}")
        assert found == (404, 10200, "workflows.api.error.workflow.not_found")


def test_an_unknown_workflow_is_told_with_those_that_are_known(rig: Rig, api: Api) -> None:
    """So that a slip of the pen is found."""
    register(rig, Errand)
    (problem,) = api("GET", "/api/workflows/erand").json()["errors"]
    assert problem["detail"] == "There is no workflow 'erand'. Did you mean 'errand'? Known workflows: 'errand'."


def test_a_nul_in_a_url_is_refused(rig: Rig, api: Api) -> None:
    """Nothing can be called so, and Postgres cannot look for it."""
    register(rig, Errand)
    for path in (
        "/api/workflows/a%00", "/api/workflows/a%00/instances", "/api/workflows/errand/instances/a%00",
        "/api/workflows/errand/instances?version=%00", "/api/audit?actor=%00", "/api/workflows?search=%00",
        "/api/workflows/errand/instances/i/step?name=%00-1", "/api/workflows/errand/instances/a%00/subscribe",
    ):  # fmt: skip
        assert api.refusal("GET", path)[:2] == (400, 10002), path


def test_versions_are_told_newest_first(rig: Rig, api: Api) -> None:
    """With the fields of the baseline, and which of them is new and how many of each are in flight."""
    old, new = versions("told", "2", "10")
    register(rig, old)
    rig.create(old, "r-17")
    register(rig, new)
    body = api("GET", "/api/workflows/told/versions").json()
    newest, oldest = body["result"]
    assert (body["result_info"]["total_count"], newest["id"], oldest["id"]) == (2, "10", "2")
    assert (newest["newest"], newest["instances"]) == (True, {})
    assert (oldest["newest"], oldest["instances"]) == (False, {"queued": 1})
    assert {name: newest[name] for name in newest if name not in ("newest", "instances", "registered_on")} == {
        "id": "10", "workflow_id": "told", "class_name": "told", "script_name": new.__module__,
        "created_on": "2027-01-15T08:00:00Z", "modified_on": "2027-01-15T08:00:00Z", "language": "python",
        "has_dag": True, "capped": [], "limits": None, "concurrency": None, "default_retention": None, "settings": {},
    }  # fmt: skip
    assert api.ok("GET", "/api/workflows/told/versions/2") == oldest
    assert [each["id"] for each in api.ok("GET", "/api/workflows/told/versions?per_page=1&page=2")] == ["2"]
    graph = api.ok("GET", "/api/workflows/told/versions/2/graph")
    assert sorted(graph) == ["class_name", "created_on", "graph", "id", "modified_on", "workflow_id"]
    assert graph["graph"]["workflow"]["class_name"] == "told"
    for path in ("9", "9/graph"):
        found = api.refusal("GET", f"/api/workflows/told/versions/{path}")
        assert found == (404, 10201, "workflows.api.error.version.not_found")


def test_a_version_tells_the_settings_of_its_class(rig: Rig, api: Api) -> None:
    """Durations are seconds, as everywhere."""
    register(rig, Nightly)
    (found,) = api.ok("GET", f"{NIGHTLY}/versions")
    assert (found["limits"], found["concurrency"]) == ({"steps": 50}, {"limit": 2})
    assert found["default_retention"] == {"success_retention": 86400.0}


def test_a_version_that_only_instances_know_is_told(rig: Rig, api: Api) -> None:
    """No worker has registered it, so it has no class and no times."""
    old, new = versions("lost", "1", "2")
    rig.create(old, "r-17")
    register(rig, new)
    found = api.ok("GET", "/api/workflows/lost/versions/1")
    assert (found["class_name"], found["created_on"], found["registered_on"]) == (None, None, None)
    assert found["instances"] == {"queued": 1}


def test_schedules_are_told_with_the_next_to_fire_first(rig: Rig, api: Api) -> None:
    """Those of all workflows, and those of one; after a firing also when it was."""
    register(rig, Errand, Nightly, *versions("unscheduled", "1"))

    class Hourly(WorkflowEntrypoint, name="hourly", schedules=["30 * * * *"]):
        async def run(self, event: Any, step: Any) -> None: ...

    register(rig, Hourly)
    assert [found["workflow_id"] for found in api.ok("GET", "/api/schedules")] == ["hourly", "nightly"]
    rig.pass_time(3600)
    assert api.ok("GET", f"{NIGHTLY}/schedules") == [
        {
            "workflow_id": "nightly", "cron": "0 9 * * *", "next_instance": "2027-01-16T09:00:00Z",
            "last_instance": "2027-01-15T09:00:00Z",
        }
    ]  # fmt: skip
    assert api.ok("GET", NIGHTLY)["schedules"][0]["last_instance"] == "2027-01-15T09:00:00Z"
    assert api.ok("GET", "/api/workflows/errand/schedules") == []


def test_what_rest_tells_of_workflows_can_be_read_back(rig: Rig, api: Api) -> None:
    """The command line shows the same, whether it asks Postgres or an API."""
    register(rig, Errand, Nightly, *versions("told", "1", "2"))
    rig.create(versions("told", "1")[0], "r-17")
    rig.pass_time(3600)
    catalog = rig.client.catalog

    def sent(told: Any) -> Any:
        return json.loads(to_json(told))

    for found in catalog.describe_workflows():
        assert wire.workflow_back(sent(wire.workflow(found))) == found
    for found in catalog.versions():
        assert wire.version_back(sent(wire.version(found))) == found
    for found in catalog.schedules():
        assert wire.schedule_back(sent(wire.schedule(found))) == found
    assert [wire.workflow_back(told) for told in api.ok("GET", "/api/workflows")] == catalog.describe_workflows()
    assert catalog.schedules()[0].last_instance == moment(3600)


def test_times_are_iso_8601_in_utc(rig: Rig, api: Api) -> None:
    """With a Z, and with as much of a second as there is."""
    register(rig, Errand)
    rig.clock.advance(0.25)
    register(rig, Errand)
    told = api.ok("GET", "/api/workflows/errand")["modified_on"]
    assert (told, datetime.fromisoformat(told)) == ("2027-01-15T08:00:00.250000Z", moment(0.25))


def test_the_openapi_names_every_route_and_shows_examples(api: Api) -> None:
    """Each operation has a readable id of its own and a described tag; each body that is sent has an example."""
    told = api("GET", "/api/openapi.json").json()
    operations = [(path, it) for path, methods in told["paths"].items() for it in methods.values()]
    ids = [it["operationId"] for _, it in operations]
    assert len(ids) == len(set(ids)), ids
    assert {"create_instance", "describe_workflow", "subscribe_instance", "send_event"} <= set(ids)
    assert all(id.replace("_", "").isalpha() for id in ids), ids
    assert {tag for _, it in operations for tag in it["tags"]} <= {tag["name"] for tag in told["tags"]}

    def has_example(schema: dict[str, Any]) -> bool:
        if "$ref" in schema:
            return has_example(told["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
        parts = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        return "examples" in schema or any(map(has_example, parts))

    bodies = [
        (path, it["requestBody"]["content"].get("application/json")) for path, it in operations if "requestBody" in it
    ]
    assert len(bodies) > 5
    assert [path for path, body in bodies if body is not None and not has_example(body["schema"])] == []
