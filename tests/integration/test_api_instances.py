"""Instances over REST: what their descriptions and steps tell, and by which ids they are reached."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.support.attempts import Held, one_step
from tests.support.cli import Shell
from tests.support.errands import Errand, RefusedError, moment
from tests.support.parcels import Parcel, at
from wf import NonRetryableError, WorkflowEntrypoint, wire
from wf.database import Database
from wf.descriptions import TRUNCATED
from wf.listing import Listing
from wf.plain import plain
from wf.sql import statements
from wf_api.envelope import to_json

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

PREFIX = "workflows.api.error."
NOT_FOUND = (404, 10400, PREFIX + "instance.not_found")


def step_of(api: Api, id: str, name: str, **more: Any) -> Any:
    return api.ok("GET", at(id, "/step"), params={"name": name, **more})


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
    assert long["output"] == '"' + "x" * 4999 + TRUNCATED


def test_a_description_can_be_turned_shortened_and_simple(rig: Rig, api: Api) -> None:
    """`order` turns the steps, `output_limit` says how much of an output, `simple` leaves the steps out."""
    rig.create(Parcel, "r-17")
    rig.settle()
    rig.pass_time(30)
    names = [each["name"] for each in api.ok("GET", at("r-17"))["steps"]]
    assert [each["name"] for each in api.ok("GET", at("r-17", "?order=desc"))["steps"]] == names[::-1]
    assert api.ok("GET", at("r-17", "?output_limit=3"))["steps"][1]["output"] == '"pa' + TRUNCATED
    assert api.ok("GET", at("r-17", "?output_limit=8"))["steps"][1]["output"] == "packed"
    simple = api.ok("GET", at("r-17", "?simple=true"))
    assert ("steps" in simple, simple["step_count"]) == (False, 2)
    assert "steps" in api.ok("GET", at("r-17", "?simple=false"))
    for query in ("order=up", "simple=1", "output_limit=-1", "output_limit=x", "output_limit=1000001"):
        assert api.refusal("GET", at("r-17", f"?{query}"))[:2] == (400, 10002), query


def test_an_output_that_is_far_too_big_to_be_shown_is_not_read(rig: Rig, api: Api) -> None:
    """A text stands for it; the step's own route still gives all of it."""
    rig.create(one_step(lambda: "x" * 100_000, "huge"), "r-17")
    rig.settle()
    path = "/api/workflows/heartbeat-huge/instances/r-17"
    assert api.ok("GET", path)["steps"][0]["output"] == TRUNCATED
    assert api.ok("GET", f"{path}?output_limit=200000")["steps"][0]["output"] == "x" * 100_000
    assert api.ok("GET", f"{path}/step?name=work-1")["output"] == "x" * 100_000


def copy_step(rig: Rig, number: int) -> None:
    """Let the one step of the one instance have followers like it."""
    rig.sql(
        "insert into wf.step (instance, generation, seq, kind, name, count, status, attempt, lost, output, started_rev,"
        " rev, started_at) select instance, generation, seq + n, kind, name, count + n, status, attempt, lost, output,"
        f" started_rev, rev, started_at from wf.step, generate_series(1, {number}) n"
    )


def test_outputs_that_are_too_much_together_are_not_read(rig: Rig, api: Api) -> None:
    """The newest are told, as many as fit; for the others stands a text, and the step's own route has them."""
    rig.create(one_step(lambda: "x" * 500_000, "many"), "r-17")
    rig.settle()
    copy_step(rig, 40)
    path = "/api/workflows/heartbeat-many/instances/r-17"
    found = api.ok("GET", f"{path}?output_limit=1000000")
    lengths = [len(each["output"]) for each in found["steps"]]
    assert lengths == [len(TRUNCATED)] * (41 - 33) + [500_000] * 33
    assert found["step_count"] == 41
    assert api.ok("GET", f"{path}/step?name=work-1")["output"] == "x" * 500_000
    told = rig.client.catalog.describe("heartbeat-many", "r-17")
    assert [len(step.output) for step in told.steps] == [500_000] * 41


