import logging
from datetime import timedelta
from decimal import Decimal

import httpx

from wf import NonRetryableError, WorkflowEntrypoint

logger = logging.getLogger(__name__)
RETRIES = {"retries": {"limit": 8, "delay": "2 seconds", "backoff": "exponential"}, "timeout": "30 seconds"}


class OrderWorkflow(WorkflowEntrypoint, name="order"):
    async def run(self, event, step):
        order = event.payload
        logger.info("order %s", order["id"])
        total = sum(Decimal(str(item["price"])) * item["quantity"] for item in order["items"])

        @step.do("reserve stock", config=RETRIES)
        async def reserve(ctx):
            async with httpx.AsyncClient() as client:
                answer = await client.post("https://stock.local/reserve", json=order["items"])
            if answer.status_code == 409:
                raise NonRetryableError("sold out")
            answer.raise_for_status()
            return answer.json()

        @step.do("charge card", config=RETRIES)
        async def charge(ctx):
            headers = {"Idempotency-Key": ctx.idempotency_key}
            async with httpx.AsyncClient() as client:
                answer = await client.post("https://pay.local/charge", json={"total": str(total)}, headers=headers)
            return answer.json()["id"]

        reservation = await reserve()
        try:
            payment = await charge()
        except NonRetryableError as error:
            logger.warning("card declined: %s", error)
            await step.do("release stock", lambda: httpx.delete(f"https://stock.local/{reservation['id']}"))
            return {"status": "declined"}
        due = event.timestamp + timedelta(days=3)
        await step.sleep_until("wait for shipping day", due)
        print("shipping", order["id"])
        await step.do("ship", lambda: httpx.post("https://ship.local", json={"order": order["id"], "paid": payment}))
        return {"status": "shipped", "total": total}
