"""Values in the journal that cannot be read any more: whoever looks sees what there is, `result()` refuses."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from wf import WorkflowEntrypoint
from wf.codec import CodecError, encode
from wf.plain import legible, plain

if TYPE_CHECKING:
    from tests.support import Rig


@dataclass
class Order:
    """A class that a later release of the author's code does not have."""

    number: int


class Orders(WorkflowEntrypoint, name="orders"):
    """Has orders everywhere: in its params, its steps and its output."""

    async def run(self, event: Any, step: Any) -> Any:
        return [await step.do("order", lambda: Order(event.payload.number + 1)), event.payload]


def test_an_instance_is_described_although_a_class_is_gone(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """describe() and status() show its values as plain JSON; result() says that they cannot be had."""
    instance = rig.create(Orders, params=Order(1))
    rig.settle()
    assert instance.describe().params == Order(1)
    assert instance.status().output == instance.result(timeout=0) == [Order(2), Order(1)]
    monkeypatch.delattr(sys.modules[__name__], "Order")
    shown = instance.describe()
    assert (shown.params, shown.steps[0].output) == ({"number": 1}, {"number": 2})
    assert shown.output == instance.status().output == [{"number": 2}, {"number": 1}]
    with pytest.raises(CodecError, match=r"Order cannot be imported"):
        instance.result(timeout=0)


@pytest.mark.parametrize("read", [None, plain], ids=["values", "plain"])
def test_an_instance_is_described_although_its_values_are_damaged(rig: Rig, read: Any) -> None:
    """What is not even JSON is shown as a text that says so, beside everything else."""
    instance = rig.create(Orders, params=Order(1))
    rig.settle()
    rig.sql("update wf.payload set output = '\\x01ff', error = '\\x02'")
    rig.sql("update wf.step set output = '\\x'")
    how = {} if read is None else {"read": read}
    shown = rig.client.catalog.describe("orders", instance.id, **how)
    assert shown.steps[0].output.startswith("[UNREADABLE: Stored data cannot be read")
    assert shown.output.startswith("[UNREADABLE: Stored data cannot be read")
    assert (shown.status, shown.error.name) == ("complete", "CodecError")
    assert instance.status().output == shown.output
    rig.sql("update wf.payload set error = null")
    with pytest.raises(CodecError, match="cannot be read"):
        instance.result(timeout=0)


def test_a_legible_value_is_the_value_itself_if_it_can_be() -> None:
    """Only what cannot be read is replaced, and the given way to read comes first."""
    assert legible(encode(Order(3))) == Order(3)
    assert legible(encode(Order(3)), plain) == {"number": 3}
    assert legible(b"\x01[1") == legible(b"\x01[1", plain)
