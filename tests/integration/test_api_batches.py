"""Creating and removing many instances over REST."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand

if TYPE_CHECKING:
    from tests.support import Rig
    from tests.support.api import Api

INSTANCES = "/api/workflows/errand/instances"
JSON = {"Content-Type": "application/json"}
PREFIX = "workflows.api.error."


@pytest.fixture(autouse=True)
def _registered(rig: Rig) -> None:
    rig.workers[0].catalog.register(Errand)


def ids(rig: Rig) -> list[str]:
    return [row[0] for row in rig.sql("select id from wf.instance order by key")]


def test_a_batch_creates_in_order_and_leaves_out_what_exists(rig: Rig, api: Api) -> None:
    """Ids that exist or are repeated are no error: the answer has those that were created."""
    api.ok("POST", INSTANCES, json={"instance_id": "old"})
    batch = [
        {"instance_id": "b"}, {"instance_id": "old"}, {"instance_id": "a", "params": {"first": True}},
        {"instance_id": "a", "params": {"first": False}},
    ]  # fmt: skip
    made = api.ok("POST", f"{INSTANCES}/batch", json=batch)
    assert made == [
        {"id": id, "status": "queued", "version_id": "1", "workflow_id": "errand", "trigger_source": "api"}
        for id in ("b", "a")
    ]
    assert ids(rig) == ["old", "b", "a"]
    assert api.ok("GET", f"{INSTANCES}/a")["params"] == {"first": True}
    rig.settle()
    assert {each["status"] for each in api.ok("GET", INSTANCES)} == {"complete"}
    assert api.ok("POST", f"{INSTANCES}/batch", json=batch) == []


def test_a_batch_has_1_to_100_instances(rig: Rig, api: Api) -> None:
    """Nothing is created of one that has none, or more."""
    batches: list[list[Any]] = [[], [{}] * 101]
    for batch in batches:
        found = api.refusal("POST", f"{INSTANCES}/batch", json=batch)
        assert found == (400, 10409, PREFIX + "batch.invalid")
    assert ids(rig) == []
    assert len(api.ok("POST", f"{INSTANCES}/batch", json=[{}] * 100)) == 100


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"instance_id": "-bad"}, 10401),
        ({"instance_retention": {"success_retention": "soon"}}, 10002),
        ({"params": float("nan")}, 10002),
        ({"colour": "red"}, 10002),
        ("r-17", 10002),
    ],
)
def test_a_batch_with_one_bad_entry_creates_nothing(rig: Rig, api: Api, entry: Any, code: int) -> None:
    """And the detail says which entry it is."""
    content = json.dumps([{"instance_id": "good"}, entry]).encode()
    answer = api("POST", f"{INSTANCES}/batch", content=content, headers=JSON)
    problem = answer.json()["errors"][0]
    assert (answer.status_code, problem["code"]) == (400, code)
    assert "entry 1" in problem["detail"] or "body.1" in problem["detail"]
    assert ids(rig) == []


def test_a_batch_that_is_too_big_in_all_is_refused(rig: Rig, api: Api) -> None:
    """Each of its params would be accepted alone."""
    found = api.refusal("POST", f"{INSTANCES}/batch", json=[{"params": "x" * 600_000}] * 2)
    assert (found[:2], ids(rig)) == ((413, 10413), [])


def test_removing_many_answers_for_each_place(rig: Rig, api: Api) -> None:
    """Those that were not there, or were named before, are errors with a number and a text."""
    api.ok("POST", f"{INSTANCES}/batch", json=[{"instance_id": "a"}, {"instance_id": "b"}])
    done = api.ok("POST", f"{INSTANCES}/batch/delete", json={"instances": ["a", "nope", "a"]})
    assert done["deleted"] == [{"id": "a"}]
    assert [(each["id"], each["code"], each["message"]) for each in done["errors"]] == [
        ("nope", 10400, PREFIX + "instance.not_found"),
        ("a", 10400, PREFIX + "instance.not_found"),
    ]
    assert all("has no instance" in each["detail"] for each in done["errors"])
    assert ids(rig) == ["b"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"instances": []}, 10409),
        ({"instances": ["a"] * 101}, 10409),
        ({"instances": ["a", ""]}, 10401),
        ({"instances": ["a", "b\0"]}, 10401),
        ({"instances": ["a", 1]}, 10002),
        ({"instances": "a"}, 10002),
        ({}, 10002),
        (["a"], 10002),
    ],
)
def test_a_list_of_ids_that_cannot_be_removes_nothing(rig: Rig, api: Api, body: Any, code: int) -> None:
    """Not even those that are there."""
    api.ok("POST", INSTANCES, json={"instance_id": "a"})
    assert api.refusal("POST", f"{INSTANCES}/batch/delete", json=body)[:2] == (400, code)
    assert ids(rig) == ["a"]
