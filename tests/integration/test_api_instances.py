"""Instances over REST: lists, descriptions, steps, events, and every move from every status."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Event as Signal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import UUID

import pytest

from tests.support.attempts import Held, one_step
from tests.support.errands import Errand, RefusedError, moment
from wf import WorkflowEntrypoint, wire
from wf.listing import Listing
from wf.plain import plain
from wf_api.envelope import to_json

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

INSTANCES = "/api/workflows/errand/instances"
JSON = {"Content-Type": "application/json"}
PREFIX = "workflows.api.error."
NOT_FOUND = (404, 10400, PREFIX + "instance.not_found")


class Parcel(WorkflowEntrypoint, name="parcel", schedules=["*/30 * * * *"]):
    """Steps of every kind, beginning by itself twice an hour."""

    async def run(self, event: Any, step: Any) -> Any:
        def flaky(ctx: Any) -> str:
            if ctx.attempt == 1:
                raise RefusedError(9)
            return "packed"

        await step.do("secret", lambda: "t-1", config={"sensitive": "output"}, rollback=lambda: None)
        packed = await step.do("pack", flaky, config={"retries": {"limit": 3, "delay": 30}})
        await step.sleep("nap", 60)
        got = await step.wait_for_event("permit", "go", timeout="1 day")
        return [packed, await step.do("long", lambda: "x" * 6000), got.payload]


def at(id: str, more: str = "", workflow: str = "parcel") -> str:
    """The path of an instance."""
    return f"/api/workflows/{workflow}/instances/{quote(id, safe='')}{more}"


def step_of(api: Api, id: str, name: str, **more: Any) -> Any:
    return api.ok("GET", at(id, "/step"), params={"name": name, **more})


# Lists.


@pytest.fixture
def five(rig: Rig) -> list[str]:
    """The ids of five instances, a day apart each, the oldest first."""
    rig.workers[0].catalog.register(Errand)
    for number in range(5):
        rig.create(Errand, f"i-{number}", {"do": ["", "wait", "", "fail", ""][number]})
        rig.settle()
        rig.clock.advance(86_400)
    return [f"i-{number}" for number in range(5)]


def listed(api: Api, **query: Any) -> tuple[list[str], dict[str, Any]]:
    body = api("GET", INSTANCES, params=query).json()
    assert body["success"], body
    return [entry["id"] for entry in body["result"]], body["result_info"]


def test_a_listed_instance_has_every_field_of_the_baseline(rig: Rig, api: Api) -> None:
    """With when it changed last, and when it is looked at next."""
    rig.create(Errand, "r-17", {"do": "sleep"})
    rig.clock.advance(5)
    rig.settle()
    (found,) = api.ok("GET", INSTANCES)
    assert found == {
        "id": "r-17", "workflow_id": "errand", "version_id": "1", "status": "waiting", "trigger_source": "binding",
        "created_on": "2027-01-15T08:00:00Z", "modified_on": "2027-01-15T08:00:05Z",
        "started_on": "2027-01-15T08:00:05Z", "ended_on": None, "due_on": "2027-01-15T08:10:05Z",
    }  # fmt: skip
    rig.pass_time(600)
    (found,) = api.ok("GET", INSTANCES)
    assert (found["status"], found["ended_on"], found["due_on"]) == ("complete", "2027-01-15T08:10:05Z", None)


@pytest.mark.usefixtures("five")
def test_lists_go_by_cursor_in_both_directions(api: Api) -> None:
    """Each instance is told once, and the last page has no cursor."""
    for direction, expected in (("desc", ["i-4", "i-3", "i-2", "i-1", "i-0"]), ("asc", [f"i-{n}" for n in range(5)])):
        found: list[str] = []
        query: dict[str, Any] = {"per_page": 2, "direction": direction}
        while True:
            ids, info = listed(api, **query)
            assert (info["count"], info["per_page"], info["page"]) == (len(ids), 2, None)
            found += ids
            if info["cursor"] is None:
                break
            query["cursor"] = info["cursor"]
        assert found == expected


@pytest.mark.usefixtures("five")
def test_lists_go_by_the_number_of_the_page(api: Api) -> None:
    """In both directions; beyond the end there is nothing."""
    assert listed(api, per_page=2, page=1)[0] == ["i-4", "i-3"]
    assert listed(api, per_page=2, page=3) == (["i-0"], {"count": 1, "per_page": 2, "page": 3, "cursor": None})
    assert listed(api, per_page=2, page=4)[0] == []
    assert listed(api, per_page=2, page=2, direction="asc")[0] == ["i-2", "i-3"]


@pytest.mark.usefixtures("five")
def test_lists_are_filtered(api: Api) -> None:
    """By status, by version, by time, and by all of them."""
    assert listed(api, status="waiting")[0] == ["i-1"]
    assert listed(api, status="errored")[0] == ["i-3"]
    assert listed(api, status="paused")[0] == []
    assert len(listed(api, version="1")[0]) == 5
    assert listed(api, version="2")[0] == []
    assert listed(api, date_start="2027-01-17T08:00")[0] == ["i-4", "i-3", "i-2"]
    assert listed(api, date_start="2027-01-17T08:00:00.000001Z")[0] == ["i-4", "i-3"]
    assert listed(api, date_start="2027-01-17", date_end="2027-01-18")[0] == ["i-3", "i-2"]
    assert listed(api, date_end="2027-01-16T10:00+02:00")[0] == ["i-1", "i-0"]
    assert listed(api, date_start="2027-01-17", status="complete", direction="asc", per_page=1)[0] == ["i-2"]


@pytest.mark.usefixtures("five")
def test_the_ends_of_the_calendar_are_times_like_others(api: Api) -> None:
    """All instances lie between them, and none beyond."""
    assert len(listed(api, date_start="0001-01-01", date_end="9999-12-31")[0]) == 5
    assert listed(api, date_start="9999-12-31")[0] == []
    assert listed(api, date_end="0001-01-01")[0] == []
    assert listed(api, date_start="2027-02-01", date_end="2027-01-01")[0] == []


@pytest.mark.parametrize(
    ("query", "number", "told"),
    [
        ({"status": "done"}, 10002, "'queued', 'running'"),
        ({"page": 0}, 10002, "query.page"),
        ({"page": 502}, 10410, "page must be a whole number from 1 to 501"),
        ({"per_page": 0}, 10002, "query.per_page"),
        ({"per_page": 101}, 10002, "query.per_page"),
        ({"page": 1, "cursor": "5"}, 10410, "Give a cursor or the number of a page, not both"),
        ({"cursor": "x"}, 10002, "query.cursor"),
        ({"cursor": "9" * 5000}, 10002, "query.cursor"),
        ({"direction": "up"}, 10002, "'asc' or 'desc'"),
        ({"date_start": "yesterday"}, 10002, "date_start 'yesterday' is not an ISO 8601 date or time"),
        ({"date_end": "2027-02-30"}, 10002, "date_end '2027-02-30' is not"),
        ({"date_end": ""}, 10002, "date_end '' is not"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(
    rig: Rig, api: Api, query: dict[str, Any], number: int, told: str
) -> None:
    """400 that names the value and what could be instead."""
    rig.workers[0].catalog.register(Errand)
    answer = api("GET", INSTANCES, params=query)
    (problem,) = answer.json()["errors"]
    assert (answer.status_code, problem["code"]) == (400, number)
    assert told in problem["detail"]


# Descriptions.


def test_a_description_has_every_field_of_the_baseline(rig: Rig, api: Api) -> None:
    """Steps of each kind in their order, with their attempts."""
    rig.create(Parcel, "r-17", {"n": Decimal("1.5")})
    rig.settle()
    shown = api.ok("GET", at("r-17"))
    assert (shown["status"], shown["retries"], shown["nextWake"]) == ("waiting", 1, "2027-01-15T08:00:30Z")
    (failed,) = shown["steps"][1]["attempts"]
    assert (failed["success"], failed["error"]["name"], failed["retryAt"]) == (
        False, "RefusedError", "2027-01-15T08:00:30Z",
    )  # fmt: skip
    rig.pass_time(30)
    rig.pass_time(60)
    api.ok("POST", at("r-17", "/events/go"), json={"by": "ada"})
    rig.settle()
    shown = api.ok("GET", at("r-17"))
    baseline = (
        "id", "status", "params", "trigger", "versionId", "queued", "start", "end", "success", "error", "output",
        "rollback", "step_count", "schedule",
    )  # fmt: skip
    assert {name: shown[name] for name in baseline} == {
        "id": "r-17", "status": "complete", "params": {"n": "1.5"}, "trigger": {"source": "binding"}, "versionId": "1",
        "queued": "2027-01-15T08:00:00Z", "start": "2027-01-15T08:00:00Z", "end": "2027-01-15T08:01:30Z",
        "success": True, "error": None, "output": ["packed", "x" * 6000, {"by": "ada"}], "rollback": None,
        "step_count": 3, "schedule": None,
    }  # fmt: skip
    secret, pack, nap, permit, long = shown["steps"]
    assert [(each["name"], each["type"], each["success"]) for each in shown["steps"]] == [
        ("secret-1", "step", True), ("pack-1", "step", True), ("nap-1", "sleep", True),
        ("permit-1", "waitForEvent", True), ("long-1", "step", True),
    ]  # fmt: skip
    assert (secret["output"], pack["output"]) == ("[REDACTED]", "packed")
    assert [each["success"] for each in pack["attempts"]] == [False, True]
    assert set(pack["attempts"][0]) >= {"start", "end", "success", "error"}
    assert (nap["start"], nap["end"], nap["finished"], nap["error"]) == (
        "2027-01-15T08:00:30Z", "2027-01-15T08:01:30Z", True, None,
    )  # fmt: skip
    assert (permit["event_type"], permit["finished"], permit["output"]["payload"]) == ("go", True, {"by": "ada"})
    assert long["output"] == '"' + "x" * 4999 + wire.TRUNCATED


def test_a_description_can_be_turned_shortened_and_simple(rig: Rig, api: Api) -> None:
    """`order` turns the steps, `output_limit` says how much of an output, `simple` leaves the steps out."""
    rig.create(Parcel, "r-17")
    rig.settle()
    rig.pass_time(30)
    names = [each["name"] for each in api.ok("GET", at("r-17"))["steps"]]
    assert [each["name"] for each in api.ok("GET", at("r-17", "?order=desc"))["steps"]] == names[::-1]
    assert api.ok("GET", at("r-17", "?output_limit=3"))["steps"][1]["output"] == '"pa' + wire.TRUNCATED
    assert api.ok("GET", at("r-17", "?output_limit=8"))["steps"][1]["output"] == "packed"
    simple = api.ok("GET", at("r-17", "?simple=true"))
    assert ("steps" in simple, simple["step_count"]) == (False, 2)
    assert "steps" in api.ok("GET", at("r-17", "?simple=false"))
    for query in ("order=up", "simple=1", "output_limit=-1", "output_limit=x"):
        assert api.refusal("GET", at("r-17", f"?{query}"))[:2] == (400, 10002), query


def test_an_errored_instance_tells_its_error(rig: Rig, api: Api) -> None:
    """With its traceback."""
    rig.create(Errand, "r-17", {"do": "fail"})
    rig.settle()
    shown = api.ok("GET", at("r-17", workflow="errand"))
    assert (shown["status"], shown["success"], shown["error"]["name"]) == ("errored", False, "RefusedError")
    assert "test" in shown["error"]["traceback"]
    assert shown["expireAt"] is not None


def test_a_terminated_instance_ends_with_its_termination(rig: Rig, api: Api) -> None:
    """Which tells that it came by the API."""
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.settle()
    api.ok("PATCH", at("r-17", "/status", "errand"), json={"status": "terminate"})
    shown = api.ok("GET", at("r-17", workflow="errand"))
    last = shown["steps"][-1]
    assert (last["type"], last["trigger"], shown["success"]) == ("termination", {"source": "api"}, False)
    assert last["success"] is True


def test_values_beyond_json_are_shown_as_json(rig: Rig, api: Api) -> None:
    """Of params, outputs and steps; whatever their types, and without their classes."""
    values = {
        "decimal": Decimal("1.50"), "moment": datetime(2026, 1, 1, tzinfo=UTC), "day": date(2026, 1, 2),
        "bytes": b"\0x", "set": {1}, "tuple": (1, 2), "delta": timedelta(seconds=5), "uuid": UUID(int=1),
        "nan": float("nan"), "inf": float("-inf"), "surrogate": "\ud800", "nul": "\0", "huge": 10**5000,
        "big": 2**64, (1, 2): "key",
    }  # fmt: skip
    shown = {
        "decimal": "1.50", "moment": "2026-01-01T00:00:00+00:00", "day": "2026-01-02", "bytes": "AHg=", "set": [1],
        "tuple": [1, 2], "delta": "0:00:05", "uuid": str(UUID(int=1)), "nan": "NaN", "inf": "-Infinity",
        "surrogate": r"\ud800", "nul": "\0", "huge": hex(10**5000), "big": 2**64, "[1, 2]": "key",
    }  # fmt: skip

    class Odd(WorkflowEntrypoint, name="odd"):
        async def run(self, event: Any, step: Any) -> Any:
            return await step.do("odd", lambda: values)

    rig.create(Odd, "r-17", values)
    rig.settle()
    found = api.ok("GET", at("r-17", "?output_limit=100000", "odd"))
    assert (found["params"], found["output"], found["steps"][0]["output"]) == (shown, shown, shown)
    assert api.ok("GET", at("r-17", "/step?name=odd-1", "odd"))["output"] == shown


def test_what_rest_tells_of_instances_can_be_read_back(rig: Rig, api: Api) -> None:
    """In every state: the command line shows the same, whether it asks Postgres or an API."""

    class Undone(WorkflowEntrypoint, name="undone"):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do("a", lambda: 1, rollback=lambda: None)
            raise RefusedError(1)

    for number, doing in enumerate(["", "fail", "sleep", "wait", "wait", "wait"]):
        rig.create(Errand, f"i-{number}", {"do": doing})
    rig.create(Undone, "undone")
    rig.create(Parcel, "parcel")
    rig.settle()
    rig.client.workflow(Errand).get("i-3").pause()
    rig.client.workflow(Errand).get("i-4").terminate()
    rig.create(Errand, "queued")
    rig.workers[0].catalog.register(Parcel)
    rig.pass_time(1800)
    catalog = rig.client.catalog
    statuses = set()
    for workflow in ("errand", "undone", "parcel"):
        for entry in catalog.list(workflow, Listing()):
            assert wire.instance_back(json.loads(to_json(wire.instance(workflow, entry)))) == entry
            found = catalog.describe(workflow, entry.id, read=plain)
            told = json.loads(to_json(wire.details(found, lambda output: output)))
            assert wire.details_back(told) == found
            assert wire.details_back(api.ok("GET", at(entry.id, "?output_limit=9999", workflow))) == found
            statuses.add(entry.status)
    assert statuses == {"complete", "errored", "waiting", "paused", "terminated"}


# Ids.


def test_an_instance_of_a_schedule_is_reached_by_every_route(rig: Rig, api: Api) -> None:
    """Its id has slashes, stars and blanks, percent-encoded in the path."""
    rig.workers[0].catalog.register(Parcel)
    rig.pass_time(1800)
    (entry,) = api.ok("GET", "/api/workflows/parcel/instances")
    id = entry["id"]
    assert (id, entry["trigger_source"]) == ("*/30 * * * *-1800001800000", "cron")
    shown = api.ok("GET", at(id))
    assert (shown["id"], shown["trigger"], shown["schedule"]["cron"]) == (id, {"source": "cron"}, "*/30 * * * *")
    assert step_of(api, id, "secret-1")["output"] == "[REDACTED]"
    assert api.ok("POST", at(id, "/events/go"), json=1)["instanceId"] == id
    assert api.ok("PATCH", at(id, "/status"), json={"status": "pause"})["status"] == "paused"
    with api.http.stream("GET", at(id, "/subscribe")) as answer:
        assert answer.status_code == 200
    assert api.ok("DELETE", at(id)) == {"id": id}
    assert api.refusal("GET", at(id)) == NOT_FOUND


@pytest.mark.parametrize(
    ("method", "more", "how"),
    [
        ("GET", "", {}), ("DELETE", "", {}), ("GET", "/step?name=a-1", {}), ("GET", "/subscribe", {}),
        ("PATCH", "/status", {"json": {"status": "pause"}}), ("PATCH", "/status", {"json": {"status": "restart"}}),
        ("PATCH", "/status", {"json": {"status": "terminate"}}), ("PATCH", "/status", {"json": {"status": "resume"}}),
        ("POST", "/events/go", {}),
    ],
)  # fmt: skip
def test_an_instance_that_is_not_there_is_not_found(
    rig: Rig, api: Api, method: str, more: str, how: dict[str, Any]
) -> None:
    """By any route; and an id that no instance can have is either not found, too, or refused."""
    rig.workers[0].catalog.register(Parcel)
    assert api.refusal(method, at("nope", more), **how) == NOT_FOUND
    found = api.refusal(method, at("nope", more, "nowhere"), **how)
    assert found == (404, 10200, PREFIX + "workflow.not_found")
    for id in ("é", "x" * 300, "\ud7ff", "a.b", "%"):
        assert api.refusal(method, at(id, more), **how)[:2] in (NOT_FOUND[:2], (400, 10401))


# Steps.


def test_a_step_is_told_in_full_through_its_life(rig: Rig, api: Api) -> None:
    """Running with an error between two attempts, complete at last; each attempt by its number."""
    rig.create(Parcel, "r-17")
    rig.settle()
    retrying = step_of(api, "r-17", "pack-1")
    assert (retrying["status"], retrying["output"], retrying["error"]["name"]) == ("running", None, "RefusedError")
    rig.pass_time(30)
    assert step_of(api, "r-17", "pack-1") == {"status": "complete", "output": "packed", "error": None}
    first = step_of(api, "r-17", "pack-1", attempt=1)
    assert (first["status"], first["output"], first["error"]["message"]) == ("errored", None, "order 9 refused")
    assert step_of(api, "r-17", "pack-1", attempt=2)["output"] == "packed"
    assert step_of(api, "r-17", "secret-1") == {"status": "complete", "output": "[REDACTED]", "error": None}
    rig.pass_time(60)
    waiting = step_of(api, "r-17", "permit-1", type="waitForEvent")
    assert waiting == {"status": "waiting", "output": None, "error": None, "event_type": "go"}
    api.ok("POST", at("r-17", "/events/go"), json=5)
    rig.settle()
    got = step_of(api, "r-17", "permit-1", type="waitForEvent")
    assert (got["status"], got["output"]["payload"], got["output"]["type"]) == ("complete", 5, "go")
    assert step_of(api, "r-17", "long-1")["output"] == "x" * 6000


def test_a_step_that_runs_and_one_that_was_cancelled_are_told(rig: Rig, api: Api) -> None:
    """The end of an instance cuts off what ran."""
    held = Held()
    cls = one_step(held.stand, "api")
    rig.create(cls, "r-17")
    working = rig.in_thread(rig.settle)
    assert held.begun.wait(10)
    path = at("r-17", "/step?name=work-1", cls.workflow_name)
    assert api.ok("GET", path) == {"status": "running", "output": None, "error": None}
    api.ok("PATCH", at("r-17", "/status", cls.workflow_name), json={"status": "terminate"})
    cancelled = api.ok("GET", path)
    assert (cancelled["status"], cancelled["error"]["name"]) == ("errored", "Cancelled")
    held.gate.set()
    working.result(10)


def test_a_step_or_attempt_that_is_not_there_is_not_found(rig: Rig, api: Api) -> None:
    """Wrong name, counter, kind or number of attempt; what cannot be one is refused."""
    rig.create(Parcel, "r-17")
    rig.settle()
    missing = (404, 10418, PREFIX + "step.not_found")
    for query in (
        "name=pack", "name=pack-2", "name=pack-0", "name=pack-99999999999", "name=-1", "name=", "name=nap-1",
        "name=pack-1&type=waitForEvent", "name=pack-1&attempt=2", "name=%F0%9F%A6%8A-1", "name=pack-%D9%A1",
        "name=pack-01",
    ):  # fmt: skip
        found = api.refusal("GET", at("r-17", f"/step?{query}"))
        assert found == missing, query
    for query in ("", "name=pack-1&type=sleep", "name=pack-1&attempt=0", "name=pack-1&attempt=x", "name=" + "x" * 301):
        assert api.refusal("GET", at("r-17", f"/step?{query}"))[:2] == (400, 10002), query


# Moves.

LIFE = ["queued", "running", "waiting", "waitingForPause", "paused", "complete", "errored", "terminated"]


class Life:
    """Brings an instance into any status."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.began, self.finish = rig, Signal(), Signal()
        self.cls = one_step(self._stand, "life")
        self.name = self.cls.workflow_name
        self._working: Any = None

    def _stand(self) -> int:
        self.began.set()
        assert self.finish.wait(10)
        return 1

    def bring(self, status: str) -> str:
        """The path of an instance in that status."""
        rig = self.rig
        if status in ("running", "waitingForPause"):
            instance = rig.create(self.cls, "r-17")
            self._working = rig.in_thread(rig.settle)
            assert self.began.wait(10)
            if status == "waitingForPause":
                instance.pause()
            return at("r-17", "", self.name)
        doing = {"complete": "", "errored": "fail"}.get(status, "wait")
        instance = rig.create(Errand, "r-17", {"do": doing})
        if status != "queued":
            rig.settle()
        if status == "paused":
            instance.pause()
        if status == "terminated":
            instance.terminate()
        return at("r-17", "", "errand")

    def close(self) -> None:
        self.finish.set()
        if self._working is not None:
            self._working.result(10)


