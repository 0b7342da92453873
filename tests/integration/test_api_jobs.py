"""Jobs over REST."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.access import make_token
from tests.support.errands import Errand
from tests.support.jobs import audited, fill, statuses, work
from wf_api.access import Caller, Principal, Scope

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

BULK = "/api/workflows/errand/instances/bulk"
TERMINATE = "/api/workflows/errand/instances/terminate"


@pytest.fixture(autouse=True)
def _known(rig: Rig) -> None:
    rig.workers[0].catalog.register(Errand)


def test_many_instances_are_moved_by_one_request(rig: Rig, api: Api) -> None:
    """The answer is the job, which tells how far it has come; the audit names the caller."""
    fill(rig, "waiting", 3)
    fill(rig, "paused", 1)
    wish = {"action": "terminate", "filter": {"status": "waiting"}, "options": {"rollback": True}}
    answer = api("POST", BULK, json=wish)
    assert answer.status_code == 202
    job = answer.json()["result"]
    assert job == {
        "id": job["id"], "workflow": "errand", "action": "terminate", "filter": {"status": ["waiting"]},
        "options": {"rollback": True}, "actor": "api:local", "status": "queued", "total": 3, "done": 0, "failed": 0,
        "percent": 0, "errors": [], "created_on": "2027-01-15T08:00:00Z", "started_on": None, "ended_on": None,
    }  # fmt: skip
    work(rig)
    done = api.ok("GET", f"/api/jobs/{job['id']}")
    assert (done["status"], done["done"], done["percent"]) == ("complete", 3, 100)
    assert statuses(rig) == {"terminated": 3, "paused": 1}
    assert audited(rig, "terminate")[0][0] == f"job:{job['id']}:api:local"


def test_a_dry_run_moves_nothing(rig: Rig, api: Api) -> None:
    """It tells what would be moved, and what would not, and is no job."""
    fill(rig, "waiting", 2)
    fill(rig, "complete", 1)
    answer = api("POST", BULK, json={"action": "pause", "filter": {}, "dry_run": True})
    assert (answer.status_code, answer.json()["result"]) == (
        200,
        {
            "workflow": "errand", "action": "pause", "filter": {}, "total": 2,
            "matching": {"complete": 1, "waiting": 2}, "affected": {"waiting": 2}, "no_effect": {"complete": 1},
            "sample": ["waiting-1", "waiting-2"],
        },
    )  # fmt: skip
    assert api.ok("GET", "/api/jobs") == []


def test_restart_from_a_step(rig: Rig, api: Api) -> None:
    """Count and kind may be left out."""
    step = {"from_step": {"name": "nap", "type": "sleep"}}
    job = api.ok("POST", BULK, json={"action": "restart", "options": step})
    assert job["options"] == {"from_step": {"name": "nap", "count": 1, "type": "sleep"}}


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({}, 10002),
        ({"action": "explode"}, 10002),
        ({"action": "delete_workflow"}, 10002),
        ({"action": "pause", "filter": {"colour": "red"}}, 10002),
        ({"action": "pause", "filter": {"status": "done"}}, 10002),
        ({"action": "pause", "filter": {"ids": ["a\0"]}}, 10401),
        ({"action": "pause", "filter": {"version": "\ud800"}}, 10002),
        ({"action": "pause", "options": {"rollback": True}}, 10409),
        ({"action": "restart", "options": {"from_step": {"name": "a\0"}}}, 10002),
        ({"action": "restart", "options": {"from_step": {"name": "a", "count": 0}}}, 10002),
        ({"action": "pause", "dry_run": "yes"}, 10002),
    ],
)
def test_what_makes_no_sense_is_refused(api: Api, wish: dict[str, Any], code: int) -> None:
    """As a bad request, and nothing is begun."""
    told = {"content": json.dumps(wish), "headers": {"Content-Type": "application/json"}}
    assert api.refusal("POST", BULK, **told)[:2] == (400, code)
    assert api.ok("GET", "/api/jobs") == []


def test_a_second_job_of_the_kind_is_refused(rig: Rig, api: Api) -> None:
    """With the number of the first one in the text."""
    job = api.ok("POST", BULK, json={"action": "pause"})
    answer = api("POST", BULK, json={"action": "pause"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, 10416)
    assert f"Job {job['id']} is at work already" in answer.json()["errors"][0]["detail"]


def test_terminate_all(rig: Rig, api: Api) -> None:
    """A second request is told that the first one is being done, if it is; what has ended is left alone."""
    fill(rig, "waiting", 2)
    fill(rig, "paused", 2)
    fill(rig, "errored", 1)
    fill(rig, "rollingBack", 1)
    first = api.ok("PUT", TERMINATE, params={"status": "paused"})
    assert first["status"] == "ok"
    again = api.ok("PUT", TERMINATE, params={"status": "paused"})
    assert again == {"status": "already_running", "job_id": first["job_id"]}
    assert api.refusal("PUT", TERMINATE)[:2] == (409, 10416)
    work(rig)
    assert statuses(rig) == {"terminated": 2, "waiting": 2, "errored": 1, "rollingBack": 1}
    assert api.ok("PUT", TERMINATE)["job_id"] > first["job_id"]
    work(rig)
    assert statuses(rig) == {"terminated": 4, "errored": 1, "rollingBack": 1}


@pytest.mark.parametrize("how", [{"filter": {"ids": ["waiting-1"]}}, {"options": {"rollback": True}}])
def test_terminate_all_is_not_what_another_job_does(rig: Rig, api: Api, how: dict[str, Any]) -> None:
    """One that terminates a few, or rolls back first, is no reason to say that all are being terminated."""
    fill(rig, "waiting", 2)
    api.ok("POST", BULK, json={"action": "terminate", **how})
    assert api.refusal("PUT", TERMINATE)[:2] == (409, 10416)


@pytest.mark.parametrize("status", ["complete", "rollingBack", "done", ""])
def test_terminate_all_of_an_impossible_status_is_refused(api: Api, status: str) -> None:
    """Only those that can be terminated."""
    assert api.refusal("PUT", TERMINATE, params={"status": status})[:2] == (400, 10002)


def test_a_workflow_is_removed_with_its_instances(rig: Rig, api: Api) -> None:
    """Whether it went well is not known yet; asked twice, it is done once."""
    fill(rig, "waiting", 2)
    told = api.ok("DELETE", "/api/workflows/errand")
    assert told == {"status": "ok", "success": None, "job_id": told["job_id"]}
    assert api.ok("DELETE", "/api/workflows/errand") == told
    work(rig)
    assert api.ok("GET", f"/api/jobs/{told['job_id']}")["status"] == "complete"
    assert rig.sql("select name from wf.workflow") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/workflows/nope/instances/bulk"),
        ("PUT", "/api/workflows/nope/instances/terminate"),
        ("DELETE", "/api/workflows/nope"),
    ],
)
def test_an_unknown_workflow_is_not_found(api: Api, method: str, path: str) -> None:
    """Neither is one with an impossible name."""
    body = {"json": {"action": "pause"}} if method == "POST" else {}
    for name in ("nope", "no%20pe"):
        assert api.refusal(method, path.replace("nope", name), **body)[:2] == (404, 10200)


def test_jobs_are_listed_and_cancelled(rig: Rig, api: Api) -> None:
    """In pages, newest first; a cancelled job stays in the list."""
    made = [api.ok("POST", BULK, json={"action": action})["id"] for action in ("pause", "resume", "restart")]
    cancelled = api.ok("DELETE", f"/api/jobs/{made[1]}")
    assert (cancelled["status"], cancelled["ended_on"]) == ("cancelled", "2027-01-15T08:00:00Z")
    assert api.ok("DELETE", f"/api/jobs/{made[1]}") == cancelled
    first = api("GET", "/api/jobs", params={"per_page": 2}).json()
    assert [job["id"] for job in first["result"]] == made[:0:-1]
    assert first["result_info"] == {"count": 2, "per_page": 2, "cursor": str(made[1])}
    rest = api("GET", "/api/jobs", params={"cursor": made[1]}).json()
    assert ([job["id"] for job in rest["result"]], rest["result_info"]["cursor"]) == ([made[0]], None)
    assert api.ok("GET", "/api/jobs", params={"workflow": "other"}) == []


def test_only_an_administrator_calls_off_the_removal_of_a_workflow(rig: Rig, api: Api) -> None:
    """As only one can begin it; other jobs are cancelled by whoever may write."""
    writer, admin = make_token(rig, "ci", "write"), make_token(rig, "me", "admin")
    jobs = rig.client.jobs
    removal, pause = jobs.start("errand", "delete_workflow").id, jobs.start("errand", "pause").id
    assert api.refusal("DELETE", f"/api/jobs/{removal}", headers=writer)[:2] == (403, 10003)
    assert jobs.get(removal).status == "queued"
    assert api.ok("DELETE", f"/api/jobs/{pause}", headers=writer)["status"] == "cancelled"
    assert api.ok("DELETE", f"/api/jobs/{removal}", headers=admin)["status"] == "cancelled"


@pytest.mark.parametrize(("id", "status"), [("99", 404), ("0", 400), ("x", 400), (str(2**63), 400)])
def test_there_is_no_such_job(api: Api, id: str, status: int) -> None:
    """Nor can there be one with an impossible number."""
    for method in ("GET", "DELETE"):
        assert api.refusal(method, f"/api/jobs/{id}")[0] == status


def test_whoever_may_touch_some_workflows_sees_their_jobs_only(
    rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are not there for them: neither to see nor to cancel."""
    fill(rig, "waiting", 1, workflow="other")
    theirs, hidden = rig.client.jobs.start("errand", "pause").id, rig.client.jobs.start("other", "pause").id
    real = Caller.__init__

    def limited(self: Caller, principal: Principal, parts: Any) -> None:
        real(self, Principal(principal.name, Scope.ADMIN, frozenset({"errand"})), parts)

    monkeypatch.setattr(Caller, "__init__", limited)
    assert [job["id"] for job in api.ok("GET", "/api/jobs")] == [theirs]
    for method in ("GET", "DELETE"):
        assert api.refusal(method, f"/api/jobs/{hidden}")[:2] == (404, 10417)
    assert rig.client.jobs.get(hidden).status == "queued"
