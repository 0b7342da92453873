"""Creating instances over REST, and what bodies are refused."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from tests.support import wait_until
from tests.support.api import Api
from tests.support.errands import Errand
from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from tests.support import Rig

INSTANCES = "/api/workflows/errand/instances"
JSON = {"Content-Type": "application/json"}
PREFIX = "workflows.api.error."


@pytest.fixture(autouse=True)
def _registered(rig: Rig) -> None:
    rig.workers[0].catalog.register(Errand)


def ids(rig: Rig) -> list[str]:
    return [row[0] for row in rig.sql("select id from wf.instance order by key")]


def test_a_created_instance_has_every_field_of_the_baseline_and_runs(rig: Rig, api: Api) -> None:
    """A worker gets its nudge at once."""
    made = api.ok("POST", INSTANCES, json={"instance_id": "r-17", "params": {"x": 1}, "location_hint": "weur"})
    assert made == {
        "id": "r-17", "status": "queued", "version_id": "1", "workflow_id": "errand", "trigger_source": "api",
    }  # fmt: skip
    rig.settle()
    assert rig.client.workflow(Errand).get("r-17").result(timeout=1) == {"got": {"x": 1}}


def test_everything_is_optional(rig: Rig, api: Api) -> None:
    """Without a body, with null and with an empty one: a random id, and `{}` as params."""
    ways: list[dict[str, Any]] = [{}, {"content": b"null", "headers": JSON}, {"json": {}}, {"json": {"params": None}}]
    for how in ways:
        made = api.ok("POST", INSTANCES, **how)
        assert len(made["id"]) == 36
        assert api.ok("GET", f"{INSTANCES}/{made['id']}")["params"] == {}


@pytest.mark.parametrize(
    "params",
    [
        0, False, "", [], [1, [2, {"x": None}]], "text", 1.5, 10**4000, -(2**63), 5e-324,
        {"a\0b": "c\0d", "\u202e": "\x7f\x1b[31m", "~": {"~": "set", "v": [1]}}, "🦊" * 1000,
    ],
)  # fmt: skip
def test_params_may_be_any_json(api: Api, params: Any) -> None:
    """They come back as they were sent, whatever is in them."""
    content = json.dumps({"instance_id": "r-17", "params": params}).encode()
    api.ok("POST", INSTANCES, content=content, headers=JSON)
    assert api.ok("GET", f"{INSTANCES}/r-17")["params"] == params


def test_lone_surrogates_are_kept_and_shown_in_legible_form(rig: Rig, api: Api) -> None:
    """JSON can carry them, UTF-8 cannot: `run` gets them as they were, people see the escape."""
    content = rb'{"instance_id": "r-17", "params": {"\ud800": "a\udfffb"}}'
    api.ok("POST", INSTANCES, content=content, headers=JSON)
    assert api.ok("GET", f"{INSTANCES}/r-17")["params"] == {r"\ud800": r"a\udfffb"}
    rig.settle()
    assert rig.client.workflow(Errand).get("r-17").result(timeout=1) == {"got": {"\ud800": "a\udfffb"}}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"params": NaN}', "body.params: NaN, Infinity and numbers beyond 1.8e308 are not JSON"),
        (b'{"params": {"x": [1, -Infinity]}}', "body.params: NaN, Infinity"),
        (b'{"params": 1e999}', "numbers beyond 1.8e308 are not JSON"),
        (b'{"params": ' + b"9" * 5000 + b"}", "Exceeds the limit (4300 digits)"),
        (b'{"params": "\xff"}', "it cannot be read as JSON in UTF-8"),
        (b"\xff\xfe", "JSON"),
        (b'{"params": 1', "body.12: JSON decode error"),
        (b"{'params': 1}", "body.1: JSON decode error"),
        (b"nonsense", "body.0: JSON decode error"),
        (b'{"params": ' + b"[" * 5000 + b"]" * 5000 + b"}", "maximum recursion depth exceeded"),
        (b"[]", "body: Input should be"),
        (b'"text"', "body: Input should be"),
        (b'{"instance_id": 17}', "body.instance_id: Input should be a valid string"),
        (b'{"id": "r-17"}', "body.id: Extra inputs are not permitted"),
        (b'{"\\ud800": 1}', "body"),
        (b'{"instance_retention": {"success_retention": NaN}}', "is not a duration"),
        (b'{"instance_retention": {"success_retention": "soon"}}', "'soon' is not a duration"),
        (b'{"instance_retention": {"success_retention": -1}}', "is not a duration"),
        (b'{"instance_retention": {"success_retention": 1e300}}', "must be at most 1000 years"),
        (b'{"instance_retention": {"forever": true}}', "body.instance_retention.forever"),
    ],
)
def test_a_body_that_cannot_be_used_is_told_so(rig: Rig, api: Api, content: bytes, told: str) -> None:
    """400 with the place and the reason; nothing is created."""
    answer = api("POST", INSTANCES, content=content, headers=JSON)
    problem = answer.json()["errors"][0]
    assert (answer.status_code, problem["code"], problem["message"]) == (400, 10002, PREFIX + "request.invalid")
    assert told in problem["detail"]
    assert ids(rig) == []


def test_params_that_are_nested_beyond_what_can_be_stored_are_refused(rig: Rig, api: Api) -> None:
    """JSON can be read deeper than values are kept."""
    found = api.refusal("POST", INSTANCES, content=b'{"params": ' + b"[" * 960 + b"]" * 960 + b"}", headers=JSON)
    assert (found[:2], ids(rig)) == ((400, 10408), [])


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/octet-stream"])
def test_what_is_not_told_to_be_json_is_not_read(rig: Rig, api: Api, kind: str | None) -> None:
    """The detail says what header is missing; an event's payload is never taken from such a body either."""
    headers = {} if kind is None else {"Content-Type": kind}
    api.ok("POST", INSTANCES, json={"instance_id": "r-17", "params": {"do": "wait"}})
    for path in (INSTANCES, f"{INSTANCES}/batch", f"{INSTANCES}/r-17/events/go"):
        answer = api("POST", path, content=b'{"instance_id": "other"}', headers=headers)
        detail = answer.json()["errors"][0]["detail"]
        assert (answer.status_code, "send it with Content-Type: application/json" in detail) == (400, True)
    assert (ids(rig), rig.sql("select count(*) from wf.event")) == (["r-17"], [(0,)])