MOVES: dict[str, dict[str, str | None]] = {
    "pause": {"running": "waitingForPause", "waiting": "paused"},
    "resume": {"waitingForPause": "running", "paused": "queued"},
    "terminate": dict.fromkeys(LIFE[:5], "terminated") | dict.fromkeys(LIFE[5:], None),
    "restart": dict.fromkeys(LIFE, "queued"),
}
"""Where each action leads from each status; elsewhere it has no effect, and None is refused."""


@pytest.mark.parametrize("status", LIFE)
@pytest.mark.parametrize("action", MOVES)
def test_every_action_has_its_effect_from_every_status(rig: Rig, api: Api, action: str, status: str) -> None:
    """As the table of the baseline says; the answer tells the new status and when."""
    life = Life(rig)
    path = life.bring(status)
    assert api.ok("GET", path)["status"] == status
    try:
        expected = MOVES[action].get(status, status)
        if expected is None:
            found = api.refusal("PATCH", f"{path}/status", json={"status": action})
            assert found == (409, 10404, PREFIX + "instance.cannot_terminate")
        else:
            done = api.ok("PATCH", f"{path}/status", json={"status": action})
            assert done == {"status": expected, "timestamp": "2027-01-15T08:00:00Z"}
        assert api.ok("GET", path)["status"] == (expected or status)
    finally:
        life.close()


