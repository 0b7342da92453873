"""Typed params: a pydantic model describes the payload, is checked at creation, and is what `run` gets."""

from __future__ import annotations

import dataclasses
import traceback
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal  # noqa: TC003  # pydantic reads the annotations
from enum import Enum
from pathlib import PurePosixPath  # noqa: TC003  # as above
from types import new_class
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID, uuid4

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    field_serializer,
    field_validator,
)
from pydantic.alias_generators import to_camel

from tests.support.errands import by_name
from wf import SerializationError, WorkflowEntrypoint
from wf.codec import encode
from wf.errors import InvalidPayload
from wf.faults import decode_error, encode_error

if TYPE_CHECKING:
    from tests.support import Rig


class Colour(Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Customer(BaseModel):
    email: str = Field(pattern="@")
    born: date | None = None


class Order(BaseModel):
    customer: Customer
    amount: int = Field(gt=0)
    token: UUID = Field(default_factory=uuid4)


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    first_name: str
    inner_parts: list[Customer] = []


class Aliases(BaseModel):
    one: int = Field(alias="uno")
    two: int = Field(validation_alias=AliasChoices(AliasPath("deep", "two"), "dos"))
    three: int = Field(validation_alias=AliasPath("list", 1), serialization_alias="never")
    four: int = Field(validation_alias=AliasPath("list", 0))
    swapped_a: int = Field(alias="swapped_b")
    swapped_b: int = Field(alias="swapped_a")


class Everything(BaseModel):
    model_config = ConfigDict(extra="allow")

    at: datetime
    span: timedelta
    price: Decimal
    raw: bytes
    colour: Colour
    colours: dict[Colour, set[Colour]]
    point: Point
    pair: tuple[int, Customer]
    url: AnyUrl
    path: PurePosixPath
    hidden: int = Field(7, exclude=True)
    shown: date
    kind: Annotated[Customer | Literal["none"], Field()] = "none"

    @field_serializer("shown")
    def _show(self, value: date) -> str:
        return value.strftime("%d/%m/%y")


class Numbers(RootModel[list[int]]):
    pass


class Broken(BaseModel):
    n: int = 0

    @field_validator("n")
    @classmethod
    def _check(cls, n: int) -> int:
        if n == 13:
            raise KeyError("no thirteen")
        return n


class Vault(BaseModel):
    password: SecretStr


async def keep(self: Any, event: Any, step: Any) -> Any:
    """Tells what the first pass got, and what the last one got."""
    first = await step.do("between", lambda: repr(event.payload))
    return [first, repr(event.payload)]


def flow(model: type[BaseModel], name: str) -> type[WorkflowEntrypoint]:
    """A workflow with this model."""
    keywords = {"name": f"params-{name}", "params": model}
    return new_class("Typed", (WorkflowEntrypoint,), keywords, lambda body: body.update(run=keep))


ORDER = {"customer": {"email": "a@b", "born": "2000-02-29"}, "amount": "3"}
EVERYTHING = {
    "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))),
    "span": "PT90S", "price": "1.10", "raw": b"\xff", "colour": "red",
    "colours": {"red": ["red"]}, "point": {"x": 1}, "pair": [1, {"email": "@"}], "url": "http://a.b/c",
    "path": "/x/y", "hidden": 8, "shown": "2026-01-02", "kind": {"email": "k@"},
    "more": [datetime(2026, 1, 1, tzinfo=UTC)],
}  # fmt: skip
ALIASES = {"uno": 1, "dos": 2, "list": [4, 3], "swapped_b": 5, "swapped_a": 6}


CASES = [
    (Order, {**ORDER, "token": "12345678-1234-5678-1234-567812345678"}),
    (Camel, {"firstName": "A", "innerParts": [{"email": "@"}]}),
    (Aliases, ALIASES),
    (Everything, EVERYTHING),
    (Numbers, [1, "2"]),
]


@pytest.mark.parametrize(("model", "payload"), CASES, ids=lambda case: getattr(case, "__name__", ""))
@pytest.mark.parametrize("given", ["mapping", "instance"])
def test_run_gets_the_same_model_live_and_replayed(rig: Rig, model: Any, payload: Any, given: str) -> None:
    """Whatever the fields, types and aliases: every pass gets what was given, and the journal names no class."""
    wanted = model.model_validate(payload)
    instance = rig.create(flow(model, f"{model.__name__}-{given}"), params=payload if given == "mapping" else wanted)
    for nudge in rig.take():
        rig.advance(nudge)
    rig.workers[0].engine.passes.clear()  # what comes next replays from the journal
    rig.settle()
    assert instance.result(timeout=1) == [repr(wanted)] * 2
    text = bytes(rig.sql("select params from wf.payload")[0][0]).decode()
    assert '"c":' not in text, "a class is named in the journal"


def test_defaults_are_filled_in_once(rig: Rig) -> None:
    """What a default made up at creation is what every pass gets, and what clients see."""
    instance = rig.create(flow(Order, "defaults"), params=ORDER)
    shown = instance.describe().params
    assert shown == {"customer": {"email": "a@b", "born": date(2000, 2, 29)}, "amount": 3, "token": shown["token"]}
    rig.settle()
    assert instance.result(timeout=1) == [repr(Order.model_validate(shown))] * 2


def test_each_pass_gets_a_model_of_its_own(rig: Rig) -> None:
    """Changes that `run` makes to its payload are not there at the next replay."""

    async def run(self: Any, event: Any, step: Any) -> Any:
        event.payload.root.append(7)
        await step.do("between", lambda: None)
        return event.payload.root

    body = {"run": run}
    cls = new_class(
        "Changes", (WorkflowEntrypoint,), {"name": "params-changes", "params": Numbers}, lambda b: b.update(body)
    )
    instance = rig.create(cls, params=[1])
    for nudge in rig.take():
        rig.advance(nudge)
    rig.workers[0].engine.passes.clear()
    rig.settle()
    assert instance.result(timeout=1) == [1, 7]


@pytest.mark.parametrize("named", ["class", "name"])
def test_a_payload_that_does_not_fit_is_refused_at_creation(rig: Rig, named: str) -> None:
    """The error names the fields and the problem, never the values, and nothing is created."""
    cls = flow(Order, f"refused-{named}")
    workflow = rig.client.workflow(cls) if named == "class" else by_name(rig, cls)
    payload = {"customer": {"email": "hunter2"}, "amount": 0}
    with pytest.raises(InvalidPayload) as caught:
        workflow.create("r-17", payload)
    error = caught.value
    assert isinstance(error, ValueError)
    assert (error.code, error.workflow) == ("payload.invalid", cls.workflow_name)
    assert [fault["loc"] for fault in error.errors] == [("customer", "email"), ("amount",)]
    assert all(set(fault) == {"type", "loc", "msg"} for fault in error.errors)
    assert "customer.email: String should match pattern" in str(error)
    assert "amount: Input should be greater than 0" in str(error)
    assert "hunter2" not in "".join(traceback.format_exception(error))
    assert rig.sql("select count(*) from wf.instance") == [(0,)]


@pytest.mark.parametrize("payload", [None, [], "text", Customer(email="a@b")])
def test_something_that_is_no_such_model_is_refused(rig: Rig, payload: Any) -> None:
    """No payload, another type and an instance of another model do not fit."""
    with pytest.raises(InvalidPayload):
        rig.create(flow(Order, "other"), params=payload)


def test_an_instance_of_the_model_that_was_spoilt_is_refused(rig: Rig) -> None:
    """A model that was changed past its own rules could not be read by `run`."""
    order = Order.model_validate(ORDER)
    order.amount = -1
    with pytest.raises(InvalidPayload, match="amount"):
        rig.create(flow(Order, "spoilt"), params=order)


def test_every_entry_of_a_batch_is_checked(rig: Rig) -> None:
    """One payload that does not fit refuses the whole batch; a shared one is checked, too."""
    workflow = rig.client.workflow(flow(Order, "batch"))
    with pytest.raises(InvalidPayload) as caught:
        workflow.create_batch([{"params": ORDER}, {"params": {}}])
    assert "entry 1" in caught.value.__notes__[0]
    with pytest.raises(InvalidPayload):
        workflow.create_batch(count=2)
    assert rig.sql("select count(*) from wf.instance") == [(0,)]
    assert len(workflow.create_batch(count=2, params=ORDER).created) == 2


def test_a_secret_is_not_stored_by_mistake(rig: Rig) -> None:
    """A field that hides its value cannot be journaled; the error names the path and not the value."""
    with pytest.raises(SerializationError, match=r"\$\.password") as caught:
        rig.create(flow(Vault, "vault"), params={"password": "hunter2"})
    assert "hunter2" not in str(caught.value)


def raw(rig: Rig, cls: type[WorkflowEntrypoint], payload: Any) -> Any:
    """An instance as a process creates it that does not know the class."""
    rig.workers[0].catalog.register(cls)
    name, version = cls.workflow_name, cls.workflow_version
    made = rig.client.catalog.create(
        name, "raw", version, encode(payload), trigger="binding", due_in=0, execute=rig.client.execute(None)
    )
    assert made is not None
    rig.pass_time(1)
    return rig.client.workflow(name).get("raw")


def test_without_the_class_at_hand_the_payload_is_checked_when_run_starts(rig: Rig) -> None:
    """The instance is errored with the same error, at once and for good."""
    instance = raw(rig, flow(Order, "late"), {"customer": {"email": "hunter2"}, "amount": 0})
    assert instance.status().status == "errored"
    with pytest.raises(InvalidPayload, match="amount: Input should be greater than 0") as caught:
        instance.result(timeout=1)
    assert [fault["loc"] for fault in caught.value.errors] == [("customer", "email"), ("amount",)]
    assert "hunter2" not in str(instance.describe().error)


def test_without_the_class_at_hand_a_good_payload_becomes_a_model(rig: Rig) -> None:
    """`run` gets the model of what was stored as it was given, aliases and all."""
    instance = raw(rig, flow(Aliases, "raw"), ALIASES)
    assert instance.result(timeout=1) == [repr(Aliases.model_validate(ALIASES))] * 2


def test_a_validator_that_raises_something_else_ends_the_instance(rig: Rig) -> None:
    """An author's own error in a validator is not retried for ever, either."""
    instance = raw(rig, flow(Broken, "broken"), {"n": 13})
    with pytest.raises(KeyError, match="no thirteen"):
        instance.result(timeout=1)


def test_validation_errors_survive_the_journal() -> None:
    """Rebuilt from the journal, the error has its workflow, its faults and its text."""
    error = InvalidPayload("w", "Order", [{"type": "missing", "loc": ("a", 0), "msg": "Field required"}])
    back = decode_error(encode_error(error))
    assert isinstance(back, InvalidPayload)
    assert (str(back), back.workflow, back.errors) == (str(error), "w", error.errors)
    assert str(error) == "The payload of workflow 'w' does not fit Order: a.0: Field required."
