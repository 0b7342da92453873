"""A workflow with a model for its params and for one of its events, of which the server of pages knows no class."""

from __future__ import annotations

from datetime import date  # noqa: TC003  # pydantic reads it
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from wf import WorkflowEntrypoint
from wf.workflow import registry

if TYPE_CHECKING:
    import pytest

    from tests.support.rig import Rig

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(1)</script>\u202e'


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Customer(BaseModel):
    name: str = Field(description=HOSTILE)
    email: str | None = None


class Order(BaseModel):
    item: str
    number: int = Field(ge=1, le=9)
    colour: Colour = Colour.RED
    due: date
    price: Decimal = Decimal("1.10")
    gift: bool = False
    customer: Customer


class Signed(BaseModel):
    by: str
    stars: int = Field(default=5, le=5)


class OrderFlow(WorkflowEntrypoint, name="paged-order", params=Order, events={"signed": Signed}):
    """Packs, and waits for a signature."""

    async def run(self, event: Any, step: Any) -> Any:
        await step.do("pack", lambda: "packed")
        got = await step.wait_for_event("signature", "signed", timeout="1 day")
        return [event.payload.item, got.payload.by]


GOOD = {"item": "hat", "number": 2, "due": "2027-02-03", "customer": {"name": "Ada", "email": None}}

FILLED = {
    "payload/item": "hat", "payload/number": "2", "payload/colour": '"blue"', "payload/due": "2027-02-03",
    "payload/price": "3.50", "payload/customer/name": "Ada", "payload/customer/email": "",
}  # fmt: skip
"""The same as a browser sends it, and blue."""


def only_workers_know(rig: Rig, monkeypatch: pytest.MonkeyPatch, cls: type[WorkflowEntrypoint] = OrderFlow) -> None:
    """Register a class as a worker does; from here on this process looks for it in vain, as the server of pages may."""
    rig.workers[0].catalog.register(cls)
    monkeypatch.delitem(registry._classes, cls.workflow_name)


def wait_for_signature(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring an order, `r-17`, to where it waits for its signature; the server does not know its class."""
    rig.create(OrderFlow, "r-17", GOOD)
    rig.settle()
    only_workers_know(rig, monkeypatch)