@pytest.mark.parametrize("status", LIFE)
def test_an_instance_can_be_removed_from_every_status(rig: Rig, api: Api, status: str) -> None:
    """Then it is not there, and the audit says who did it."""
    life = Life(rig)
    path = life.bring(status)
    try:
        assert api.ok("DELETE", path) == {"id": "r-17"}
        assert api.refusal("GET", path) == NOT_FOUND
        assert api.refusal("DELETE", path) == NOT_FOUND
        (entry,) = api.ok("GET", "/api/audit?action=delete")
        assert (entry["actor"], entry["instance"]) == ("api:local", "r-17")
    finally:
        life.close()


def test_terminate_with_rollback_undoes_the_steps(rig: Rig, api: Api) -> None:
    """The answer says that this has begun; the description tells what came of it."""
    rig.create(Parcel, "r-17")
    rig.settle()
    done = api.ok("PATCH", at("r-17", "/status"), json={"status": "terminate", "rollback": True})
    assert done["status"] == "rollingBack"
    assert [entry["id"] for entry in api.ok("GET", at("")[:-1], params={"status": "rollingBack"})] == ["r-17"]
    rig.settle()
    shown = api.ok("GET", at("r-17"))
    assert (shown["status"], shown["rollback"]) == ("terminated", {"outcome": "complete", "error": None})
    assert [each["type"] for each in shown["steps"]][-2:] == ["rollback", "termination"]