def test_json_of_a_family_is_read(api: Api) -> None:
    """With a charset, and under a name such as `application/cloudevents+json`."""
    for number, kind in enumerate(("application/json; charset=utf-8", "application/cloudevents+json")):
        content = b'{"instance_id": "i-%d"}' % number
        assert api.ok("POST", INSTANCES, content=content, headers={"Content-Type": kind})["id"] == f"i-{number}"


@pytest.mark.parametrize("id", ["", "-a", "a.b", "a b", "a/b", "x" * 101, "é", "a\0", "a\n", "🦊"])
def test_an_id_that_breaks_the_rule_is_refused(rig: Rig, api: Api, id: str) -> None:
    """With the rule; nothing is created."""
    answer = api("POST", INSTANCES, json={"instance_id": id})
    (problem,) = answer.json()["errors"]
    assert (answer.status_code, problem["code"], problem["message"]) == (400, 10401, PREFIX + "instance.invalid_id")
    assert "use 1 to 100 letters, digits, '-' or '_'" in problem["detail"]
    assert ids(rig) == []


def test_an_id_that_is_taken_is_refused_until_its_instance_is_gone(api: Api) -> None:
    """In another workflow it is free all the time."""
    api.ok("POST", INSTANCES, json={"instance_id": "r-17"})
    found = api.refusal("POST", INSTANCES, json={"instance_id": "r-17"})
    assert found == (409, 10405, PREFIX + "instance.already_exists")
    api.ok("DELETE", f"{INSTANCES}/r-17")
    api.ok("POST", INSTANCES, json={"instance_id": "r-17"})


def test_the_words_of_the_routes_may_be_ids(api: Api) -> None:
    """`batch` is an instance for every method that an instance has."""
    api.ok("POST", INSTANCES, json={"instance_id": "batch"})
    assert api.ok("GET", f"{INSTANCES}/batch")["id"] == "batch"
    assert api.ok("PATCH", f"{INSTANCES}/batch/status", json={"status": "pause"})["status"] == "queued"
    assert api.ok("DELETE", f"{INSTANCES}/batch") == {"id": "batch"}


def test_a_workflow_that_nobody_registered_gets_no_instance(rig: Rig, api: Api) -> None:
    """Neither one nor many."""
    for path, body in (("", {}), ("/batch", [{}]), ("/batch/delete", {"instances": ["a"]})):
        found = api.refusal("POST", f"/api/workflows/nope/instances{path}", json=body)
        assert found == (404, 10200, PREFIX + "workflow.not_found"), path
    assert ids(rig) == []


