"""B.3, the methods of a workflow: create, both forms of create_batch, get, delete_batch, list, and the rules of ids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.conformance.kit_events import HOUR, MIB, echo, flow, moment, wait_for_go
from wf import InstanceAlreadyExists, InstanceNotFound, InvalidInstanceId, PayloadTooLarge, WfError
from wf.errors import InvalidBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support import Rig

LEGAL = ["a", "9", "_", "a-b_C", "x" * 100, "cf_" + "0" * 64]
ILLEGAL = ["", "-a", "a.b", "a b", "x" * 101, "ä", "a\n", 7]


@pytest.fixture
def workflow(rig: Rig) -> Any:
    """One that gives its payload."""
    return rig.client.workflow(flow(echo))


def ids(found: Any) -> list[str]:
    """Of a list of instances or entries."""
    return [one["id"] if isinstance(one, dict) else one.id for one in found]


def test_create_takes_id_and_params(rig: Rig, workflow: Any) -> None:
    """Also as one mapping; params are `{}` by default."""
    made = [workflow.create("r-1", {"n": 1}), workflow.create({"id": "r-2", "params": 2}), workflow.create("r-3")]
    rig.settle()
    assert ids(made) == ["r-1", "r-2", "r-3"]
    assert [one.status().output for one in made] == [{"n": 1}, 2, {}]


def test_create_takes_what_cloudflares_sources_give(rig: Rig, workflow: Any) -> None:
    """Its camelCase retention, and a `locationHint`, which says nothing here; another key is refused."""
    given = {"id": "r-1", "params": 1, "retention": {"successRetention": "1 hour"}, "locationHint": "weur"}
    made = workflow.create(given)
    rig.settle()
    shown = made.describe()
    assert (shown.output, shown.expire_at) == (1, moment(HOUR))
    with pytest.raises(ValueError, match="nonsense"):
        workflow.create({"id": "r-2", "nonsense": 1})


def test_an_id_that_nobody_gave_is_random(workflow: Any) -> None:
    """A UUID of version 4, another one each time."""
    one, other = workflow.create(), workflow.create()
    assert UUID(one.id).version == UUID(other.id).version == 4
    assert one.id != other.id


@pytest.mark.parametrize("id", LEGAL, ids=lambda value: value[:10])
def test_a_legal_id(workflow: Any, id: str) -> None:
    """1 to 100 letters, digits, '-' and '_', not beginning with '-'; `cf_` is nobody's (SPEC 7.16)."""
    assert workflow.create(id).id == workflow.get(id).id == id


@pytest.mark.parametrize("id", ILLEGAL, ids=lambda value: repr(value)[:10])
def test_an_illegal_id_is_refused_everywhere(workflow: Any, id: Any) -> None:
    """By create, by both forms of a batch, which create nothing, and by a batch of deletions."""
    calls: list[Callable[[], Any]] = [
        lambda: workflow.create(id),
        lambda: workflow.create_batch([{"id": "good"}, {"id": id}]),
        lambda: workflow.create_batch(instances=[{"id": "good"}, {"id": id}]),
    ]
    for call in calls:
        with pytest.raises(InvalidInstanceId) as caught:
            call()
        assert (caught.value.code, caught.value.id) == ("instance.invalid_id", id)
    assert list(workflow.list()) == []


@pytest.mark.parametrize("id", ["batch", "terminate", "terminateAll"])
def test_words_of_rest_are_refused_by_the_object_form(workflow: Any, id: str) -> None:
    """They collide with routes."""
    with pytest.raises(InvalidInstanceId):
        workflow.create_batch(instances=[{"id": id}])


def test_a_taken_id_is_refused_until_the_instance_is_deleted(rig: Rig, workflow: Any) -> None:
    """Even after its end; `if_exists="return"` hands it back; after delete the id is free."""
    first = workflow.create("r-1", {"n": 1})
    rig.settle()
    with pytest.raises(InstanceAlreadyExists) as caught:
        workflow.create("r-1", {"n": 2})
    assert (caught.value.code, caught.value.id) == ("instance.already_exists", "r-1")
    assert workflow.create("r-1", {"n": 3}, if_exists="return").status().output == {"n": 1}
    first.delete()
    assert workflow.create("r-1").status().status == "queued"


def test_one_id_may_stand_in_two_workflows(rig: Rig, workflow: Any) -> None:
    """They know nothing of each other."""
    other = rig.client.workflow(flow(echo))
    workflow.create("r-1", 1)
    other.create("r-1", 2)
    rig.settle()
    assert [one.get("r-1").status().output for one in (workflow, other)] == [1, 2]


def test_get_of_an_unknown_id_raises(workflow: Any) -> None:
    """Not found, with workflow and id."""
    with pytest.raises(InstanceNotFound) as caught:
        workflow.get("nobody")
    assert (caught.value.code, caught.value.id) == ("instance.not_found", "nobody")


def test_params_are_limited(workflow: Any) -> None:
    """1 MiB; nothing is created."""
    with pytest.raises(PayloadTooLarge):
        workflow.create("r-1", "x" * MIB)
    assert list(workflow.list()) == []


def test_the_count_form_makes_so_many_alike(rig: Rig, workflow: Any) -> None:
    """Random ids, the same params, `.created` and no `.errors`."""
    answer = workflow.create_batch(count=100, params=7)
    assert (len(set(ids(answer.created))), answer.errors) == (100, [])
    rig.settle()
    assert {one.status().output for one in answer.created[:5]} == {7}


