"""What happens to an order: it waits for its payment, then it is sent. The app never imports this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wf import WorkflowEntrypoint

if TYPE_CHECKING:
    from wf import Event, Step


class Order(WorkflowEntrypoint, name="order"):
    async def run(self, event: Event, step: Step) -> Any:
        order = event.payload
        payment = await step.wait_for_event("payment", "paid", timeout="3 days")

        @step.do("pack", config={"retries": {"limit": 5, "delay": "1 second"}})
        def pack() -> str:
            print(f"{order['quantity']} x {order['item']}, packed")
            return f"parcel-{order['id']}"

        return {"parcel": await pack(), "card": payment.payload["card"]}