def test_of_many_attempts_the_newest_are_told(rig: Rig, api: Api) -> None:
    """And how many there were; the numbers of retries are of all."""
    rig.create(one_step(lambda: 1, "often"), "r-17")
    rig.settle()
    rig.sql("update wf.step set attempt = 101")
    rig.sql(
        "insert into wf.attempt (instance, generation, seq, attempt, outcome, rev, retry_at)"
        " select instance, generation, seq, n, 'errored', rev, now() from wf.step, generate_series(1, 100) n"
    )
    found = api.ok("GET", "/api/workflows/heartbeat-often/instances/r-17")
    (step,) = found["steps"]
    assert [each["attempt"] for each in step["attempts"]] == list(range(81, 102))
    assert (step["attempt"], found["retries"]) == (101, 100)
    assert "80 earlier attempt(s)" in Shell(rig.settings).text("instances", "describe", "heartbeat-often", "r-17")


def test_errors_that_are_too_much_together_are_not_read(rig: Rig, api: Api) -> None:
    """The oldest attempts are left out, and for the oldest errors stands a text."""

    def fail() -> None:
        raise NonRetryableError("x" * 16_000)

    rig.create(one_step(fail, "wrong"), "r-17")
    rig.settle()
    copy_step(rig, 1000)
    rig.sql("update wf.step set status = 'errored', error = (select error from wf.attempt)")
    rig.sql(
        "insert into wf.attempt (instance, generation, seq, attempt, outcome, rev, error)"
        " select instance, 1, n, 1, outcome, rev, error from wf.attempt, generate_series(2, 1001) n"
    )
    body = api("GET", "/api/workflows/heartbeat-wrong/instances/r-17")
    steps = body.json()["result"]["steps"]
    assert len(body.content) < 100 * 2**20
    assert [len(steps[0]["attempts"]), len(steps[-1]["attempts"])] == [0, 1]
    assert [len(steps[0]["error"]["message"]), len(steps[-1]["error"]["message"])] == [len("[truncated error]"), 16_000]


def test_the_simple_form_tells_the_same_without_reading_steps(
    rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their numbers and the next wake-up are counted where they are."""
    rig.create(Parcel, "r-17")
    rig.settle()
    full = api.ok("GET", at("r-17"))
    assert (full["step_count"], full["retries"], full["nextWake"]) == (2, 1, "2027-01-15T08:00:30Z")
    seen, rows = set(), Database.rows

    def listen(self: Database, sql: Any, params: Any = None) -> Any:
        seen.add(sql)
        return rows(self, sql, params)

    monkeypatch.setattr(Database, "rows", listen)
    assert api.ok("GET", at("r-17", "?simple=true")) == {name: full[name] for name in full if name != "steps"}
    assert not seen & {statements()["step_list"], statements()["attempt_list"]}


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

    class TakenBack(WorkflowEntrypoint, name="taken-back"):
        async def run(self, event: Any, step: Any) -> Any:
            await step.do("a", lambda: 1, rollback=lambda: None)
            raise RefusedError(1)

    for number, doing in enumerate(["", "fail", "sleep", "wait", "wait", "wait"]):
        rig.create(Errand, f"i-{number}", {"do": doing})
    rig.create(TakenBack, "taken-back")
    rig.create(Parcel, "parcel")
    rig.settle()
    rig.client.workflow(Errand).get("i-3").pause()
    rig.client.workflow(Errand).get("i-4").terminate()
    rig.create(Errand, "queued")
    rig.workers[0].catalog.register(Parcel)
    rig.pass_time(1800)
    catalog = rig.client.catalog
    statuses = set()
    for workflow in ("errand", "taken-back", "parcel"):
        for entry in catalog.list(workflow, Listing()):
            assert wire.instance_back(json.loads(to_json(wire.instance(workflow, entry)))) == entry
            found = catalog.describe(workflow, entry.id, read=plain)
            told = json.loads(to_json(wire.details(found, lambda output: output)))
            assert wire.details_back(told) == found
            assert wire.details_back(api.ok("GET", at(entry.id, "?output_limit=9999", workflow))) == found
            statuses.add(entry.status)
    assert statuses == {"complete", "errored", "waiting", "paused", "terminated"}


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