def test_a_restart_from_a_step_keeps_what_began_before(rig: Rig, api: Api) -> None:
    """A step that its history has not is refused, and nothing changes."""
    rig.create(Parcel, "r-17")
    rig.settle()
    rig.pass_time(30)
    before = api.ok("GET", at("r-17"))
    for step in ({"name": "nope"}, {"name": "pack", "count": 2}, {"name": "nap"}):
        answer = api("PATCH", at("r-17", "/status"), json={"status": "restart", "from": step})
        (problem,) = answer.json()["errors"]
        assert (answer.status_code, problem["code"], problem["message"]) == (
            409, 10406, PREFIX + "instance.cannot_restart",
        )  # fmt: skip
        assert f'Step "{step["name"]}" not found in execution history' in problem["detail"]
    assert api.ok("GET", at("r-17")) == before
    from_nap = {"name": "nap", "count": 1, "type": "sleep"}
    assert api.ok("PATCH", at("r-17", "/status"), json={"status": "restart", "from": from_nap})["status"] == "queued"
    after = api.ok("GET", at("r-17"))
    assert (after["generation"], [each["name"] for each in after["steps"]]) == (2, ["secret-1", "pack-1"])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"status": "stop"}, "'pause', 'resume', 'terminate', 'restart'"),
        ({}, "status"),
        ([], "body"),
        ({"status": "pause", "rollback": True}, "body.pause.rollback"),
        ({"status": "terminate", "rollback": "yes"}, "body.terminate.rollback"),
        ({"status": "restart", "from": {}}, "body.restart.from.name: Field required"),
        ({"status": "restart", "from": "pack"}, "body.restart.from"),
        ({"status": "restart", "from": {"name": "pack", "count": 0}}, "body.restart.from.count"),
        ({"status": "restart", "from": {"name": "pack", "count": True}}, "body.restart.from.count"),
        ({"status": "restart", "from": {"name": "pack", "type": "timer"}}, "body.restart.from.type"),
        ({"status": "restart", "from_": {"name": "pack"}}, "body.restart.from_"),
    ],
)
def test_a_change_that_is_none_is_refused(rig: Rig, api: Api, body: Any, told: str) -> None:
    """With what could be instead; nothing changes."""
    rig.create(Parcel, "r-17")
    rig.settle()
    before = api.ok("GET", at("r-17"))
    answer = api("PATCH", at("r-17", "/status"), json=body)
    problem = answer.json()["errors"][0]
    assert (answer.status_code, problem["code"]) == (400, 10002)
    assert told in problem["detail"]
    assert api.ok("GET", at("r-17")) == before


def test_a_restart_from_a_step_whose_name_nobody_can_have_is_refused(rig: Rig, api: Api) -> None:
    """Not looked for in Postgres, which keeps no NUL."""
    rig.create(Parcel, "r-17")
    rig.settle()
    for name in ("a\0", "", "x" * 10_000):
        answer = api("PATCH", at("r-17", "/status"), json={"status": "restart", "from": {"name": name}})
        assert answer.status_code in (400, 409), name


# Events.


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


def test_methods_that_a_path_has_not_are_told_so(api: Api) -> None:
    """405 in the envelope, with those that it has."""
    for method, path in (("PUT", at("a")), ("GET", at("a", "/status")), ("GET", at("a", "/events/go"))):
        answer = api(method, path)
        (problem,) = answer.json()["errors"]
        assert (answer.status_code, problem["code"]) == (405, 7001)


def test_moments_are_those_of_the_journals_clock(rig: Rig, api: Api) -> None:
    """Not of the machine that answers."""
    rig.create(Errand, "r-17", {"do": "wait"})
    rig.clock.advance(5)
    told = api.ok("POST", at("r-17", "/events/go", "errand"))["timestamp"]
    assert datetime.fromisoformat(told) == moment(5)
