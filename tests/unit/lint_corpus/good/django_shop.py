from django.core.mail import send_mail
from django.db import transaction
from shop.models import Order, Product

from wf import WorkflowEntrypoint, WorkflowTimeoutError


class Fulfil(WorkflowEntrypoint, name="fulfil"):
    async def run(self, event, step):
        pk = event.payload["order"]
        try:
            paid = await step.wait_for_event("payment", "paid", timeout="3 days")
        except WorkflowTimeoutError:
            return await step.do("cancel", lambda: cancel(pk))
        await step.do("mark paid", lambda: Order.objects.filter(pk=pk).update(paid=paid.payload["amount"]))
        await step.do("mail", lambda: send_mail("Thanks", "...", "shop@example.org", [event.payload["email"]]))

        def pack():
            with transaction.atomic():
                order = Order.objects.select_for_update().get(pk=pk)
                for line in order.lines.all():
                    Product.objects.filter(pk=line.product_id).update(stock=1)
                order.save()

        await step.do("pack", pack)
        return pk


def cancel(pk):
    order = Order.objects.get(pk=pk)
    order.delete()
