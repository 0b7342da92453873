"""What happens to an order. Workers import this module of each installed app."""

from django.db import transaction
from django.db.models import F

from shop.models import Order, Product
from wf import WorkflowEntrypoint, WorkflowTimeoutError


class OrderFlow(WorkflowEntrypoint, name="order"):
    """Wait for the money; without it, put the goods back."""

    async def run(self, event, step):
        order_id = event.payload["order"]
        try:
            paid = await step.wait_for_event("payment", "paid", timeout="3 days")
        except WorkflowTimeoutError:
            return await step.do("cancel", lambda: cancel(order_id))
        receipt = await step.do("mark paid", lambda: mark_paid(order_id, paid.payload["amount"]))
        return {"receipt": receipt}


# The ORM belongs into plain functions: Django refuses it in `async def`, as everywhere. A step may run again after a
# crash, so each function is written so that the second time changes nothing.


def mark_paid(order_id, amount):
    receipt = f"R-{order_id}-{amount}"
    Order.objects.filter(pk=order_id).update(status=Order.Status.PAID, receipt=receipt)
    return receipt


def cancel(order_id):
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.status == Order.Status.NEW:
            Product.objects.filter(pk=order.product_id).update(stock=F("stock") + order.quantity)
            order.status = Order.Status.CANCELLED
            order.save(update_fields=["status"])
    return order.status
