"""Batches that are refused: what the error says, and that nothing of them is done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.errands import Errand
from wf import Client, InvalidInstanceId, PayloadTooLarge, SerializationError, WorkflowNotFound
from wf.errors import InvalidBatch

if TYPE_CHECKING:
    from tests.support import Rig


def ids(rig: Rig) -> list[str]:
    """The ids of all instances in the order of their creation."""
    return [row[0] for row in rig.sql("select id from wf.instance order by key")]


BAD_BATCHES = [
    (([],), {}, "batchCreate should have at least 1 instance"),
    (([{}] * 101,), {}, "batchCreate only supports 100 instances at a time"),
    (("abc",), {}, "Provided argument is invalid"),
    ((7,), {}, "Provided argument is invalid"),
    ((["a"],), {}, "Provided argument is invalid: entry 0 must be a dict"),
    (([{}],), {"count": 1}, "beside a list there can be no count="),
    ((), {}, "Provided argument is invalid"),
    (({},), {}, "Provided argument is invalid"),
    (({"cuont": 1},), {}, "unknown key 'cuont'"),
    ((), {"count": 1, "instances": [{}]}, "only one of them"),
    ((), {"count": 0}, "count must be a positive integer"),
    ((), {"count": -1}, "count must be a positive integer"),
    ((), {"count": True}, "count must be a positive integer"),
    ((), {"count": 1.5}, "count must be a positive integer"),
    ((), {"count": 101}, "batchCreate only supports 100 instances at a time"),
    ((), {"instances": []}, "Batch size exceeds maximum allowed"),
    ((), {"instances": [{}] * 101}, "Batch size exceeds maximum allowed"),
    ((), {"instances": {"id": "a"}}, "instances must be a list"),
    ((), {"instances": [{}], "params": {}}, "beside instances= there can be no params="),
]


@pytest.mark.parametrize(("arguments", "keywords", "text"), BAD_BATCHES)
def test_a_batch_of_the_wrong_shape_is_refused(rig: Rig, arguments: Any, keywords: Any, text: str) -> None:
    """The error says what is wrong with it, and nothing is created."""
    with pytest.raises(InvalidBatch, match=re.escape(text)) as caught:
        rig.client.workflow(Errand).create_batch(*arguments, **keywords)
    assert str(caught.value).endswith("Nothing of the batch was done.")
    assert (ids(rig), rig.queued()) == ([], 0)


@pytest.mark.parametrize("form", ["list", "instances"])
@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"id": "a b"}, InvalidInstanceId),
        ({"params": object()}, SerializationError),
        ({"params": "x" * 2_000}, PayloadTooLarge),
        ({"retention": {"success_retention": -1}}, ValueError),
        ({"name": "a"}, ValueError),
    ],
)
def test_one_bad_entry_refuses_the_whole_batch(rig: Rig, form: str, entry: dict[str, Any], error: Any) -> None:
    """The error says which entry it is about, and the good ones before it are not created either."""
    small = rig.settings.model_copy(update={"max_payload": 1_000})
    entries = [{"id": "good"}, entry]
    given: Any = entries if form == "list" else {"instances": entries}
    with Client(settings=small) as client, pytest.raises(error) as caught:
        client.workflow(Errand).create_batch(given)
    assert any("entry 1 of the batch" in note for note in caught.value.__notes__)
    assert (ids(rig), rig.queued()) == ([], 0)


def test_the_payloads_of_a_batch_are_limited_together(rig: Rig) -> None:
    """Many small payloads may be too much; a payload that all share counts once."""
    small = rig.settings.model_copy(update={"max_payload": 1_000})
    with Client(settings=small) as client:
        workflow = client.workflow(Errand)
        with pytest.raises(PayloadTooLarge, match=r"The batch is 1,[0-9]{3} bytes"):
            workflow.create_batch([{"params": "x" * 300}] * 4)
        assert ids(rig) == []
        assert len(workflow.create_batch(count=4, params="x" * 300).created) == 4


@pytest.mark.parametrize("id", ["batch", "terminate", "terminateAll"])
def test_words_of_rest_are_refused_in_the_object_form_only(rig: Rig, id: str) -> None:
    """They would collide with routes; a list and create take them."""
    workflow = rig.client.workflow(Errand)
    with pytest.raises(InvalidInstanceId, match="words of REST"):
        workflow.create_batch(instances=[{"id": id}])
    assert ids(rig) == []
    assert [instance.id for instance in workflow.create_batch([{"id": id}])] == [id]


def test_the_most_is_a_setting(rig: Rig) -> None:
    """WF_MAX_BATCH sets how many there may be, to create and to delete."""
    small = rig.settings.model_copy(update={"max_batch": 2})
    with Client(settings=small) as client:
        workflow = client.workflow(Errand)
        with pytest.raises(InvalidBatch, match="only supports 2 instances at a time"):
            workflow.create_batch(count=3)
        with pytest.raises(InvalidBatch, match="only supports 2 instances at a time"):
            workflow.delete_batch(["a", "b", "c"])


def test_a_batch_of_an_unknown_workflow_is_refused(rig: Rig) -> None:
    """The error guesses what was meant, in every form."""
    rig.workers[0].catalog.register(Errand)
    given: Any
    for given in ([{}], {"count": 1}, {"instances": [{}]}):
        with pytest.raises(WorkflowNotFound, match="Did you mean 'errand'"):
            rig.client.workflow("erand").create_batch(given)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ([], InvalidBatch, "batchDeleteInstances should have at least 1 instance"),
        (["a"] * 101, InvalidBatch, "batchDeleteInstances only supports 100 instances at a time"),
        ("a", InvalidBatch, "batchDeleteInstances takes a list"),
        (["a", "b.c"], InvalidInstanceId, "'b.c' is invalid"),
        (["a", None], InvalidInstanceId, "None is invalid"),
    ],
)
def test_a_bad_list_deletes_nothing(rig: Rig, given: Any, error: Any, text: str) -> None:
    """The error says what is wrong, and what stood before it in the list is still there."""
    rig.client.workflow(Errand).create("a")
    with pytest.raises(error, match=text):
        rig.client.workflow(Errand).delete_batch(given)
    assert ids(rig) == ["a"]