def test_the_instances_form_tells_of_each_refusal(workflow: Any) -> None:
    """Index, id, code and message: of what exists, and of the second use of an id; in the order of the entries."""
    workflow.create("old")
    answer = workflow.create_batch(instances=[{"id": "a"}, {"id": "old"}, {"id": "b"}, {"id": "a"}, {"id": "a"}])
    assert ids(answer.created) == ["a", "b"]
    assert [(error.index, error.id, error.code.rsplit(".", 1)[-1]) for error in answer.errors] == [
        (1, "old", "already_exists"),
        (3, "a", "duplicate_in_batch"),
        (4, "a", "duplicate_in_batch"),
    ]
    assert all(error.message for error in answer.errors)
    assert ids(workflow.list())[::-1] == ["old", "a", "b"]


def test_the_list_form_leaves_them_out_silently(workflow: Any) -> None:
    """Existing and repeated ids are not among the instances that come back."""
    workflow.create("old")
    assert ids(workflow.create_batch([{"id": "a"}, {"id": "old"}, {"id": "a"}, {"id": "b"}])) == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "keywords", "text"),
    [
        ([[]], {}, "should have at least 1 instance"),
        ([[{}] * 101], {}, "only supports 100 instances at a time"),
        ([], {"count": 0}, "count must be a positive integer"),
        ([], {"count": 1.5}, "count must be a positive integer"),
        ([], {"count": 101}, "only supports 100 instances at a time"),
        ([], {"instances": []}, "Batch size exceeds maximum allowed"),
        ([], {"instances": [{}] * 101}, "Batch size exceeds maximum allowed"),
        ([], {}, "Provided argument is invalid"),
        ([], {"count": 1, "instances": [{}]}, "Provided argument is invalid"),
        ([[{"id": "a", "nonsense": 1}]], {}, "nonsense"),
    ],
)
def test_a_batch_of_the_wrong_shape_creates_nothing(workflow: Any, arguments: Any, keywords: Any, text: str) -> None:
    """Empty, more than 100, neither form or both: refused before anything is created, with the baseline's words."""
    with pytest.raises((InvalidBatch, ValueError), match=re.escape(text)):
        workflow.create_batch(*arguments, **keywords)
    assert list(workflow.list()) == []


def test_a_batch_holds_one_mebibyte_in_all(workflow: Any) -> None:
    """Two halves that are a little too big together: nothing is created."""
    with pytest.raises(PayloadTooLarge):
        workflow.create_batch([{"params": "x" * (MIB // 2)}, {"params": "x" * (MIB // 2)}])
    assert list(workflow.list()) == []


def test_delete_batch_answers_for_each_place(rig: Rig) -> None:
    """Deleted ids, and not found for the others, also for the second place of one id; running ones are stopped."""
    workflow = rig.client.workflow(flow(wait_for_go))
    workflow.create_batch([{"id": "a"}, {"id": "b"}])
    rig.settle()
    answer = workflow.delete_batch(["a", "nobody", "a"])
    assert ids(answer.deleted) == ["a"]
    assert [(error["id"], error.code.rsplit(".", 1)[-1]) for error in answer.errors] == [
        ("nobody", "not_found"),
        ("a", "not_found"),
    ]
    assert ids(workflow.list()) == ["b"]


@pytest.mark.parametrize("given", [[], ["a"] * 101, "a", None, ["a", "b c!"], ["a", 7]])
def test_a_bad_list_of_deletions_deletes_nothing(workflow: Any, given: Any) -> None:
    """Empty, more than 100, no list, or one id that cannot be."""
    workflow.create("a")
    with pytest.raises((InvalidBatch, InvalidInstanceId)):
        workflow.delete_batch(given)
    assert ids(workflow.list()) == ["a"]


def test_a_list_comes_in_pages_newest_first(rig: Rig, workflow: Any) -> None:
    """20 at a time, 100 at most; the cursor is None at the end; entries tell status, version and times."""
    workflow.create_batch([{"id": f"i-{n}"} for n in range(45)])
    first = workflow.list()
    second = workflow.list(cursor=first.cursor)
    third = workflow.list(cursor=second.cursor)
    assert [len(page) for page in (first, second, third)] == [20, 20, 5]
    assert ids([*first, *second, *third]) == [f"i-{n}" for n in range(45)][::-1]
    assert third.cursor is None
    assert (first[0].status, first[0].version, first[0].created_on) == ("queued", "1", moment(0))
    assert len(workflow.list(limit=100)) == 45
    with pytest.raises(WfError, match="from 1 to 100"):
        workflow.list(limit=101)


def test_a_list_is_narrowed_by_status_and_time(rig: Rig, workflow: Any) -> None:
    """Alone and together; an unknown status is refused."""
    for n, doing in enumerate(["fail", "wait", "done"]):
        workflow.create(f"i-{n}", doing)
        rig.settle()
        rig.clock.advance(HOUR)
    assert ids(workflow.list(status="errored")) == ["i-0"]
    assert ids(workflow.list(since=moment(HOUR))) == ["i-2", "i-1"]
    assert ids(workflow.list(until=moment(HOUR))) == ["i-1", "i-0"]
    assert ids(workflow.list(status="complete", since=moment(1), until=moment(3 * HOUR))) == ["i-2"]
    with pytest.raises(WfError, match="sleeping"):
        workflow.list(status="sleeping")