def test_retention_is_kept_with_the_instance(rig: Rig, api: Api) -> None:
    """In seconds, or as text."""
    retention = {"success_retention": 60, "error_retention": "2 days"}
    api.ok("POST", INSTANCES, json={"instance_id": "r-17", "instance_retention": retention})
    assert rig.sql("select keep_success, keep_error from wf.instance") == [(60.0, 172_800.0)]


def test_params_that_do_not_fit_the_model_are_refused(rig: Rig, api: Api) -> None:
    """With the fields that do not fit, and in a batch with the number of the entry."""

    class Order(BaseModel):
        customer: str

    class Ordering(WorkflowEntrypoint, name="ordering", params=Order):
        async def run(self, event: Any, step: Any) -> None: ...

    rig.workers[0].catalog.register(Ordering)
    path = "/api/workflows/ordering/instances"
    answer = api("POST", path, json={"params": {"customer": 1}})
    (problem,) = answer.json()["errors"]
    assert (answer.status_code, problem["code"], problem["message"]) == (400, 10407, PREFIX + "payload.invalid")
    assert "customer" in problem["detail"]
    (problem,) = api("POST", f"{path}/batch", json=[{"params": {"customer": "a"}}, {}]).json()["errors"]
    assert "This is about entry 1 of the batch. Nothing of the batch was done." in problem["detail"]
    assert ids(rig) == []


def test_params_that_are_too_big_or_too_deep_are_refused(rig: Rig, api: Api) -> None:
    """The size and the limit, or the place, are told."""
    found = api("POST", INSTANCES, json={"params": "x" * 1_048_577})
    (problem,) = found.json()["errors"]
    assert (found.status_code, problem["code"]) == (413, 10413)
    assert "1,048,576" in problem["detail"]
    deep: Any = 1
    for _ in range(101):
        deep = [deep]
    found = api("POST", INSTANCES, json={"params": deep})
    assert (found.status_code, found.json()["errors"][0]["code"]) == (400, 10408)
    assert ids(rig) == []


def test_a_request_beyond_the_limit_is_not_read(rig: Rig) -> None:
    """The limit is named with its variable, also where nobody told the length."""
    with Api(rig.settings.model_copy(update={"api_max_body": 1000}), rig.clock) as api:
        answer = api("POST", INSTANCES, content=iter([b"1" * 600] * 2), headers=JSON)
    (problem,) = answer.json()["errors"]
    assert (answer.status_code, problem["code"], problem["message"]) == (413, 10414, PREFIX + "request.too_large")
    assert problem["detail"] == "The request has more than 1,000 bytes (WF_API_MAX_BODY)."


def test_too_many_in_a_second_are_told_when_to_come_again(rig: Rig) -> None:
    """429, with Retry-After."""
    with Api(rig.settings.model_copy(update={"workflow_creation_rate": 1.0}), rig.clock) as api:
        answers = [api("POST", INSTANCES, json={}) for _ in range(3)]
        late = answers[-1]
    assert (late.status_code, late.headers["Retry-After"]) == (429, "1")
    assert late.json()["errors"][0]["code"] == 10429


def test_a_hundred_callers_of_one_id_make_one_instance(rig: Rig, api: Api) -> None:
    """One gets it, the others are told that it exists; none is told anything else."""
    calls = [rig.in_thread(lambda: api("POST", INSTANCES, json={"instance_id": "r-17"})) for _ in range(24)]
    wait_until(lambda: all(call.done() for call in calls), 20, "all are answered")
    assert sorted(call.result().status_code for call in calls) == [200] + [409] * 23
    assert ids(rig) == ["r-17"]


def test_what_nobody_has_foreseen_is_told_in_the_log_only(
    rig: Rig, api: Api, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The answer shows nothing of it; the log has the traceback."""

    def stumble(*_: object, **__: object) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(api.app.state.parts.client.catalog, "create", stumble)
    answer = api("POST", INSTANCES, json={})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (500, 10001)
    assert "secret" not in answer.text
    told = capfd.readouterr()
    assert "KeyError: 'a secret'" in told.out + told.err


def test_a_caller_who_hangs_up_in_the_middle_of_a_body_creates_nothing(rig: Rig, api: Api) -> None:
    """And the next one is served."""
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST {INSTANCES} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    api.ok("POST", INSTANCES, json={"instance_id": "next"})
    assert ids(rig) == ["next"]
